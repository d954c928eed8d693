use ::http::Uri;

use crate::error::{Error, Result};

/// Where a service is: an https URL without query, to which paths are appended. Plain http is for loopback alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads a base URL; a slash at its end makes no difference.
    pub fn parse(text: &str) -> Result<BaseUrl> {
        let refuse = |why: &str| Error::invalid_argument(format!("the service URL {why}"));
        let uri: Uri = text.trim().parse().map_err(|_| refuse("is not a URL"))?;
        let host = uri.host().unwrap_or_default();
        match uri.scheme_str() {
            Some("https") if !host.is_empty() => {}
            Some("http") if is_loopback(host) => {}
            Some("http") => return Err(refuse("must be https, unless the host is localhost")),
            _ => return Err(refuse("must be absolute and https")),
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(refuse("must not have a query or a fragment"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(refuse("must not contain credentials"));
        }
        Ok(BaseUrl(text.trim().trim_end_matches('/').to_owned()))
    }

    /// The URL without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;

    #[test]
    fn https_and_loopback_are_taken() {
        for text in
            ["https://example.com/vault", "http://127.0.0.1:3000/vault/", "http://[::1]:80/x", "http://localhost"]
        {
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
        ] {
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
    }
}
