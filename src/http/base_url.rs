use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

use crate::error::{Error, Result};

/// A service's base URL: https without a query, to which paths are appended. Plain http is for loopback alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Parses a base URL; a trailing slash makes no difference. `INVALID_ARGUMENT`, with what is wrong.
    pub fn parse(text: &str) -> Result<BaseUrl> {
        let refuse = |why: &str| Error::invalid_argument(format!("the service URL {why}"));
        let text = text.trim_ascii();
        let uri: Uri = text.parse().map_err(|_| refuse("is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| refuse("must be absolute and https"))?;
        // `Uri` drops a fragment silently.
        if uri.query().is_some() || text.contains('#') {
            return Err(refuse("must not have a query or a fragment"));
        }
        if authority.as_str().contains('@') {
            return Err(refuse("must not contain credentials"));
        }
        // Browsers read a backslash as a slash.
        if uri.path().contains('\\') || !uri.path().is_ascii() {
            return Err(refuse("has a path that is not one"));
        }
        if !is_port(authority.as_str(), authority.host()) {
            return Err(refuse("has a port that is not one"));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(authority.host()) => {}
            Some("http") => return Err(refuse("must be https, unless the host is localhost")),
            _ => return Err(refuse("must be absolute and https")),
        }
        Ok(BaseUrl(text.trim_end_matches('/').to_owned()))
    }

    /// Otherwise the host is loopback.
    pub(super) fn is_https(&self) -> bool {
        self.0.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    }

    /// The URL, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether what follows the host is nothing, or a port as browsers read it: `Uri` takes a sign, and any number.
fn is_port(authority: &str, host: &str) -> bool {
    match authority.strip_prefix(host) {
        Some("") => true,
        Some(port) => port
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()),
        None => false,
    }
}

/// Only names and spellings of addresses that every resolver reads as loopback (RFC 6761, section 6.3, for `localhost`).
fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => {
            host == "localhost"
                || host.strip_suffix(".localhost").is_some_and(is_name)
                || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;

    #[test]
    fn https_and_loopback_are_taken() {
        for text in [
            "https://example.com/vault",
            "HTTPS://Example.com",
            "http://127.0.0.1:3000/vault/",
            "http://127.255.0.9",
            "http://[::1]:80/x",
            "http://[0:0:0:0:0:0:0:1]",
            "http://localhost",
            "http://LOCALHOST:1",
            "http://app.localhost",
        ] {
            assert!(BaseUrl::parse(text).is_ok(), "{text}");
        }
        assert_eq!(BaseUrl::parse("https://a.test/vault/").unwrap().as_str(), "https://a.test/vault");
    }

    #[test]
    fn what_would_send_a_token_in_the_clear_or_astray_is_refused() {
        for text in [
            "",
            "/vault",
            "example.com",
            "http://example.com/vault",
            "http://127.0.0.1.example.com",
            "ftp://localhost",
            "https://user:word@example.com",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "javascript:alert(1)",
            "https://",
            "https://a b.test",
            "https://a.test:port",
            "https://a.test:+80",
            "https://a.test:65536",
            "http://127.1",
            "http://127.0.0.01",
            "http://127.0.0.256",
            "http://0127.0.0.1",
            "http://[::2]",
            "http://[1]",
            "http://[::11]",
            "http://[0:1]",
            "http://[::f:1]",
            "https://a.test/a b",
            "http://localhost\\@example.com",
            "http://[::1",
            "http://[::1]example.com",
        ] {
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
    }
}
