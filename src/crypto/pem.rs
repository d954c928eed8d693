//! Keys as PEM (RFC 7468), written with CRLF line ends as the peers write it, and read as people paste it.

use pem_rfc7468::{Decoder, LineEnding};
use zeroize::Zeroizing;

/// The longest text that is read: a private key of 8192 bits with what `openssl -text` prints above it.
const MAX_TEXT_BYTES: usize = 32 * 1024;

/// The DER in the first block with one of these labels, and its label. `None` where there is none, or what it holds is no
/// base64.
///
/// Takes what node-forge or OpenSSL takes: text and other blocks around it, headers (RFC 1421), base64 in lines of any width
/// or in none, with any white space, and with or without its padding.
pub(crate) fn decode<'a>(text: &str, labels: &[&'a str]) -> Option<(&'a str, Zeroizing<Vec<u8>>)> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let (label, content) = text.split("-----BEGIN ").skip(1).find_map(|block| {
        let (label, rest) = block.split_once("-----")?;
        let label = labels.iter().find(|wanted| **wanted == label)?;
        let (content, _) = rest.split_once(&format!("-----END {label}-----"))?;
        Some((*label, content.trim_start()))
    })?;
    let headers_end = if content.contains(':') { content.lines().position(|line| line.trim().is_empty())? } else { 0 };
    let characters = content.lines().skip(headers_end).flat_map(str::chars);
    // In one line, as wide as it is: the decoder wants all lines but the last to be of one width.
    let mut block = Zeroizing::new(String::with_capacity(text.len() + 4));
    block.extend(["-----BEGIN ", label, "-----\n"]);
    let start = block.len();
    block.extend(characters.filter(|&character| !character.is_whitespace() && character != '='));
    while !(block.len() - start).is_multiple_of(4) {
        block.push('=');
    }
    block.extend(["\n-----END ", label, "-----"]);
    let mut decoder = Decoder::new_detect_wrap(block.as_bytes()).ok()?;
    let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
    decoder.decode(&mut der).ok()?;
    decoder.is_finished().then_some((label, der))
}

/// The PEM of a DER with a trailing CRLF. `None` only for input too large to be a key.
pub(crate) fn encode(label: &str, der: &[u8]) -> Option<String> {
    pem_rfc7468::encode_string(label, LineEnding::CRLF, der).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [&str; 2] = ["PRIVATE KEY", "X"];

    fn read(text: &str) -> Option<Vec<u8>> {
        decode(text, &LABELS).map(|(_, der)| der.to_vec())
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 2, 3, 47, 48, 49, 96, 1000] {
            let der: Vec<u8> = (0..length).map(|index| (index * 37) as u8).collect();
            let text = encode("PRIVATE KEY", &der).unwrap();
            assert!(text.lines().all(|line| line.len() <= 64) && text.ends_with("-----END PRIVATE KEY-----\r\n"));
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
            let (label, again) = decode(&text, &LABELS).unwrap();
            assert_eq!((label, again.as_slice()), ("PRIVATE KEY", der.as_slice()));
        }
    }

    #[test]
    fn a_block_is_read_as_people_paste_it() {
        let der: Vec<u8> = (0..200).collect();
        let text = encode("PRIVATE KEY", &der).unwrap().replace("\r\n", "\n");
        let lines = || text.lines();
        let indented: Vec<_> = lines().map(|line| format!("\t  {line}  ")).collect();
        let mut uneven = text.clone();
        uneven.insert(40, '\n');
        for pasted in [
            text.trim_end().to_owned(),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\r"),
            text.replace('\n', ""),
            text.replace('\n', "\n\n"),
            text.replace('\n', "\u{a0}\n"),
            text.replace('=', ""),
            indented.join("\n"),
            uneven,
            format!("\u{feff}{text}"),
            format!("Bag Attributes\n    friendlyName: Gr\u{fc}\u{df}e\n{text}Regards, Alice\n"),
            format!("key: \"{}\", thanks", text.trim_end()),
            format!("{}{text}", encode("CERTIFICATE", b"other").unwrap()),
            format!("{text}{}", encode("X", b"other").unwrap()),
            format!("-----BEGIN X-----\nQUJD\n{text}"),
            text.replacen('\n', "\nProc-Type: 4,CLEAR\nComment: mine\n\n", 1),
        ] {
            assert_eq!(read(&pasted).unwrap(), der, "{pasted}");
        }
    }

    #[test]
    fn the_alphabet_is_that_of_standard_base64() {
        assert_eq!(encode("X", &[0xfb, 0xff]).unwrap(), "-----BEGIN X-----\r\n+/8=\r\n-----END X-----\r\n");
        assert_eq!(read("-----BEGIN X-----\n-_8=\n-----END X-----"), None);
    }

    #[test]
    fn what_holds_no_whole_block_is_refused() {
        assert!(read("-----BEGIN X-----\nQUJD\n-----END X-----").is_some());
        for text in [
            "",
            "QUJD",
            "-----BEGIN X-----\nQUJD",
            "-----BEGIN X-----\nQUJD\n-----END Y-----",
            "-----BEGIN Y-----\nQUJD\n-----END Y-----",
            "-----BEGIN X-----\n\n-----END X-----",
            "-----BEGIN X-----\nQUJDR\n-----END X-----",
            "-----BEGIN X-----\nQUJ\n-----END X-----",
            "-----BEGIN X-----\nQUJD\n----END X-----",
            "-----BEGIN X----\nQUJD\n-----END X-----",
            "-----BEGIN X-----\nQU\u{200b}JD\n-----END X-----",
            "-----BEGIN X-----\nA: b\nQUJD\n-----END X-----",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read(&encode("X", &vec![0; MAX_TEXT_BYTES]).unwrap()), None);
    }
}
