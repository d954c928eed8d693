use super::BaseUrl;
use crate::error::{Error, ErrorCode, Result};

/// Where a server says that the bytes of a file are, with a query that permits to read or write them: of this server, or of a
/// store of its choice. Requests there carry neither the session's token nor anything else of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl(String);

impl SignedUrl {
    /// `BAD_RESPONSE` for what no file of this service would be at: anything but https, or loopback of a service that is there
    /// too, and a URL without a query.
    pub(super) fn parse(text: &str, service: &BaseUrl) -> Result<SignedUrl> {
        let refused = || Error::new(ErrorCode::BadResponse, "the server names no address for the file");
        let (base, query) = text.split_once('?').ok_or_else(refused)?;
        let base = BaseUrl::parse(base).map_err(|_| refused())?;
        // A public service has no business with what else runs on the user's machine.
        if !base.is_https() && service.is_https() {
            return Err(refused());
        }
        let is_query = !query.contains('#') && query.bytes().all(|byte| byte.is_ascii_graphic());
        if is_query { Ok(SignedUrl(text.to_owned())) } else { Err(refused()) }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_with_a_query_is_taken() {
        let [local, public] =
            ["http://localhost:1/vault", "https://vault.test"].map(|url| BaseUrl::parse(url).unwrap());
        for text in ["https://store.test/a/b?sig=x%2F&se=1", "http://127.0.0.1:1/vault/blobs/a?signature=b"] {
            assert_eq!(SignedUrl::parse(text, &local).unwrap().as_str(), text);
            assert_eq!(SignedUrl::parse(text, &public).is_ok(), text.starts_with("https"), "{text}");
        }
        for text in [
            "",
            "https://store.test/a",
            "http://store.test/a?sig=x",
            "javascript:alert(1)?a",
            "/blobs/a?b",
            "https://user:word@store.test/a?b",
            "https://store.test/a?b#c",
            "https://store.test/a?b c",
            "https://store.test/a?b\r\nx: y",
            "file:///etc/passwd?a",
        ] {
            let error = SignedUrl::parse(text, &local).unwrap_err();
            assert_eq!(error.code(), ErrorCode::BadResponse, "{text}");
        }
    }
}
