//! The address of this server as the client of a request knows it, which URLs of files begin with.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request},
    http::{header::HOST, request::Parts, uri::Authority},
};

use crate::{
    client_address::Proxies,
    config::Config,
    error::{Error, Result},
};

/// The host of requests that name none, as those made in this process.
const NO_HOST: &str = "localhost";

/// What is known of it beside the request.
#[derive(Clone, Debug)]
pub(crate) struct OwnAddresses {
    /// What the operator says, without a slash at the end.
    configured: Option<String>,
    has_tls: bool,
}

impl OwnAddresses {
    pub(crate) fn of(config: &Config) -> Self {
        let configured = config.service_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        Self { configured, has_tls: config.tls.certificate.is_some() }
    }

    /// By what the request says, where the operator does not: a client that lies about it gets URLs that lead elsewhere,
    /// and nobody else does.
    pub(crate) fn in_request(&self, request: &Request, proxies: &Proxies) -> OwnAddress {
        if let Some(configured) = &self.configured {
            return OwnAddress(configured.clone());
        }
        let named = request.uri().authority().cloned();
        let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let host = named.or(host).filter(|host| !host.as_str().contains('@') && !host.host().is_empty());
        let connection = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.ip().to_canonical());
        let is_https = self.has_tls || connection.is_some_and(|address| proxies.speak_tls(address, request.headers()));
        let scheme = if is_https { "https" } else { "http" };
        OwnAddress(format!("{scheme}://{}", host.as_ref().map_or(NO_HOST, Authority::as_str)))
    }
}

/// `https://vault.example.org`: a URL without a slash at the end.
#[derive(Clone, Debug)]
pub(crate) struct OwnAddress(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for OwnAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let own = parts.extensions.get().cloned();
        Ok(own.unwrap_or_else(|| Self(format!("http://{NO_HOST}"))))
    }
}

/// Refuses what is no URL that another one can begin with.
pub(crate) fn check(url: &str) -> Result<()> {
    let uri = url.parse::<axum::http::Uri>().ok();
    let fits = uri.is_some_and(|uri| {
        let has_host = uri.host().is_some() && !url.contains(['@', '?', '#', '"', '<', '>', ' ']);
        matches!(uri.scheme_str(), Some("https" | "http")) && has_host
    });
    if fits { Ok(()) } else { Err(Error::fault("service_url is no URL such as https://vault.example.org")) }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::config::ForwardedHeader;

    fn own(configured: Option<&str>, header: ForwardedHeader, connection: &str, headers: &[(&str, &str)]) -> String {
        let config = Config { service_url: configured.map(str::to_owned), ..Config::new("data") };
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(connection.parse().unwrap(), 1234)));
        for (name, value) in headers {
            request.headers_mut().append(axum::http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let proxies = Proxies { trusted: ["10.0.0.0/8".parse().unwrap()].into(), header };
        OwnAddresses::of(&config).in_request(&request, &proxies).0
    }

    #[test]
    fn the_host_is_the_requests_and_a_trusted_proxy_says_whether_it_speaks_tls() {
        use ForwardedHeader::{Forwarded, XForwardedFor};
        let host = ("host", "vault.example.org:8443");
        for (header, connection, headers, expected) in [
            (XForwardedFor, "203.0.113.9", vec![host], "http://vault.example.org:8443"),
            (XForwardedFor, "203.0.113.9", vec![host, ("x-forwarded-proto", "https")], "http://vault.example.org:8443"),
            (XForwardedFor, "10.0.0.1", vec![host, ("x-forwarded-proto", "https")], "https://vault.example.org:8443"),
            (XForwardedFor, "10.0.0.1", vec![host, ("x-forwarded-proto", "http")], "http://vault.example.org:8443"),
            (XForwardedFor, "10.0.0.1", vec![host, ("forwarded", "proto=https")], "http://vault.example.org:8443"),
            (
                Forwarded,
                "10.0.0.1",
                vec![host, ("forwarded", "for=1.1.1.1;proto=https")],
                "https://vault.example.org:8443",
            ),
            (Forwarded, "10.0.0.1", vec![host, ("forwarded", "for=1.1.1.1")], "http://vault.example.org:8443"),
            (XForwardedFor, "203.0.113.9", vec![("host", "a@b")], "http://localhost"),
            (XForwardedFor, "203.0.113.9", vec![("host", "a/b")], "http://localhost"),
            (XForwardedFor, "203.0.113.9", vec![("host", "a b\"")], "http://localhost"),
        ] {
            assert_eq!(own(None, header, connection, &headers), expected, "{connection} {headers:?}");
        }
    }

    #[test]
    fn what_the_operator_says_goes_before() {
        let configured = Some("https://example.org/vaultshare/");
        let headers = [("host", "elsewhere.example")];
        let own = own(configured, ForwardedHeader::XForwardedFor, "203.0.113.9", &headers);
        assert_eq!(own, "https://example.org/vaultshare");
        assert!(check("https://example.org/vaultshare").is_ok() && check("http://127.0.0.1:3000").is_ok());
        for url in ["example.org", "ftp://example.org", "https://a@example.org", "https://example.org/?a", "https://"] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}
