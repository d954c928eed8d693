/// Appends a text to a URL, percent-encoded: only what is unreserved stands for itself (RFC 3986, section 2.3). In a path it
/// is one segment (`Id` refuses `.` and `..`), in a query one name or value.
pub(super) fn push_encoded(url: &mut String, text: &str) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(byte.into());
        } else {
            url.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::push_encoded;

    fn encoded(text: &str) -> String {
        let mut url = String::new();
        push_encoded(&mut url, text);
        url
    }

    #[test]
    fn only_the_unreserved_stands_for_itself() {
        assert_eq!(encoded("azAZ09-._~"), "azAZ09-._~");
        assert_eq!(encoded("../a?b#c&d=e+f g%h"), "..%2Fa%3Fb%23c%26d%3De%2Bf%20g%25h");
        assert_eq!(encoded("scheme[é\0]"), "scheme%5B%C3%A9%00%5D");
    }

    #[test]
    fn every_character_is_read_again_by_a_library() {
        let text: String = (0..=0x2FF).chain(0x1F600..0x1F650).filter_map(char::from_u32).collect();
        let read: Vec<_> = form_urlencoded::parse(format!("{0}={0}", encoded(&text)).as_bytes()).into_owned().collect();
        assert_eq!(read, [(text.clone(), text)]);
    }
}
