//! The URLs of the two services: options, or the `.environment.yaml` of the guides.

use std::rc::Rc;

use anyhow::Context;
use serde::Deserialize;
use vaultshare::{
    http::RequestPolicy,
    workflows::{Client, ClientOptions},
};

use crate::{arguments::ServiceUrls, transport::HttpTransport, yaml};

/// A key at the wrong place would be ignored, and the server's refusal blame something else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Environment {
    vault: Service,
    keystore: Service,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    url: String,
    #[serde(default)]
    subscription_key: Option<String>,
}

/// A client of the services that options or environment file name.
pub(crate) fn client(urls: &ServiceUrls) -> anyhow::Result<Client> {
    let environment = match (&urls.vault_url, &urls.keystore_url) {
        (Some(vault), Some(keystore)) => {
            let service = |url: &String| Service { url: url.clone(), subscription_key: None };
            Environment { vault: service(vault), keystore: service(keystore) }
        }
        _ => read(urls)?,
    };
    let options = ClientOptions {
        vault_url: environment.vault.url,
        keystore_url: environment.keystore.url,
        subscription_key: urls
            .subscription_key
            .clone()
            .or(environment.vault.subscription_key)
            .or(environment.keystore.subscription_key),
        policy: RequestPolicy::default(),
    };
    Ok(Client::new(&options, Rc::new(HttpTransport::new()?))?)
}

fn read(urls: &ServiceUrls) -> anyhow::Result<Environment> {
    let text = yaml::read(&urls.environment)
        .context("no services: write this file, or name them by --vault-url and --keystore-url")?;
    yaml::parse(&urls.environment, &text, "a file that says where Vault and Keystore are")
}
