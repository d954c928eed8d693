//! JSON's grammar (RFC 8259), read into a tree.
//!
//! Written here because what every page loads has to be small: serde_json's reader brings fractions, positions and messages
//! that nobody asks for, and weighs five times as much. The tests hold this one to the same answers.

use std::{borrow::Cow, iter};

use crate::Json;

/// How deep arrays and objects may lie within each other: reading goes down as deep on the stack.
const DEEPEST: usize = 128;

/// Reads a text, and says whether it held what is no character.
pub(crate) fn read(text: &[u8]) -> Option<(Json<'_>, bool)> {
    let mut reader = Reader { text: std::str::from_utf8(text).ok()?, place: 0, replaced: false };
    let json = reader.value(DEEPEST)?;
    reader.blanks();
    (reader.place == text.len()).then_some((json, reader.replaced))
}

struct Reader<'text> {
    text: &'text str,
    place: usize,
    /// Whether a text held what is no character.
    replaced: bool,
}

impl<'text> Reader<'text> {
    fn value(&mut self, depth: usize) -> Option<Json<'text>> {
        self.blanks();
        Some(match self.peek()? {
            b'n' => self.word("null", Json::Null)?,
            b't' => self.word("true", Json::Bool(true))?,
            b'f' => self.word("false", Json::Bool(false))?,
            b'"' => Json::Text(self.text()?),
            b'[' => Json::List(self.list(depth.checked_sub(1)?)?),
            b'{' => Json::Object(self.object(depth.checked_sub(1)?)?),
            _ => Json::Number(self.number()?),
        })
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Json<'text>>> {
        let mut list = Vec::new();
        self.skip(b'[')?;
        self.blanks();
        if self.peek()? == b']' {
            self.skip(b']')?;
            return Some(list);
        }
        loop {
            list.push(self.value(depth)?);
            if self.is_the_last(b']')? {
                return Some(list);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Vec<(Cow<'text, str>, Json<'text>)>> {
        let mut object = Vec::new();
        self.skip(b'{')?;
        self.blanks();
        if self.peek()? == b'}' {
            self.skip(b'}')?;
            return Some(object);
        }
        loop {
            self.blanks();
            let name = self.text()?;
            self.blanks();
            self.skip(b':')?;
            object.push((name, self.value(depth)?));
            if self.is_the_last(b'}')? {
                return Some(object);
            }
        }
    }

    /// Goes past the comma or bracket behind an entry, and says which it was.
    fn is_the_last(&mut self, bracket: u8) -> Option<bool> {
        self.blanks();
        let is_the_last = self.peek()? == bracket;
        self.skip(if is_the_last { bracket } else { b',' })?;
        Some(is_the_last)
    }

    fn word(&mut self, word: &str, meaning: Json<'text>) -> Option<Json<'text>> {
        let found = self.text.get(self.place..)?.starts_with(word);
        self.place += word.len();
        found.then_some(meaning)
    }

    fn number(&mut self) -> Option<&'text str> {
        let start = self.place;
        let _ = self.skip(b'-');
        let digits = self.place;
        self.digits()?;
        if self.text.get(digits..self.place)?.len() > 1 && self.text.as_bytes().get(digits) == Some(&b'0') {
            return None;
        }
        if self.skip(b'.').is_some() {
            self.digits()?;
        }
        if self.skip(b'e').or_else(|| self.skip(b'E')).is_some() {
            let _ = self.skip(b'+').or_else(|| self.skip(b'-'));
            self.digits()?;
        }
        self.text.get(start..self.place)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.place;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
        (self.place > start).then_some(())
    }

    fn text(&mut self) -> Option<Cow<'text, str>> {
        self.skip(b'"')?;
        let plain = self.plain_part()?;
        if self.skip(b'"').is_some() {
            return Some(Cow::Borrowed(plain));
        }
        let mut whole = plain.to_owned();
        while self.skip(b'"').is_none() {
            whole.push(self.escape()?);
            whole.push_str(self.plain_part()?);
        }
        Some(Cow::Owned(whole))
    }

    /// The part of a text up to its end or the next escape.
    fn plain_part(&mut self) -> Option<&'text str> {
        let start = self.place;
        let rest = self.text.as_bytes().get(start..)?;
        self.place += length_of_plain_part(rest);
        match self.peek()? {
            b'"' | b'\\' => self.text.get(start..self.place),
            // Control characters have to be escaped.
            _ => None,
        }
    }

