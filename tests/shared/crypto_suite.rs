//! What the crypto room promises, as sentences. Run natively and in browsers, for every backend there is.
//!
//! Vectors without another source are those of `docs/protocol/envelopes.md` and `docs/protocol/encryption-spaces-and-setup.md`.

use vaultshare::{
    ErrorCode,
    crypto::{
        AesKey, DataKey, KeyEncryptionKey, KeyPair, PassphraseKey, PublicKey, SpaceKeyOrigin, Spelling, SrpClient,
        UserSecret, VerificationKey, backend, decrypt_with_passphrase, derive_key_from_passphrase,
        encrypt_with_passphrase,
        envelope::{Chunk, Derivation, Envelope},
        generate_srp_registration,
        places::{KeyRule, Place},
        safety_number,
    },
};

/// Hands the names of all sentences to a macro that makes tests of them.
macro_rules! for_each_sentence {
    ($make_tests:ident) => {
        $make_tests! {
            the_published_ciphertexts_open_in_both_forms
            what_is_sealed_opens_again_at_every_length
            what_one_backend_seals_the_other_opens
            a_key_survives_its_text_form
            the_empty_text_has_no_ciphertext
            text_of_before_2021_opens
            files_of_several_chunks_open_as_one
            a_wrong_key_fails_like_every_other_failure
            a_ciphertext_stays_in_its_place
            a_changed_large_body_is_refused
            envelopes_that_nobody_may_write_are_refused
            yaml_is_read_in_every_old_style_and_no_other
            key_derivations_are_kept_within_bounds
            a_passphrase_opens_what_it_sealed
            a_passphrase_opens_in_either_form_of_unicode
            an_old_passphrase_of_utf16_units_opens
            the_guides_secret_derives_the_guides_key
            secrets_are_read_strictly
            a_mistyped_secret_is_told_what_is_wrong_as_far_as_its_form_says
            a_new_secret_has_the_form_of_the_guide
            the_hierarchy_wraps_and_unwraps
            a_key_is_taken_for_nothing_but_what_it_is
            content_of_the_wrong_kind_is_no_key
            values_are_verified_by_their_hash
            what_openssl_encrypted_and_signed_is_read
            a_key_pair_encrypts_decrypts_signs_and_verifies
            the_protocols_size_works
            a_generated_key_pair_can_be_wrapped_for_the_keystore
            a_key_pair_from_the_keystore_keeps_its_private_key
            a_private_key_of_someone_else_is_refused
            a_private_key_whose_parts_do_not_belong_together_is_refused
            keys_are_read_in_both_forms_and_kept_byte_for_byte
            weak_and_foreign_keys_are_refused
            a_data_key_in_the_place_of_a_token_stays_secret
            old_rsa_parameters_are_read
            keys_are_read_as_people_paste_them
            both_sides_see_one_safety_number
            signing_in_refuses_what_is_not_the_protocol
        }
    };
}

const PRIVATE_4096: &str = include_str!("../fixtures/rsa4096-private-pkcs1.pem");
const PUBLIC_4096: &str = include_str!("../fixtures/rsa4096-public-spki.pem");
const PRIVATE_2048: &str = include_str!("../fixtures/rsa2048-private-pkcs1.pem");
const PRIVATE_2048_PKCS8: &str = include_str!("../fixtures/rsa2048-private-pkcs8.pem");
const PUBLIC_2048: &str = include_str!("../fixtures/rsa2048-public-spki.pem");
const PUBLIC_2048_PKCS1: &str = include_str!("../fixtures/rsa2048-public-pkcs1.pem");
const PUBLIC_512: &str = include_str!("../fixtures/rsa512-public.pem");
const PUBLIC_EXPONENT_3: &str = include_str!("../fixtures/exponent3-public.pem");
const PUBLIC_ED25519: &str = include_str!("../fixtures/ed25519-public.pem");

/// Key 32 × 0x01, IV 12 × 0x02, text `BMW`.
const BMW_YAML: &str = "Aes256Gcm.RZue.LS0tCml2OiAhYmluYXJ5IHwtCiAgQWdJQ0FnSUNBZ0lDQWdJQwphdDogIWJpbmFyeSB8LQogIEx2ckEvcWFCSlJMV1VRTWFRcDhRQ0E9PQphZDogbm9uZQo=";
const BMW_BSON: &str =
    "Aes256Gcm.RZue.QUAAAAAFaXYADAAAAAACAgICAgICAgICAgIFYXQAEAAAAAAu-sD-poElEtZRAxpCnxAIAmFkAAUAAABub25lAAA=";

const SECRET: &str = "1.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9";

fn key_of_ones() -> AesKey {
    AesKey::from_bytes(&[1; 32]).unwrap()
}

fn base64url(bytes: &[u8]) -> String {
    use base64ct::Encoding;
    base64ct::Base64Url::encode_string(bytes)
}

/// An AES-GCM envelope around the vector's data with other parameters.
fn bmw_with(artefacts: &[u8]) -> String {
    format!("Aes256Gcm.RZue.{}", base64url(artefacts))
}

/// The same envelope with one field of its chunk changed.
async fn bmw_changed(change: impl FnOnce(&mut Chunk)) -> String {
    let Envelope::Symmetric { mut chunks, derivation } = Envelope::parse(BMW_BSON).await.unwrap() else {
        unreachable!()
    };
    change(&mut chunks[0]);
    Envelope::Symmetric { chunks, derivation }.print()
}

/// Whether the backend in use is WebKitGTK's WebCrypto.
fn is_webkitgtk() -> bool {
    #[cfg(target_arch = "wasm32")]
    if backend::current() == backend::Backend::WebCrypto {
        let agent = js_sys::eval("navigator.userAgent").unwrap().as_string().unwrap();
        return agent.contains("Linux") && agent.contains("AppleWebKit/") && !agent.contains("Chrome/");
    }
    false
}

async fn code_of<T>(result: impl Future<Output = vaultshare::Result<T>>) -> ErrorCode {
    match result.await {
        Ok(_) => panic!("this had to fail"),
        Err(error) => error.code(),
    }
}

pub(crate) async fn the_published_ciphertexts_open_in_both_forms() {
    for envelope in [BMW_YAML, BMW_BSON] {
        assert_eq!(key_of_ones().decrypt(envelope).await.unwrap().as_slice(), b"BMW");
    }
    assert_eq!(Envelope::parse(BMW_BSON).await.unwrap().print(), BMW_BSON);
    assert_eq!(Envelope::parse(BMW_YAML).await.unwrap().print(), BMW_BSON);
}

