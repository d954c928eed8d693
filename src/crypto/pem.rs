//! Keys as PEM (RFC 7468): one block, nothing around it, written with CRLF line ends as the peers write it.

use zeroize::Zeroizing;

use crate::crypto::encoding::{from_base64, to_base64};

/// The longest PEM that is read: a private key of 8192 bits needs half of it.
const MAX_TEXT_BYTES: usize = 16 * 1024;

const LETTERS_PER_LINE: usize = 64;

/// The label between the dashes, and the DER. `None` for anything that is not one PEM block.
///
/// White space around the block and within its base64 is accepted, and lines of any width: people paste keys.
pub(crate) fn decode(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let text = text.trim_ascii();
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once('-')?;
    let rest = rest.strip_prefix("----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    // The label has a line of its own, and so has the end.
    if !body.starts_with(['\r', '\n']) || !body.ends_with('\n') {
        return None;
    }
    let mut letters = Zeroizing::new(String::with_capacity(body.len()));
    letters.extend(body.chars().filter(|letter| !letter.is_ascii_whitespace()));
    let der = from_base64(&letters).map(Zeroizing::new)?;
    (!der.is_empty()).then_some((label, der))
}

/// The PEM of a DER, CRLF line ends, trailing CRLF.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let letters = Zeroizing::new(to_base64(der));
    let lines = letters.len() / LETTERS_PER_LINE + 1;
    // In one piece from the start: a text that grows would leave copies of a private key behind.
    let mut text = String::with_capacity(letters.len() + 2 * lines + 2 * label.len() + 40);
    for part in ["-----BEGIN ", label, "-----\r\n"] {
        text.push_str(part);
    }
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at_checked(LETTERS_PER_LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push_str("\r\n");
        rest = others;
    }
    for part in ["-----END ", label, "-----\r\n"] {
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 2, 3, 47, 48, 49, 96, 1000] {
            let der: Vec<u8> = (0..length).map(|place| (place * 37) as u8).collect();
            let text = encode("PUBLIC KEY", &der);
            assert!(text.lines().all(|line| line.len() <= 64) && text.ends_with("-----END PUBLIC KEY-----\r\n"));
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
            let (label, again) = decode(&text).unwrap();
            assert_eq!((label, again.as_slice()), ("PUBLIC KEY", der.as_slice()));
            assert_eq!(decode(&format!(" \n{}\n", text.replace("\r\n", "\n"))).unwrap().1, again);
        }
    }

    #[test]
    fn both_letters_beyond_the_alphabet_are_those_of_standard_base64() {
        assert_eq!(encode("X", &[0xfb, 0xff]), "-----BEGIN X-----\r\n+/8=\r\n-----END X-----\r\n");
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
        assert_eq!(decode(&encode("X", &vec![0; MAX_TEXT_BYTES])), None);
    }
}
