//! Keys as PEM: one block, nothing around it, written with CRLF line ends as the peers write it.

use pem_rfc7468::{Decoder, LineEnding};
use zeroize::Zeroizing;

/// The longest PEM that is read: a private key of 8192 bits needs half of it.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// The label between the dashes, and the DER. `None` for anything that is not one PEM block.
///
/// White space around the block and lines of another width than 64 are accepted: people paste keys.
pub(crate) fn decode(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let text = text.trim();
    if text.len() > MAX_TEXT_BYTES || !text.starts_with("-----BEGIN ") {
        return None;
    }
    let mut decoder = Decoder::new_detect_wrap(text.as_bytes()).ok()?;
    let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
    decoder.decode(&mut der).ok()?;
    decoder.is_finished().then(|| (decoder.type_label(), der))
}

/// The PEM of a DER, CRLF line ends, trailing CRLF. `None` only for input too large to be a key.
pub(crate) fn encode(label: &str, der: &[u8]) -> Option<String> {
    let mut text = pem_rfc7468::encode_string(label, LineEnding::CRLF, der).ok()?;
    if !text.ends_with("\r\n") {
        text.push_str("\r\n");
    }
    Some(text)
}