pub(crate) async fn what_is_sealed_opens_again_at_every_length() {
    let key = AesKey::generate().unwrap();
    // Around AES's block, and around the length from which WebCrypto is used.
    for length in [1, 15, 16, 17, 1000, 4095, 4096, 4097, 300_000] {
        let plaintext: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        let envelope = key.encrypt(&plaintext).await.unwrap();
        assert_eq!(*key.decrypt(&envelope).await.unwrap(), plaintext, "{length} bytes");
        assert_ne!(envelope, key.encrypt(&plaintext).await.unwrap(), "every IV is new");
    }
}

pub(crate) async fn what_one_backend_seals_the_other_opens() {
    let sealing = backend::current();
    let key = AesKey::generate().unwrap();
    let body = vec![7; 10_000];
    let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
    let sealed = key.encrypt(&body).await.unwrap();
    let for_passphrase = encrypt_with_passphrase(&body, "correct horse").await.unwrap();
    let encrypted = pair.public_key().encrypt(b"for the other").await.unwrap();
    let signed = pair.sign(b"from the other").await.unwrap();

    for opening in backend::available() {
        backend::choose(Some(opening)).unwrap();
        let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
        assert_eq!(*key.decrypt(&sealed).await.unwrap(), body, "{sealing:?} to {opening:?}");
        assert_eq!(*decrypt_with_passphrase(&for_passphrase, "correct horse").await.unwrap(), body);
        assert_eq!(pair.decrypt(&encrypted).await.unwrap().as_slice(), b"for the other");
        assert_eq!(pair.public_key().verify(&signed).await.unwrap(), b"from the other");
    }
    backend::choose(Some(sealing)).unwrap();
}

