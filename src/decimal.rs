//! Whole numbers as text, written and read in the one way that they are written without sign and leading zeros.
//!
//! `std` would do this too, but the module that pages load is built without `std`'s formatting of text:
//! `crates/xtask/src/build/speechless.rs` says why.

/// The number's digits.
pub(crate) fn to_decimal(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        // One digit.
        digits.push(b'0' + (number % 10) as u8);
        number /= 10;
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// Reads what [`to_decimal`] wrote, and nothing else.
pub(crate) fn from_decimal(text: &str) -> Option<u32> {
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_canonical.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_std_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 4096, u64::MAX] {
            assert_eq!(to_decimal(number), number.to_string());
        }
    }

    #[test]
    fn nothing_but_what_was_written_is_read() {
        for number in [0, 1, 9, 10, 4096, u32::MAX] {
            assert_eq!(from_decimal(&to_decimal(number.into())), Some(number));
        }
        for text in ["", "-1", "+1", "01", "00", "1.0", " 1", "4294967296", "１"] {
            assert_eq!(from_decimal(text), None, "{text}");
        }
    }
}
