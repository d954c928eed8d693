//! Keys as PEM (RFC 7468): one block, nothing around it, written with CRLF line ends as the peers write it.

use pem_rfc7468::{Decoder, LineEnding};
use zeroize::Zeroizing;

/// The longest PEM that is read: a private key of 8192 bits needs half of it.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// The label between the dashes, and the DER. `None` for anything that is not one PEM block.
///
/// White space around the block and its lines, blank lines, and lines of any width are accepted: people paste keys.
pub(crate) fn decode(text: &str) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let text = text.trim_ascii();
    // The decoder would skip other text before the block.
    if text.len() > MAX_TEXT_BYTES || !text.starts_with("-----BEGIN ") {
        return None;
    }
    let mut lines = text.lines().map(str::trim_ascii).filter(|line| !line.is_empty());
    let (begin, end) = (lines.next()?, lines.next_back()?);
    // In one line, as wide as it is: the decoder wants all lines but the last to be of one width.
    let mut block = Zeroizing::new(String::with_capacity(text.len() + 2));
    block.push_str(begin);
    block.push('\n');
    lines.for_each(|line| block.push_str(line));
    block.push('\n');
    block.push_str(end);
    let mut decoder = Decoder::new_detect_wrap(block.as_bytes()).ok()?;
    let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
    decoder.decode(&mut der).ok()?;
    decoder.is_finished().then(|| (decoder.type_label().to_owned(), der))
}

/// The PEM of a DER with a trailing CRLF. `None` only for input too large to be a key.
pub(crate) fn encode(label: &str, der: &[u8]) -> Option<String> {
    pem_rfc7468::encode_string(label, LineEnding::CRLF, der).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 2, 3, 47, 48, 49, 96, 1000] {
            let der: Vec<u8> = (0..length).map(|index| (index * 37) as u8).collect();
            let text = encode("PUBLIC KEY", &der).unwrap();
            assert!(text.lines().all(|line| line.len() <= 64) && text.ends_with("-----END PUBLIC KEY-----\r\n"));
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
            let (label, again) = decode(&text).unwrap();
            assert_eq!((label.as_str(), again.as_slice()), ("PUBLIC KEY", der.as_slice()));
            assert_eq!(decode(&format!(" \n{}\n", text.replace("\r\n", "\n"))).unwrap().1, again);
        }
    }

    #[test]
    fn a_block_may_be_indented_spaced_and_wrapped_anyhow() {
        let der: Vec<u8> = (0..200).collect();
        let text = encode("PRIVATE KEY", &der).unwrap();
        let indented = text.replace("\r\n", "  \n    ");
        let spaced = text.replace("-----\r\n", "-----\n\n");
        let mut uneven = text.replace("\r\n", "\n");
        uneven.insert(40, '\n');
        for pasted in [indented, spaced, uneven] {
            assert_eq!(decode(&pasted).unwrap().1.as_slice(), der, "{pasted}");
        }
    }

    #[test]
    fn the_alphabet_is_that_of_standard_base64() {
        assert_eq!(encode("X", &[0xfb, 0xff]).unwrap(), "-----BEGIN X-----\r\n+/8=\r\n-----END X-----\r\n");
        assert_eq!(decode("-----BEGIN X-----\n-_8=\n-----END X-----"), None);
    }

    #[test]
    fn anything_but_one_whole_block_is_refused() {
        let block = "-----BEGIN X-----\nQUJD\n-----END X-----";
        assert!(decode(block).is_some());
        for text in [
            "",
            "QUJD",
            "-----BEGIN X-----\nQUJD",
            "-----BEGIN X-----\nQUJD\n-----END Y-----",
            "-----BEGIN X-----\n\n-----END X-----",
            "-----BEGIN X-----\nQUJ\n-----END X-----",
            "-----BEGIN X-----\nQUJD\n----END X-----",
            "-----BEGIN X----\nQUJD\n-----END X-----",
            "-----BEGIN X-----QUJD-----END X-----",
            "-----BEGIN X-----\nQUJD=\n-----END X-----",
            "-----BEGIN X-----\nA: b\n\nQUJD\n-----END X-----",
            "text -----BEGIN X-----\nQUJD\n-----END X-----",
            "-----BEGIN X-----\nQUJD\n-----END X-----\ntext",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert_eq!(decode(&format!("{block}\n{block}")), None);
        assert_eq!(decode(&encode("X", &vec![0; MAX_TEXT_BYTES]).unwrap()), None);
    }
}
