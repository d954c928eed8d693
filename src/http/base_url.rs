use crate::decimal::from_decimal;
use crate::error::{Error, Result};

/// Where a service is: an https URL without query, to which paths are appended. Plain http is for loopback alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads a base URL; a slash at its end makes no difference.
    pub fn parse(text: &str) -> Result<BaseUrl> {
        let refuse = |why: &str| Error::invalid_argument(["the service URL ", why].concat());
        let text = text.trim_ascii();
        let (scheme, rest) = text.split_once(':').ok_or_else(|| refuse("must be absolute and https"))?;
        let rest = rest.strip_prefix("//").ok_or_else(|| refuse("must be absolute and https"))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains(['?', '#']) {
            return Err(refuse("must not have a query or a fragment"));
        }
        if authority.contains('@') {
            return Err(refuse("must not contain credentials"));
        }
        // A backslash would be a slash to browsers.
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(refuse("has a path that is not one"));
        }
        let host = host_of(authority).ok_or_else(|| refuse("has a host or port that is not one"))?;
        if scheme.eq_ignore_ascii_case("http") {
            if !is_loopback(host) {
                return Err(refuse("must be https, unless the host is localhost"));
            }
        } else if !scheme.eq_ignore_ascii_case("https") {
            return Err(refuse("must be absolute and https"));
        }
        Ok(BaseUrl(text.trim_end_matches('/').to_owned()))
    }

    /// The URL without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host of `host` or `host:port`, of the letters that hosts are written with.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let is_address =
                !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
            (is_address.then_some(address)?, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_name =
                !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            (is_name.then_some(host)?, port)
        }
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || is_loopback_of_ipv6(&host) || is_loopback_of_ipv4(&host)
}

/// `127.x.y.z`, in no other spelling: browsers read more, and not all as loopback.
fn is_loopback_of_ipv4(host: &str) -> bool {
    let is_byte = |part: &str| from_decimal(part).is_some_and(|number| number <= 255);
    host.starts_with("127.") && host.split('.').count() == 4 && host.split('.').all(is_byte)
}

/// In its shortest spelling or its longest.
fn is_loopback_of_ipv6(host: &str) -> bool {
    matches!(host, "::1" | "0:0:0:0:0:0:0:1" | "0000:0000:0000:0000:0000:0000:0000:0001")
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