pub(crate) async fn a_key_survives_its_text_form() {
    let key = AesKey::generate().unwrap();
    assert_eq!(AesKey::from_base64url(&key.to_base64url()).unwrap(), key);
    assert_eq!(key_of_ones().to_base64url().as_str(), "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
    for text in [
        "",
        "AQEB",
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",   // no padding
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF=",  // the same 32 bytes, spelled otherwise
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB",  // 33 bytes
        "+QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",  // the other alphabet
        " AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", // white space
    ] {
        assert_eq!(AesKey::from_base64url(text).unwrap_err().code(), ErrorCode::InvalidArgument, "{text}");
    }
    assert!(!format!("{key:?}").contains(key.to_base64url().as_str()));
}

pub(crate) async fn the_empty_text_has_no_ciphertext() {
    let key = AesKey::generate().unwrap();
    assert_eq!(key.encrypt_text("").await.unwrap(), None);
    assert_eq!(key.decrypt_text(None).await.unwrap(), None);
    assert_eq!(code_of(key_of_ones().encrypt(b"")).await, ErrorCode::InvalidArgument);

    let envelope = key.encrypt_text("Zoë 🚗").await.unwrap();
    assert_eq!(key.decrypt_text(envelope.as_deref()).await.unwrap().unwrap().as_str(), "Zoë 🚗");
}

pub(crate) async fn text_of_before_2021_opens() {
    // An empty text was an envelope without data; its tag is genuine and is checked.
    let key = AesKey::from_bytes(&[1; 32]).unwrap();
    let empty = envelope_by_hand(&key, b"");
    assert!(empty.starts_with("Aes256Gcm.."));
    assert_eq!(key.decrypt_text(Some(&empty)).await.unwrap().unwrap().as_str(), "");
    let forged = AesKey::from_bytes(&[2; 32]).unwrap().decrypt_text(Some(&empty)).await;
    assert_eq!(forged.unwrap_err().code(), ErrorCode::DecryptionFailed);

    // Characters up to U+00FF were one byte each, which is not UTF-8.
    let latin1 = key.encrypt(b"Zo\xeb").await.unwrap();
    assert_eq!(key.decrypt_text(Some(&latin1)).await.unwrap().unwrap().as_str(), "Zoë");
}

/// An envelope made without the library, which refuses to write an empty one.
fn envelope_by_hand(key: &AesKey, plaintext: &[u8]) -> String {
    use aes_gcm::{Aes256Gcm, KeyInit, Nonce, aead::AeadInOut};
    let mut ciphertext = plaintext.to_vec();
    let tag = Aes256Gcm::new_from_slice(key.as_bytes())
        .unwrap()
        .encrypt_inout_detached(&Nonce::from([9; 12]), b"none", ciphertext.as_mut_slice().into())
        .unwrap();
    let chunk = Chunk { ciphertext, iv: [9; 12], tag: tag.into(), additional_data: "none".into() };
    Envelope::Symmetric { chunks: vec![chunk], derivation: None }.print()
}

pub(crate) async fn files_of_several_chunks_open_as_one() {
    let key = AesKey::generate().unwrap();
    let first = key.encrypt(&[b'a'; 5000]).await.unwrap();
    let second = key.encrypt(b"b").await.unwrap();
    let file = format!("{first}.{}", second.strip_prefix("Aes256Gcm.").unwrap());
    let opened = key.decrypt(&file).await.unwrap();
    assert_eq!((opened.len(), opened[4999], opened[5000]), (5001, b'a', b'b'));
    assert_eq!(code_of(key.decrypt(&format!("{first}.RZue"))).await, ErrorCode::MalformedEnvelope);
}

pub(crate) async fn a_wrong_key_fails_like_every_other_failure() {
    let wrong_key = AesKey::generate().unwrap().decrypt(BMW_BSON).await.unwrap_err();
    let wrong_tag = key_of_ones().decrypt(&bmw_changed(|chunk| chunk.tag[0] ^= 1).await).await.unwrap_err();
    let wrong_iv = key_of_ones().decrypt(&bmw_changed(|chunk| chunk.iv[0] ^= 1).await).await.unwrap_err();
    let wrong_data = key_of_ones().decrypt(&bmw_changed(|chunk| chunk.ciphertext[0] ^= 1).await).await.unwrap_err();
    let wrong_place =
        key_of_ones().decrypt(&bmw_changed(|chunk| chunk.additional_data.to_mut().push('!')).await).await.unwrap_err();
    assert_eq!(wrong_key.code(), ErrorCode::DecryptionFailed);
    for error in [wrong_tag, wrong_iv, wrong_data, wrong_place] {
        assert_eq!(error, wrong_key);
    }
}

pub(crate) async fn a_ciphertext_stays_in_its_place() {
    let key = AesKey::generate().unwrap();
    let here = Place::InSpace { item: "item", slot: "1" };
    let there = Place::InSpace { item: "item", slot: "2" };
    let sealed = key.encrypt_at(b"4 doors", &here).await.unwrap();
    assert_eq!(key.decrypt_at(&sealed, &here).await.unwrap().as_slice(), b"4 doors");
    assert_eq!(code_of(key.decrypt_at(&sealed, &there)).await, ErrorCode::Misplaced);
    assert_eq!(key.decrypt_with_place(&sealed).await.unwrap().place().unwrap(), Some(here.clone()));
    // What it says of its place cannot be altered.
    let altered = {
        let Envelope::Symmetric { mut chunks, .. } = Envelope::parse(&sealed).await.unwrap() else {
            panic!("symmetric")
        };
        chunks[0].additional_data = there.to_string().into();
        Envelope::Symmetric { chunks, derivation: None }.print()
    };
    assert_eq!(code_of(key.decrypt_at(&altered, &there)).await, ErrorCode::DecryptionFailed);
    // Other clients name no place and look at none.
    assert_eq!(key.decrypt(&sealed).await.unwrap().as_slice(), b"4 doors");
    let theirs = key.encrypt(b"4 doors").await.unwrap();
    assert_eq!(key.decrypt_with_place(&theirs).await.unwrap().place().unwrap(), None);
    assert_eq!(code_of(key.decrypt_at(&theirs, &here)).await, ErrorCode::Misplaced);
    // Two of them cannot be joined to one.
    let chunk = theirs.split_once('.').unwrap().1;
    let joined = format!("{theirs}.{chunk}");
    assert_eq!(key.decrypt(&joined).await.unwrap().as_slice(), b"4 doors4 doors");
    assert_eq!(code_of(key.decrypt_with_place(&joined)).await, ErrorCode::MalformedEnvelope);
}

pub(crate) async fn a_changed_large_body_is_refused() {
    let key = AesKey::generate().unwrap();
    let sealed = key.encrypt(&[1; 9000]).await.unwrap();
    let Envelope::Symmetric { mut chunks, derivation } = Envelope::parse(&sealed).await.unwrap() else {
        unreachable!()
    };
    chunks[0].ciphertext[8999] ^= 1;
    let changed = Envelope::Symmetric { chunks, derivation }.print();
    assert_eq!(code_of(key.decrypt(&changed)).await, ErrorCode::DecryptionFailed);
}

pub(crate) async fn envelopes_that_nobody_may_write_are_refused() {
    let key = key_of_ones();
    for (envelope, why) in [
        ("".to_owned(), "nothing"),
        ("Aes256Gcm".to_owned(), "no data"),
        ("Aes256Gcm.".to_owned(), "no parameters"),
        ("Aes256Gcm.RZue".to_owned(), "no parameters"),
        (format!("{BMW_BSON}."), "a dot too many"),
        (format!("{BMW_BSON}\n"), "a line end"),
        (BMW_BSON.replace("RZue", "RZu_x"), "no whole base64 group"),
        (BMW_BSON.replace("RZue", "RZ+e"), "the other alphabet"),
        (BMW_BSON.replace("AA=", "AB="), "another spelling of the same bytes"),
        (BMW_BSON.replace("AA=", "AA"), "no padding"),
        (bmw_with(b""), "no kind"),
        (bmw_with(b"A"), "no document"),
        (bmw_with(b"B\x05\0\0\0\0"), "another kind"),
        (bmw_with(b"A\x05\0\0\0\0"), "an empty document"),
        (bmw_with(b"A\x05\0\0\0\0\0"), "a byte after the document"),
        (bmw_with(&bson(&[("iv", &[2; 12]), ("at", &[0; 16])])), "no additional data"),
        (bmw_with(&bson(&[("iv", &[2; 12]), ("iv", &[2; 12]), ("at", &[0; 16])])), "a field twice"),
        (bmw_with(&bson(&[("iv", &[2; 12]), ("at", &[0; 16]), ("xx", &[0; 16])])), "an unknown field"),
        (bmw_with(&bson_with_ad(&[2; 11], &[0; 16])), "an IV of 11 bytes"),
        (bmw_with(&bson_with_ad(&[2; 16], &[0; 16])), "an IV of 16 bytes"),
        (bmw_with(&bson_with_ad(&[2; 12], &[0; 12])), "a tag of 12 bytes"),
        (bmw_with(&bson_with_ad(&[2; 12], &[0; 17])), "a tag of 17 bytes"),
        (bmw_with(&[b'A'; 4000]), "long parameters"),
        ("Rsa4096.RZue.QQUAAAAA".to_owned(), "a short RSA block"),
        (format!("Sign.Rsa2048.{}", "A".repeat(344)), "a signature of nothing"),
    ] {
        assert_eq!(code_of(key.decrypt(&envelope)).await, ErrorCode::MalformedEnvelope, "{why}");
    }
    for strategy in [
        "aes256gcm",
        " Aes256Gcm",
        "Aes128Gcm",
        "Aes256Ofb",
        "Rsa",
        "Rsa512",
        "Rsa04096",
        "Rsa+4096",
        "Rsa99999999999",
        "",
    ] {
        let envelope = BMW_BSON.replace("Aes256Gcm", strategy);
        assert_eq!(code_of(key.decrypt(&envelope)).await, ErrorCode::UnsupportedAlgorithm, "{strategy}");
    }
    // Envelopes for other kinds of keys are well formed, and not this key's.
    let for_passphrase = encrypt_with_passphrase(b"x", "p").await.unwrap();
    assert_eq!(code_of(key.decrypt(&for_passphrase)).await, ErrorCode::MalformedEnvelope);
    assert_eq!(code_of(decrypt_with_passphrase(BMW_BSON, "p")).await, ErrorCode::MalformedEnvelope);
}

/// A BSON document of binary fields behind the letter A.
fn bson(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let body: Vec<u8> = fields.iter().flat_map(|(name, bytes)| bson_binary(name, bytes)).collect();
    bson_document(b'A', &body)
}

fn bson_with_ad(iv: &[u8], tag: &[u8]) -> Vec<u8> {
    let body = [bson_binary("iv", iv), bson_binary("at", tag), b"\x02ad\0\x05\0\0\0none\0".to_vec()].concat();
    bson_document(b'A', &body)
}

fn bson_binary(name: &str, bytes: &[u8]) -> Vec<u8> {
    [b"\x05", name.as_bytes(), b"\0", &(bytes.len() as i32).to_le_bytes(), b"\0", bytes].concat()
}

fn bson_document(letter: u8, body: &[u8]) -> Vec<u8> {
    [&[letter], (body.len() as i32 + 5).to_le_bytes().as_slice(), body, b"\0"].concat()
}

pub(crate) async fn yaml_is_read_in_every_old_style_and_no_other() {
    let (iv, at) = ("AgICAgICAgICAgIC", "LvrA/qaBJRLWUQMaQp8QCA==");
    for yaml in [
        format!("---\niv: !binary |-\n  {iv}\nat: !binary |-\n  {at}\nad: none\n"),
        format!("---\niv: !!binary |-\n  {iv}\nat: !!binary |-\n  {at}\nad: none\n"),
        format!("---\niv: !!binary |\n  {iv}\nat: !!binary |\n  {at}\nad: none\n"),
        format!("---\niv: !binary {iv}\nat: !binary {at}\nad: none\n"),
        format!("---\n'iv': !!binary {iv}\n\"at\": !!binary '{at}'\n'ad': 'none'\n"),
        format!("---\nad: none\nat: !binary {at}\niv: !binary {iv}\n"),
        format!("--- {{iv: !binary {iv}, at: !binary {at}, ad: none}}\n"),
    ] {
        assert_eq!(key_of_ones().decrypt(&bmw_with(yaml.as_bytes())).await.unwrap().as_slice(), b"BMW", "{yaml}");
    }
    for yaml in [
        "---".to_owned(),
        "---\n".to_owned(),
        "--- {}\n".to_owned(),
        "--- [1, 2]\n".to_owned(),
        format!("---\niv: {iv}\nat: !binary {at}\nad: none\n"),
        format!("---\niv: !float {iv}\nat: !binary {at}\nad: none\n"),
        format!("---\niv: !binary {iv}\nat: !binary {at}\n"),
        format!("---\niv: !binary {iv}\niv: !binary {iv}\nat: !binary {at}\nad: none\n"),
        format!("---\niv: &x !binary {iv}\nat: !binary {at}\nad: none\n"),
        format!("---\niv: !binary {iv}\nat: !binary {at}\nad: *x\n"),
        format!("---\niv: !binary {iv}\nat: !binary {at}\nad: none\nmore: x\n"),
        format!("---\niv: !binary {iv}\nat: !binary {at}\nad: [none]\n"),
        format!("---\niv: !binary {iv}\nat: !binary {at}\nad: none\n---\nsecond: document\n"),
        format!("---\niv: !binary {iv}\nat: !binary {at}\nad: n\u{f6}ne\n"),
        format!("---\niv: !binary {iv}\nat: !binary AAAA\nad: none\n"),
    ] {
        let code = code_of(key_of_ones().decrypt(&bmw_with(yaml.as_bytes()))).await;
        assert_eq!(code, ErrorCode::MalformedEnvelope, "{yaml}");
    }
}

pub(crate) async fn key_derivations_are_kept_within_bounds() {
    let derived = |body: &[u8]| format!("{BMW_BSON}.Pbkdf2Hmac.{}", base64url(body));
    let with = |salt: &[u8], iterations: i32, length: i32, hash: &[u8]| {
        let mut body = bson_binary("iv", salt);
        body.extend([b"\x10i\0".as_slice(), &iterations.to_le_bytes(), b"\x10l\0", &length.to_le_bytes()].concat());
        if !hash.is_empty() {
            let length = (hash.len() as i32 + 1).to_le_bytes();
            body.extend([b"\x02hash\0".as_slice(), &length, hash, b"\0"].concat());
        }
        derived(&bson_document(b'K', &body))
    };
    for (envelope, code, why) in [
        (with(&[1; 20], 20_000, 32, b"SHA256"), ErrorCode::DecryptionFailed, "well formed"),
        (with(&[1; 20], 20_000, 32, b""), ErrorCode::DecryptionFailed, "well formed, hash absent"),
        (derived(b"---\niv: !binary MTIzNDU2Nzg5MA==\ni: 20000\nl: 32\n"), ErrorCode::DecryptionFailed, "old form"),
        (with(&[1; 20], 19_999, 32, b"SHA256"), ErrorCode::MalformedEnvelope, "too few iterations"),
        (with(&[1; 20], 10_000_001, 32, b"SHA256"), ErrorCode::MalformedEnvelope, "too many iterations"),
        (with(&[1; 20], -1, 32, b"SHA256"), ErrorCode::MalformedEnvelope, "negative iterations"),
        (with(&[1; 20], 20_000, 16, b"SHA256"), ErrorCode::MalformedEnvelope, "a short key"),
        (with(&[1; 20], 20_000, 64, b"SHA256"), ErrorCode::MalformedEnvelope, "a long key"),
        (with(&[1; 7], 20_000, 32, b"SHA256"), ErrorCode::MalformedEnvelope, "a short salt"),
        (with(&[1; 20], 20_000, 32, b"MD5"), ErrorCode::UnsupportedAlgorithm, "another hash"),
        (with(&[1; 20], 20_000, 32, b"SHA256") + ".x", ErrorCode::MalformedEnvelope, "text after it"),
        (format!("{BMW_BSON}.Pbkdf2Hmac"), ErrorCode::MalformedEnvelope, "no parameters"),
    ] {
        assert_eq!(code_of(decrypt_with_passphrase(&envelope, "p")).await, code, "{why}");
    }
    for (salt, iterations) in [([1; 8].as_slice(), 19_999), (&[1; 8], 10_000_001), (&[1; 7], 20_000)] {
        assert_eq!(code_of(PassphraseKey::derive("p", salt, iterations)).await, ErrorCode::InvalidArgument);
    }
}

pub(crate) async fn a_passphrase_opens_what_it_sealed() {
    for passphrase in ["correct horse", "pässwörd", ""] {
        let envelope = encrypt_with_passphrase(b"secret", passphrase).await.unwrap();
        assert_eq!(decrypt_with_passphrase(&envelope, passphrase).await.unwrap().as_slice(), b"secret");
        assert_eq!(code_of(decrypt_with_passphrase(&envelope, "wrong")).await, ErrorCode::DecryptionFailed);
    }
}

pub(crate) async fn a_passphrase_opens_in_either_form_of_unicode() {
    let (composed, decomposed) = ("p\u{e4}ssw\u{f6}rd \u{ac00}", "pa\u{308}sswo\u{308}rd \u{1100}\u{1161}");
    let spellings = Spelling::all_of(decomposed).into_iter().map(|(_, text)| text.to_string()).collect::<Vec<_>>();
    assert_eq!(spellings, [decomposed, composed]);
    assert_eq!(Spelling::all_of("p\u{e4}a\u{308}").len(), 3);
    assert_eq!(Spelling::all_of("plain").len(), 1);
    for sealed_with in [composed, decomposed] {
        let envelope = encrypt_with_passphrase(b"secret", sealed_with).await.unwrap();
        for typed in [composed, decomposed] {
            assert_eq!(decrypt_with_passphrase(&envelope, typed).await.unwrap().as_slice(), b"secret");
        }
    }
    // As a peer seals it, with the bytes that were typed.
    let key = derive_key_from_passphrase(decomposed, &[5; 20], 20_000).await.unwrap();
    let sealed = key.encrypt(b"a peer's").await.unwrap();
    let Envelope::Symmetric { chunks, .. } = Envelope::parse(&sealed).await.unwrap() else { unreachable!() };
    let derivation = Some(Derivation { salt: vec![5; 20], iterations: 20_000 });
    let envelope = Envelope::Symmetric { chunks, derivation }.print();
    assert_eq!(decrypt_with_passphrase(&envelope, composed).await.unwrap().as_slice(), b"a peer's");
    assert_eq!(code_of(decrypt_with_passphrase(&envelope, "p\u{e4}sswo\u{308}rd")).await, ErrorCode::DecryptionFailed);
}

pub(crate) async fn an_old_passphrase_of_utf16_units_opens() {
    // `pässwörd-€` as the library of 2020 hashes it: Latin-1, and the euro sign (U+20AC) spilling over the hyphen.
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(b"p\xe4ssw\xf6rd\x0d\xac", &[5; 20], 20_000, &mut key);
    let sealed = AesKey::from_bytes(&key).unwrap().encrypt(b"old").await.unwrap();
    let Envelope::Symmetric { chunks, .. } = Envelope::parse(&sealed).await.unwrap() else { unreachable!() };
    let derivation = Some(Derivation { salt: vec![5; 20], iterations: 20_000 });
    let envelope = Envelope::Symmetric { chunks, derivation }.print();
    assert_eq!(decrypt_with_passphrase(&envelope, "pässwörd-€").await.unwrap().as_slice(), b"old");
}

pub(crate) async fn the_guides_secret_derives_the_guides_key() {
    let secret = UserSecret::parse(SECRET).unwrap();
    assert_eq!((secret.username(), secret.as_str()), ("M9znjHbD5Xi", SECRET));
    let key = secret.derive_passphrase_key("supersecretpassword").await.unwrap();
    assert_eq!(key.to_base64url().as_str(), "24rdL_ugryujjDLcvwt00ARWWMCF4kk4gJETJy6yRjs=");
    // That the login's password is right too shows in the SRP vectors; here, that it is derived at all.
    let password = secret.derive_srp_password("supersecretpassword").await.unwrap();
    assert_eq!(generate_srp_registration(secret.username(), &password).unwrap().verifier.len(), 512);
    assert!(!format!("{secret:?}{key:?}{password:?}").contains("xQCSCK"));
}

pub(crate) async fn secrets_are_read_strictly() {
    assert_eq!(UserSecret::parse(&format!("  {SECRET}\r\n")).unwrap().as_str(), SECRET);
    for text in [
        "",
        "1.M9znjHbD5Xi",
        "2.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9",
        "1..xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9",
        "1.M9\u{e4}jHb.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9",
        "1.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh",
        "1.M9znjHbD5Xi.xQCSCK8A1d6demUjx8YVGDcTUhctWy2rfHyv7JNAgh9",
        "1.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9-",
        "1.M9znjHbD5Xi.0QCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9",
        "1.M9znjHbD5Xi.xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9.x",
    ] {
        assert_eq!(UserSecret::parse(text).unwrap_err().code(), ErrorCode::InvalidSecret, "{text}");
    }
    let in_lines = SECRET.replace("-", "-\n  ");
    assert_eq!(UserSecret::parse(&in_lines).unwrap().as_str(), SECRET);
}

pub(crate) async fn a_mistyped_secret_is_told_what_is_wrong_as_far_as_its_form_says() {
    for (groups, told) in [
        ("OQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9", "0, O, I and l"),
        ("xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAg\u{127}-9", "0, O, I and l"),
        ("xQCSCK-8Ad6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9", "group 2"),
        ("xQCSCK-8A1d6d-emUjxx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9", "group 3"),
        ("xQCSCK-8A1d6d-emUjx8YVGDcT-UhctWy-2rfHyv-7JNAgh-9", "group 3"),
        ("xQCSCK8A1d6demUjx8YVGDcTUhctWy2rfHyv7JNAgh9", "group 1"),
        ("xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv", "too short"),
        ("xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9zz", "too long"),
        ("xQCSCK-8A1d6d-emUjx8-YVGDcT-UhctWy-2rfHyv-7JNAgh-9-", "hyphen"),
        ("xQCSCK.8A1d6d", "1.username.groups"),
    ] {
        let error = UserSecret::parse(&format!("1.M9znjHbD5Xi.{groups}")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidSecret);
        assert!(error.message().contains(told) && !error.message().contains("8A"), "{groups}: {error}");
    }
    // What a form cannot tell: a character of the alphabet for another.
    assert!(UserSecret::parse(&SECRET.replace("8A1", "8a1")).is_ok());
}

pub(crate) async fn a_new_secret_has_the_form_of_the_guide() {
    let secret = UserSecret::generate("M9znjHbD5Xi").unwrap();
    assert_eq!(UserSecret::parse(secret.as_str()).unwrap().as_str(), secret.as_str());
    assert_ne!(UserSecret::generate("M9znjHbD5Xi").unwrap().as_str(), secret.as_str());
    for username in ["", "a.b", "a b", "ä", &"a".repeat(129)] {
        assert_eq!(UserSecret::generate(username).unwrap_err().code(), ErrorCode::InvalidArgument, "{username}");
    }
}

pub(crate) async fn the_hierarchy_wraps_and_unwraps() {
    let passphrase_key = PassphraseKey::derive("p", &[1; 20], 20_000).await.unwrap();
    let kek = KeyEncryptionKey::generate().unwrap();
    let dek = DataKey::generate().unwrap();
    let stored_kek = passphrase_key.wrap_kek(&kek).await.unwrap();
    let stored_dek = kek.wrap_private_dek(&dek).await.unwrap();

    let again = PassphraseKey::derive("p", &[1; 20], 20_000).await.unwrap();
    let kek = again.unwrap_kek(&stored_kek).await.unwrap();
    assert!(kek.is_strict());
    assert_eq!(kek.unwrap_private_dek(&stored_dek).await.unwrap(), dek);

    // Wrapped anew, the KEK of a legacy account still says nothing of the account's other keys.
    let legacy = KeyEncryptionKey::from_base64url(&kek.to_base64url(), false).unwrap();
    let stored_legacy = again.wrap_kek(&legacy).await.unwrap();
    assert!(!again.unwrap_kek(&stored_legacy).await.unwrap().is_strict());

    let wrong = PassphraseKey::derive("q", &[1; 20], 20_000).await.unwrap();
    assert_eq!(code_of(wrong.unwrap_kek(&stored_kek)).await, ErrorCode::DecryptionFailed);
}

/// Every key under the KEK in the place of every other, as this client wraps them and as other clients do.
pub(crate) async fn a_key_is_taken_for_nothing_but_what_it_is() {
    let bytes = AesKey::generate().unwrap();
    let strict = KeyEncryptionKey::from_base64url(&bytes.to_base64url(), true).unwrap();
    let legacy = KeyEncryptionKey::from_base64url(&bytes.to_base64url(), false).unwrap();
    let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
    let (own, peer) = (pair.fingerprint(), PublicKey::from_pem(PUBLIC_4096).unwrap().fingerprint());
    let key = DataKey::generate().unwrap();
    let made = SpaceKeyOrigin::Made { peer: peer.clone() };
    let claimed = SpaceKeyOrigin::Claimed { peer: peer.clone() };
    let rule = KeyRule::To(own.clone());

    let dek = strict.wrap_private_dek(&key).await.unwrap();
    let space_made = strict.wrap_space_key(&key, &own, &made).await.unwrap();
    let space_claimed = strict.wrap_space_key(&key, &own, &claimed).await.unwrap();
    let login = strict.wrap_login_key(&pair).await.unwrap();
    let connection = strict.wrap_connection_key(&pair, &rule).await.unwrap();
    let none_key = bytes.encrypt(bytes.as_bytes()).await.unwrap();
    let none_pair = pair.wrap(&bytes).await.unwrap();
    let of_another = Place::ConnectionKey { own: &peer, rule: rule.clone() };
    let of_another = bytes.encrypt_at(PRIVATE_2048.as_bytes(), &of_another).await.unwrap();

    for kek in [&strict, &legacy] {
        kek.unwrap_private_dek(&dek).await.unwrap();
        assert_eq!(kek.unwrap_space_key(&space_made, &own).await.unwrap().1, made);
        assert_eq!(kek.unwrap_space_key(&space_claimed, &own).await.unwrap().1, claimed);
        assert_eq!(kek.unwrap_space_key(&none_key, &own).await.unwrap().1, SpaceKeyOrigin::Unknown);
        kek.unwrap_login_key(&login, PUBLIC_2048).await.unwrap();
        assert_eq!(kek.unwrap_connection_key(&connection, PUBLIC_2048).await.unwrap().1, rule);
        assert_eq!(kek.unwrap_connection_key(&none_pair, PUBLIC_2048).await.unwrap().1, KeyRule::Open);

        for space in [&space_made, &space_claimed] {
            assert_eq!(code_of(kek.unwrap_private_dek(space)).await, ErrorCode::Misplaced);
            assert_eq!(code_of(kek.unwrap_space_key(space, "another")).await, ErrorCode::Misplaced);
        }
        assert_eq!(code_of(kek.unwrap_space_key(&dek, &own)).await, ErrorCode::Misplaced);
        assert_eq!(code_of(kek.unwrap_login_key(&connection, PUBLIC_2048)).await, ErrorCode::Misplaced);
        assert_eq!(code_of(kek.unwrap_connection_key(&login, PUBLIC_2048)).await, ErrorCode::Misplaced);
        assert_eq!(code_of(kek.unwrap_connection_key(&of_another, PUBLIC_2048)).await, ErrorCode::Misplaced);
    }
    // What names no purpose is a legacy account's, and no strict one's.
    assert_eq!(code_of(strict.unwrap_private_dek(&none_key)).await, ErrorCode::Misplaced);
    assert_eq!(code_of(strict.unwrap_login_key(&none_pair, PUBLIC_2048)).await, ErrorCode::Misplaced);
    legacy.unwrap_private_dek(&none_key).await.unwrap();
    legacy.unwrap_login_key(&none_pair, PUBLIC_2048).await.unwrap();
}

pub(crate) async fn content_of_the_wrong_kind_is_no_key() {
    let bytes = AesKey::generate().unwrap();
    let kek = KeyEncryptionKey::from_base64url(&bytes.to_base64url(), false).unwrap();
    let dek = DataKey::from_base64url(&bytes.to_base64url()).unwrap();
    let not_a_key = bytes.encrypt(b"thirty-three bytes are not a key!").await.unwrap();
    let private_key = bytes.encrypt(PRIVATE_2048.as_bytes()).await.unwrap();
    for envelope in [&not_a_key, &private_key] {
        assert_eq!(code_of(kek.unwrap_private_dek(envelope)).await, ErrorCode::DecryptionFailed);
        assert_eq!(code_of(dek.unwrap_verification_key(envelope)).await, ErrorCode::DecryptionFailed);
    }
    assert_eq!(code_of(kek.unwrap_login_key(&not_a_key, PUBLIC_2048)).await, ErrorCode::DecryptionFailed);
}

pub(crate) async fn values_are_verified_by_their_hash() {
    let key = VerificationKey::from_bytes(&[7; 64]).unwrap();
    let dek = DataKey::generate().unwrap();
    let place = Place::InSpace { item: "item", slot: "slot" };
    let envelope = dek.wrap_verification_key(&key, &place).await.unwrap();
    let received = dek.unwrap_verification_key(&envelope).await.unwrap();
    assert!(received.is_at(&place).unwrap());
    let received = received.content;
    let hash = key.hash("WBA 12345");
    // Computed by OpenSSL.
    assert_eq!(hash, "e4d081b6ed74afa7dde78fe61f10bfa5cc2b509cbe0b319d415c87d20cbc2e34");
    received.verify("slot", "WBA 12345", &hash).unwrap();
    for (value, hash) in [("WBA 12346", hash.as_str()), ("WBA 12345", ""), ("WBA 12345", &hash.to_uppercase())] {
        assert_eq!(received.verify("slot", value, hash).unwrap_err().code(), ErrorCode::ValueNotAuthentic);
    }
    let new = || VerificationKey::commit("slot", "x").unwrap();
    assert_ne!(new().hash("x"), new().hash("x"));
    assert!(VerificationKey::from_bytes(&[7; 32]).is_err());
}

/// Made by OpenSSL with the fixture's key: OAEP with SHA-1 of `a key for tests`, and a signature of `signed by openssl`.
pub(crate) async fn what_openssl_encrypted_and_signed_is_read() {
    let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
    let encrypted = concat!("Rsa2048.", include_str!("../fixtures/openssl-oaep.txt"), ".QQUAAAAA");
    assert_eq!(pair.decrypt(encrypted).await.unwrap().as_slice(), b"a key for tests");
    let data = base64url(b"signed by openssl");
    let signed = format!("Sign.Rsa2048.{}.{data}", include_str!("../fixtures/openssl-signature.txt"));
    assert_eq!(pair.public_key().verify(&signed).await.unwrap(), b"signed by openssl");
    assert_eq!(pair.sign(b"signed by openssl").await.unwrap(), signed);
    assert_eq!(pair.fingerprint(), "6764e2c061f141ece8019c2410d503c10da8f3ea00e413759d451f38913e2701");
}

pub(crate) async fn a_key_pair_encrypts_decrypts_signs_and_verifies() {
    let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
    let dek = DataKey::generate().unwrap();
    let envelope = pair.public_key().wrap_data_key(&dek).await.unwrap();
    assert!(envelope.starts_with("Rsa2048.") && envelope.ends_with(".QQUAAAAA"));
    assert_eq!(pair.unwrap_data_key(&envelope).await.unwrap(), dek);

    // The most and the least that fit into a block.
    for length in [0, 214] {
        let envelope = pair.public_key().encrypt(&vec![3; length]).await.unwrap();
        assert_eq!(*pair.decrypt(&envelope).await.unwrap(), vec![3; length]);
    }
    assert_eq!(code_of(pair.public_key().encrypt(&[3; 215])).await, ErrorCode::InvalidArgument);

    // Not of 32 bytes, not this key's size, not this key's, not RSA.
    let short = pair.public_key().encrypt(b"short").await.unwrap();
    assert_eq!(code_of(pair.unwrap_data_key(&short)).await, ErrorCode::DecryptionFailed);
    let other_size = PublicKey::from_pem(PUBLIC_4096).unwrap().encrypt(b"x").await.unwrap();
    assert_eq!(code_of(pair.decrypt(&other_size)).await, ErrorCode::DecryptionFailed);
    let garbage = format!("Rsa2048.{}.QQUAAAAA", base64url(&[1; 256]));
    assert_eq!(code_of(pair.decrypt(&garbage)).await, ErrorCode::DecryptionFailed);
    assert_eq!(code_of(pair.decrypt(BMW_BSON)).await, ErrorCode::MalformedEnvelope);

    let signed = pair.sign(b"claim").await.unwrap();
    assert_eq!(pair.public_key().verify(&signed).await.unwrap(), b"claim");
    let altered = signed.replace(&base64url(b"claim"), &base64url(b"clain"));
    assert_eq!(code_of(pair.public_key().verify(&altered)).await, ErrorCode::DecryptionFailed);
    let other = PublicKey::from_pem(PUBLIC_4096).unwrap();
    assert_eq!(code_of(other.verify(&signed)).await, ErrorCode::DecryptionFailed);
    assert!(!format!("{pair:?}").contains("BEGIN"));
}

pub(crate) async fn the_protocols_size_works() {
    let pair = KeyPair::from_pem(PRIVATE_4096).await.unwrap();
    assert_eq!(pair.public_key().bits(), 4096);
    assert_eq!(pair.public_key_pem(), PUBLIC_4096);
    let envelope = pair.public_key().encrypt(&[9; 470]).await.unwrap();
    assert!(envelope.starts_with("Rsa4096."));
    assert_eq!(*pair.decrypt(&envelope).await.unwrap(), vec![9; 470]);
    assert!(pair.sign(b"x").await.unwrap().starts_with("Sign.Rsa4096."));
}

pub(crate) async fn a_generated_key_pair_can_be_wrapped_for_the_keystore() {
    let pair = KeyPair::generate(2048).await.unwrap();
    let pem = pair.private_key_pem().await.unwrap();
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\r\n"));
    assert!(pem.ends_with("-----END RSA PRIVATE KEY-----\r\n"));
    assert!(pair.public_key_pem().ends_with("-----END PUBLIC KEY-----\r\n"));

    let kek = KeyEncryptionKey::generate().unwrap();
    let stored = kek.wrap_login_key(&pair).await.unwrap();
    let again = kek.unwrap_login_key(&stored, pair.public_key_pem()).await.unwrap();
    let envelope = pair.public_key().encrypt(b"hello").await.unwrap();
    assert_eq!(again.decrypt(&envelope).await.unwrap().as_slice(), b"hello");
    assert_eq!(again.public_key(), pair.public_key());
    assert_eq!(code_of(KeyPair::generate(1024)).await, ErrorCode::InvalidArgument);
}

pub(crate) async fn a_key_pair_from_the_keystore_keeps_its_private_key() {
    let kek = KeyEncryptionKey::generate().unwrap();
    let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
    let stored = kek.wrap_login_key(&pair).await.unwrap();
    let again = kek.unwrap_login_key(&stored, PUBLIC_2048).await.unwrap();
    assert_eq!(code_of(again.private_key_pem()).await, ErrorCode::InvalidArgument);
    assert_eq!(code_of(kek.wrap_login_key(&again)).await, ErrorCode::InvalidArgument);
    assert_eq!(code_of(pair.without_export().private_key_pem()).await, ErrorCode::InvalidArgument);

    // The stored text of the public key stays what it was, also where it is the older form of the same key.
    let again = kek.unwrap_login_key(&stored, PUBLIC_2048_PKCS1).await.unwrap();
    assert_eq!(again.public_key_pem(), PUBLIC_2048_PKCS1);
}

pub(crate) async fn a_private_key_of_someone_else_is_refused() {
    let kek = KeyEncryptionKey::generate().unwrap();
    let stored = kek.wrap_login_key(&KeyPair::from_pem(PRIVATE_2048).await.unwrap()).await.unwrap();
    assert_eq!(code_of(kek.unwrap_login_key(&stored, PUBLIC_4096)).await, ErrorCode::DecryptionFailed);
}

pub(crate) async fn a_private_key_whose_parts_do_not_belong_together_is_refused() {
    let (_, mut der) = pem_rfc7468::decode_vec(PRIVATE_2048.as_bytes()).unwrap();
    // In the middle of the private exponent, which comes after a modulus of 256 bytes.
    der[400] ^= 2;
    let pem = pem_rfc7468::encode_string("RSA PRIVATE KEY", pem_rfc7468::LineEnding::CRLF, &der);
    let pem = pem.unwrap();
    if is_webkitgtk() {
        // libgcrypt, which is its WebCrypto, imports any numbers: what is wrong with them shows when they are used.
        let encrypted = PublicKey::from_pem(PUBLIC_2048).unwrap().encrypt(b"text").await.unwrap();
        let pair = KeyPair::from_pem(&pem).await.unwrap();
        assert_eq!(code_of(pair.decrypt(&encrypted)).await, ErrorCode::DecryptionFailed);
        return;
    }
    assert_eq!(code_of(KeyPair::from_pem(&pem)).await, ErrorCode::InvalidArgument);

    let kek = AesKey::generate().unwrap();
    let stored = kek.encrypt(pem.as_bytes()).await.unwrap();
    let kek = KeyEncryptionKey::from_base64url(&kek.to_base64url(), false).unwrap();
    assert_eq!(code_of(kek.unwrap_login_key(&stored, PUBLIC_2048)).await, ErrorCode::DecryptionFailed);
}

pub(crate) async fn keys_are_read_in_both_forms_and_kept_byte_for_byte() {
    let spki = PublicKey::from_pem(PUBLIC_2048).unwrap();
    let pkcs1 = PublicKey::from_pem(PUBLIC_2048_PKCS1).unwrap();
    let unix = PublicKey::from_pem(&PUBLIC_2048.replace("\r\n", "\n")).unwrap();
    assert_eq!((&spki, &spki), (&pkcs1, &unix));
    assert_eq!((spki.pem(), pkcs1.pem()), (PUBLIC_2048, PUBLIC_2048_PKCS1));
    assert_eq!(spki.fingerprint(), pkcs1.fingerprint());

    let pkcs8 = KeyPair::from_pem(PRIVATE_2048_PKCS8).await.unwrap();
    assert_eq!(pkcs8.private_key_pem().await.unwrap().as_str(), PRIVATE_2048);
    assert_eq!(pkcs8.public_key_pem(), PUBLIC_2048);
    for text in ["", "no key", PUBLIC_2048, "-----BEGIN RSA PRIVATE KEY-----\r\n-----END RSA PRIVATE KEY-----\r\n"] {
        assert_eq!(code_of(KeyPair::from_pem(text)).await, ErrorCode::InvalidArgument, "{text}");
    }
}

pub(crate) async fn weak_and_foreign_keys_are_refused() {
    let code = |text: &str| PublicKey::from_pem(text).unwrap_err().code();
    assert_eq!(code(PUBLIC_512), ErrorCode::WeakKey);
    assert_eq!(code(PUBLIC_EXPONENT_3), ErrorCode::WeakKey);
    assert_eq!(code(PUBLIC_ED25519), ErrorCode::UnsupportedAlgorithm);
    // A public key's text goes to others as it is.
    let with_private = format!("{PUBLIC_2048}{PRIVATE_2048_PKCS8}");
    for text in ["", "-----BEGIN PUBLIC KEY-----", PRIVATE_2048, &with_private] {
        assert_eq!(code(text), ErrorCode::InvalidArgument, "{text}");
    }
}

pub(crate) async fn keys_are_read_as_people_paste_them() {
    let pasted = |pem: &str| {
        let lines = || pem.lines().map(|line| format!("    {line}  "));
        [
            pem.replace("\r\n", "\n").trim_end().to_owned(),
            format!("My key, as promised:\n\n{pem}\nRegards, Alice"),
            lines().collect::<Vec<_>>().join("\n"),
            lines().collect::<String>(),
        ]
    };
    for text in pasted(PUBLIC_2048) {
        let key = PublicKey::from_pem(&text).unwrap();
        assert_eq!(key, PublicKey::from_pem(PUBLIC_2048).unwrap());
        assert_eq!(key.pem(), text, "it is compared and sent on byte for byte");
    }
    for text in [PRIVATE_2048, PRIVATE_2048_PKCS8].map(pasted).concat() {
        let pair = KeyPair::from_pem(&text).await.unwrap();
        assert_eq!(pair.private_key_pem().await.unwrap().as_str(), PRIVATE_2048);
        assert_eq!(pair.public_key_pem(), PUBLIC_2048);
    }
    let both = format!("{PUBLIC_2048}{PRIVATE_2048}");
    assert_eq!(KeyPair::from_pem(&both).await.unwrap().public_key_pem(), PUBLIC_2048);
}

pub(crate) async fn a_data_key_in_the_place_of_a_token_stays_secret() {
    let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
    let token = pair.public_key().encrypt(b"xhx8ZbXz-gqB_3.Kt~+/=").await.unwrap();
    assert_eq!(pair.decrypt_token(&token).await.unwrap().as_str(), "xhx8ZbXz-gqB_3.Kt~+/=");
    let reasons = [vec![b'a'; 32], vec![b'a'; 64], vec![0x99; 20], b"to ken".to_vec(), "tökén".into(), Vec::new()];
    let mut errors = Vec::new();
    for content in reasons {
        let envelope = pair.public_key().encrypt(&content).await.unwrap();
        errors.push(pair.decrypt_token(&envelope).await.unwrap_err());
    }
    errors.push(pair.decrypt(&format!("Rsa2048.{}.QQUAAAAA", base64url(&[1; 256]))).await.unwrap_err());
    assert!(errors.iter().all(|error| *error == errors[0] && error.code() == ErrorCode::DecryptionFailed));
}

pub(crate) async fn old_rsa_parameters_are_read() {
    let pair = KeyPair::from_pem(PRIVATE_2048).await.unwrap();
    let envelope = pair.public_key().encrypt(b"old").await.unwrap();
    for yaml in [
        "---\n{}\n",
        "--- {}\n",
        "---\n'ad': ''\n'at': ''\n'iv': ''\n",
        "---\nad: ''\nat: ''\niv: ''\n",
        "---\n:ad: \"\"\n:at: !binary |-\n:iv: ~\n",
        "---\niv: !binary |-\n  AgICAgICAgICAgIC\nat: !binary |-\n  LvrA/qaBJRLWUQMaQp8QCA==\nad: none\n",
        "--- !ruby/hash:Hash {}\n...\n",
        "---\n",
    ] {
        let old = envelope.replace("QQUAAAAA", &base64url(yaml.as_bytes()));
        assert_eq!(pair.decrypt(&old).await.unwrap().as_slice(), b"old", "{yaml}");
    }
    // What no library wrote, and a second spelling of the same base64.
    for other in ["QQUAAAAB", "QUAAAAA=", "LS0=", "e30K", "LS0tCnt9Ch==", "LS0tCnt9Cg", "", "LS0tCnt9Cg==.LS0tCnt9Cg=="]
    {
        let other = envelope.replace("QQUAAAAA", other);
        assert_eq!(code_of(pair.decrypt(&other)).await, ErrorCode::MalformedEnvelope, "{other}");
    }
}

pub(crate) async fn both_sides_see_one_safety_number() {
    let (alice, bob) = (PublicKey::from_pem(PUBLIC_2048).unwrap(), PublicKey::from_pem(PUBLIC_4096).unwrap());
    let number = safety_number(&alice, &bob);
    assert_eq!(number, safety_number(&bob, &alice));
    assert_ne!(number, safety_number(&alice, &alice));
    assert!(number.split(' ').all(|group| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_digit())));
    assert_eq!(number.split(' ').count(), 12);
}

pub(crate) async fn signing_in_refuses_what_is_not_the_protocol() {
    let password = UserSecret::parse(SECRET).unwrap().derive_srp_password("p").await.unwrap();
    let client = SrpClient::start().unwrap();
    let zero = client.prove("M9znjHbD5Xi", &password, &"22".repeat(32), &"00".repeat(256));
    assert_eq!(zero.unwrap_err().code(), ErrorCode::BadResponse);
    let proof = client.prove("M9znjHbD5Xi", &password, &"22".repeat(32), &"01".repeat(256)).unwrap();
    assert_eq!(proof.of_client().len(), 64);
    assert_eq!(proof.check_server(proof.of_client()).unwrap_err().code(), ErrorCode::ServerNotProven);
}
