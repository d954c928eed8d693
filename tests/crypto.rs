//! The crypto room natively: the shared sentences, and no sequence of bytes that upsets a decoder.
#![cfg(not(target_arch = "wasm32"))]
// Helpers of tests may fail as loudly as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[macro_use]
#[path = "shared/crypto_suite.rs"]
mod suite;

use futures_executor::block_on;
use proptest::prelude::*;
use vaultshare::crypto::{
    AesKey, KeyPair, PublicKey, UserSecret, backend, decrypt_with_passphrase, envelope::Envelope,
};

macro_rules! for_every_backend {
    ($($sentence:ident)*) => {$(
        #[test]
        fn $sentence() {
            for backend in backend::available() {
                backend::choose(Some(backend)).unwrap();
                block_on(suite::$sentence());
            }
        }
    )*};
}
for_each_sentence!(for_every_backend);

#[test]
fn only_the_portable_backend_works_natively() {
    assert_eq!(backend::current(), backend::Backend::Portable);
    assert!(backend::choose(Some(backend::Backend::WebCrypto)).is_err());
}

/// Flips every bit of an envelope in turn; none may open.
fn no_flipped_bit_opens(envelope: &str, open: impl Fn(&str) -> bool) {
    assert!(open(envelope));
    for position in 0..envelope.len() {
        for bit in 0..8 {
            let mut bytes = envelope.as_bytes().to_vec();
            bytes[position] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(!open(&changed), "byte {position}, bit {bit}: {changed}");
            }
        }
    }
}

#[test]
fn no_flipped_bit_of_a_symmetric_envelope_opens() {
    let key = AesKey::generate().unwrap();
    let envelope = block_on(key.encrypt(b"some text here")).unwrap();
    no_flipped_bit_opens(&envelope, |text| block_on(key.decrypt(text)).is_ok());
}

#[test]
fn no_flipped_bit_of_an_rsa_envelope_opens() {
    let pair = block_on(KeyPair::from_pem(include_str!("fixtures/rsa2048-private-pkcs1.pem"))).unwrap();
    let envelope = block_on(pair.public_key().encrypt(b"x")).unwrap();
    no_flipped_bit_opens(&envelope, |text| block_on(pair.decrypt(text)).is_ok());
}

#[test]
fn no_flipped_bit_of_a_signature_verifies() {
    let pair = block_on(KeyPair::from_pem(include_str!("fixtures/rsa2048-private-pkcs1.pem"))).unwrap();
    let signature = block_on(pair.sign(b"data")).unwrap();
    no_flipped_bit_opens(&signature, |text| block_on(pair.public_key().verify(text)).is_ok());
}

/// Mostly well-formed: the strategies, joined with parameters that begin rightly and then go anywhere.
fn envelope_like() -> impl Strategy<Value = String> {
    let parameters = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| [b"A".to_vec(), bytes].concat()),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| {
            let length = (bytes.len() as i32 + 5).to_le_bytes();
            [b"A", length.as_slice(), &bytes, b"\0"].concat()
        }),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| {
            let length = (bytes.len() as i32 + 8).to_le_bytes();
            [b"K", length.as_slice(), b"\x05i\0", &bytes, b"\0"].concat()
        }),
        "---[ \n]([!&*|>?:{}\\[\\],'\"%@`#~\\-\\\\ \na-z0-9]{0,60})".prop_map(String::into_bytes),
        "--- ?(iv|at|ad|'iv'|\"at\")?: ?(!binary|!!binary|!<x>|!)? ?[|>]?[-+0-9]?\n? *[ -~\n]{0,40}"
            .prop_map(String::into_bytes),
    ];
    let base64 = |bytes: Vec<u8>| <base64ct::Base64Url as base64ct::Encoding>::encode_string(&bytes);
    (
        prop::sample::select(vec![
            "Aes256Gcm.AAAA.",
            "Aes256Gcm..",
            "Aes256Gcm.AAAA.QQUAAAAA.Pbkdf2Hmac.",
            "Rsa2048.AAAA.",
            "Sign.Rsa2048.AAAA.",
        ]),
        parameters,
    )
        .prop_map(move |(start, parameters)| format!("{start}{}", base64(parameters)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sealed_opens_again(plaintext in prop::collection::vec(any::<u8>(), 1..3000)) {
        let key = AesKey::generate().unwrap();
        let envelope = block_on(key.encrypt(&plaintext)).unwrap();
        prop_assert_eq!(&*block_on(key.decrypt(&envelope)).unwrap(), &plaintext);
    }

    #[test]
    fn no_text_upsets_the_envelope_parser(text in prop_oneof![any::<String>(), envelope_like()]) {
        if let Ok(envelope) = block_on(Envelope::parse(&text)) {
            prop_assert_eq!(block_on(Envelope::parse(&envelope.print())).unwrap(), envelope);
        }
    }

    #[test]
    fn no_text_upsets_the_other_decoders(text in any::<String>(), body in "[A-Za-z0-9+/=\r\n -]{0,200}", label in "(RSA )?(PUBLIC|PRIVATE) KEY") {
        let pem = format!("-----BEGIN {label}-----\r\n{body}\r\n-----END {label}-----\r\n");
        for text in [&text, &pem] {
            prop_assert!(PublicKey::from_pem(text).is_err());
            prop_assert!(block_on(KeyPair::from_pem(text)).is_err());
            prop_assert!(AesKey::from_base64url(text).is_err());
            prop_assert!(UserSecret::parse(text).is_err());
            prop_assert!(block_on(decrypt_with_passphrase(text, "p")).is_err());
        }
    }

    #[test]
    fn no_der_upsets_the_key_readers(der in prop::collection::vec(any::<u8>(), 0..300), label in "(RSA )?(PUBLIC|PRIVATE) KEY") {
        let body = <base64ct::Base64 as base64ct::Encoding>::encode_string(&der);
        let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        prop_assert!(PublicKey::from_pem(&pem).is_err());
        prop_assert!(block_on(KeyPair::from_pem(&pem)).is_err());
    }
}