    fn escape(&mut self) -> Option<char> {
        self.skip(b'\\')?;
        let letter = self.peek()?;
        self.place += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => letter.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code_units()?,
            _ => return None,
        })
    }

    /// The character that one escaped code unit of UTF-16 stands for, or two.
    fn code_units(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        let after_first = self.place;
        let second = match self.skip(b'\\').and_then(|()| self.skip(b'u')) {
            Some(()) if matches!(first, 0xD800..=0xDBFF) => self.code_unit(),
            _ => None,
        };
        let character = char::decode_utf16(iter::once(first).chain(second)).next()?;
        let is_pair = second.is_some() && character.is_ok();
        if !is_pair {
            // What follows is a character of its own.
            self.place = after_first;
        }
        self.replaced |= character.is_err();
        Some(character.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn code_unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.place..self.place + 4)?;
        self.place += 4;
        // Otherwise a sign would count as a digit.
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        all_digits.then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.place += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        if self.peek() != Some(byte) {
            return None;
        }
        self.place += 1;
        Some(())
    }
}

/// How many bytes there are before the first quote, backslash or control character: the part of a text that JSON writes as
/// it is.
pub fn length_of_plain_part(text: &[u8]) -> usize {
    // Most bytes are those of long ciphertexts, so eight are looked at together.
    let (eights, _) = text.as_chunks::<8>();
    let plain = eights.iter().take_while(|eight| !holds_a_special(u64::from_le_bytes(**eight))).count() * 8;
    let rest = text.get(plain..).unwrap_or_default();
    plain + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// Whether one of eight bytes is a quote, a backslash or a control character. Each subtraction borrows from a byte's highest
/// bit only where the byte, or one before it, is what is looked for.
fn holds_a_special(eight: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST_BITS: u64 = 0x80 * ONES;
    let has_zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let control = eight.wrapping_sub(0x20 * ONES) & !eight;
    (control | has_zero(eight ^ (b'"' as u64 * ONES)) | has_zero(eight ^ (b'\\' as u64 * ONES))) & HIGHEST_BITS != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// As serde_json has it. Numbers are compared as they are written, which it normalises.
    fn agrees(json: &Json<'_>, value: &Value) -> bool {
        match (json, value) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(one), Value::Bool(other)) => one == other,
            (Json::Number(one), Value::Number(other)) => {
                json.as_integer() == other.as_i64().filter(|_| !one.contains(['.', 'e', 'E']))
                    || one.parse::<f64>().ok() == other.as_f64()
            }
            (Json::Text(one), Value::String(other)) => one == other,
            (Json::List(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| agrees(one, other))
            }
            (Json::Object(one), Value::Object(other)) => {
                let last = |name: &str| one.iter().rfind(|(own, _)| own == name).map(|(_, value)| value);
                other.iter().all(|(name, value)| last(name).is_some_and(|own| agrees(own, value)))
                    && one.iter().all(|(name, _)| other.contains_key(&**name))
            }
            _ => false,
        }
    }

    fn assert_read_as_serde_reads(text: &[u8]) {
        match (Json::parse_unicode(text), serde_json::from_slice::<Value>(text)) {
            (Some(json), Ok(value)) => assert!(agrees(&json, &value), "{json:?} is not {value:?}"),
            (None, Err(_)) => {}
            // A number too large for any of its types is no concern of a reader that keeps numbers as they are written.
            (Some(_), Err(error)) if error.to_string().starts_with("number out of range") => {}
            (json, value) => panic!("{:?} is {json:?} here and {value:?} there", String::from_utf8_lossy(text)),
        }
    }

    #[test]
    fn every_corner_of_the_grammar_is_read_as_serde_reads_it() {
        let texts = [
            "",
            " ",
            "null",
            " \t\r\n null\n",
            "nul",
            "nulll",
            "true",
            "false",
            "True",
            "0",
            "-0",
            "00",
            "01",
            "-",
            "-1",
            "+1",
            "1.",
            "1.0",
            ".5",
            "1e",
            "1e5",
            "1E+05",
            "1e-5",
            "1e400",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "0x1",
            "\"\"",
            "\"",
            "\"a",
            "\"a\u{0}\"",
            "\"\u{1f}\"",
            "\"\u{7f}\"",
            r#""\"\\\/\b\f\n\r\t""#,
            r#""\a""#,
            r#""\u00e4\u20AC""#,
            r#""\u00""#,
            r#""\u+123""#,
            r#""\ud83e\udd80""#,
            r#""\ud83e""#,
            r#""\udd80""#,
            r#""\ud83ex""#,
            r#""\ud83e\n""#,
            r#""\ud83e\u0041""#,
            r#""\ud83e\ud83e\udd80""#,
            r#""\u0000""#,
            r#""\""#,
            "\"grüße 🦀\"",
            "[]",
            "[ ]",
            "[1]",
            "[1,]",
            "[,1]",
            "[1,2 , 3 ]",
            "[1 2]",
            "[",
            "[1",
            "]",
            "{}",
            "{ }",
            r#"{"a":1}"#,
            r#"{ "a" : 1 , "b" : [ ] }"#,
            r#"{"a":1,}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{a:1}"#,
            r#"{"a":1"#,
            r#"{"a":1,"a":2}"#,
            r#"{"\u0061":1}"#,
            "{}{}",
            "[]]",
            "[}",
            "{]",
            "\u{feff}null",
            "/**/null",
            "NaN",
            "Infinity",
            "'a'",
        ];
        for text in texts {
            assert_read_as_serde_reads(text.as_bytes());
            for end in 0..text.len() {
                assert_read_as_serde_reads(&text.as_bytes()[..end]);
            }
        }
        assert_read_as_serde_reads(b"\"\xff\"");
    }

    #[test]
    fn special_bytes_are_found_wherever_they_stand_among_eight() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for place in 0..24 {
                for other in [b' ', b'a', 0x7f, 0xc3, 0xff] {
                    let mut text = [other; 24];
                    text[place] = special;
                    assert_eq!(length_of_plain_part(&text), place);
                }
            }
        }
        assert_eq!(length_of_plain_part(&[b'a'; 21]), 21);
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_where_that_is_allowed() {
        let text = br#"["\ud83e", "\udd80\u0041", "\ud83e\ud83e\udd80"]"#;
        let entries = Json::parse(text).unwrap().into_entries().filter_map(Json::into_text);
        assert_eq!(entries.collect::<Vec<_>>(), ["\u{fffd}", "\u{fffd}A", "\u{fffd}🦀"]);
        assert_eq!(Json::parse_unicode(text), None);
    }

    #[test]
    fn what_lies_too_deep_is_refused_and_not_followed() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(nested(DEEPEST).as_bytes()).is_some());
        assert!(Json::parse(nested(DEEPEST + 1).as_bytes()).is_none());
        assert!(Json::parse("[".repeat(1_000_000).as_bytes()).is_none());
    }

    #[test]
    fn numbers_are_integers_where_they_are_written_as_such_and_fit() {
        let integer = |text: &str| Json::parse(text.as_bytes()).unwrap().as_integer();
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(
            (integer("9223372036854775808"), integer("1.0"), integer("1e3"), integer("\"1\"")),
            (None, None, None, None)
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_read_as_it_was(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            prop_assert!(agrees(&Json::parse_unicode(&text).unwrap(), &value));
        }

        #[test]
        fn what_was_damaged_is_read_or_refused_as_serde_does(value in any_json(), place: prop::sample::Index, with in r#"[\\\\"{}\\[\\]:,0-9eE+.u \u{0}-]{0,3}"#) {
            let mut text = serde_json::to_string(&value).unwrap().into_bytes();
            let place = place.index(text.len());
            text.splice(place..place + 1, with.bytes());
            assert_read_as_serde_reads(&text);
        }
    }
}
