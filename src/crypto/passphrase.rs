//! Passphrases as people type them. Keyboards and systems spell the same text in two ways: `ü` as one character (Unicode's
//! form C), or as `u` and a combining diaeresis (form D). Peers derive keys from the bytes as typed, so an account may stand
//! under either.

use zeroize::Zeroizing;

use crate::crypto::backend::normalization;

/// One of the ways to write a passphrase down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As peers take it.
    AsTyped,
    /// Unicode's form C. What is made new is made with it.
    Composed,
    /// Unicode's form D.
    Decomposed,
}

impl Spelling {
    /// The passphrase in this spelling.
    pub fn of(self, passphrase: &str) -> Zeroizing<String> {
        match self {
            Spelling::Composed if !passphrase.is_ascii() => normalization::compose(passphrase),
            Spelling::Decomposed if !passphrase.is_ascii() => normalization::decompose(passphrase),
            _ => Zeroizing::new(passphrase.to_owned()),
        }
    }

    /// The passphrase in all its spellings, in the order to try them in; each text once, so that an attempt is not made twice.
    pub fn all_of(passphrase: &str) -> Vec<(Spelling, Zeroizing<String>)> {
        let mut spellings: Vec<(Spelling, Zeroizing<String>)> = Vec::with_capacity(3);
        for spelling in [Spelling::AsTyped, Spelling::Composed, Spelling::Decomposed] {
            let text = spelling.of(passphrase);
            if spellings.iter().all(|(_, known)| *known != text) {
                spellings.push((spelling, text));
            }
        }
        spellings
    }
}
