//! Where the two services are: the `.environment.yaml` of the guides.

use std::{fs, rc::Rc};

use anyhow::Context;
use serde::Deserialize;
use vaultshare::{
    http::RequestPolicy,
    workflows::{Client, ClientOptions},
};

use crate::{arguments::Place, transport::HttpTransport};

#[derive(Deserialize)]
struct Environment {
    vault: Service,
    keystore: Service,
}

#[derive(Deserialize)]
struct Service {
    url: String,
    #[serde(default)]
    subscription_key: Option<String>,
}

/// A client for the place that options or environment file name.
pub(crate) fn client(place: &Place) -> anyhow::Result<Client> {
    let environment = match (&place.vault_url, &place.keystore_url) {
        (Some(vault), Some(keystore)) => {
            let service = |url: &String| Service { url: url.clone(), subscription_key: None };
            Environment { vault: service(vault), keystore: service(keystore) }
        }
        _ => read(place)?,
    };
    let options = ClientOptions {
        vault_url: environment.vault.url,
        keystore_url: environment.keystore.url,
        subscription_key: environment.vault.subscription_key.or(environment.keystore.subscription_key),
        policy: RequestPolicy::default(),
    };
    Ok(Client::new(&options, Rc::new(HttpTransport::new()?))?)
}

fn read(place: &Place) -> anyhow::Result<Environment> {
    let file = place.environment.display();
    let text = fs::read_to_string(&place.environment).with_context(|| {
        format!("cannot read {file}; write one, or name the services by --vault-url and --keystore-url")
    })?;
    serde_norway::from_str(&text).with_context(|| format!("{file} does not say where Vault and Keystore are"))
}
