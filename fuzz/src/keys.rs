//! Keys, secrets and tokens: from a server, a file, or the clipboard.

use std::{cell::RefCell, future, rc::Rc, time::Duration};

use futures_executor::block_on;
use percent_encoding::percent_decode_str;
use vaultshare::{
    ErrorCode, Result,
    api::{
        Id,
        keystore::keypairs,
        vault::invitations::{self, InvitationLookup},
    },
    crypto::{
        DataKey, InvitationCode, PublicKey, UserSecret,
        fuzzing::{
            decode_pem, encode_pem, is_session_token, pkcs1_of_spki, pkcs8_of_private_key, private_key_of_pem,
            private_key_of_pkcs8, public_half_of_pkcs1, public_key_of_pkcs1,
        },
        is_fingerprint,
    },
    http::{BaseUrl, Request, RequestPolicy, Response, Service, Transport, TransportError, TransportFuture},
    workflows::ConnectionRef,
};
use zeroize::Zeroizing;

const BASE_URL: &str = "https://vault.example";

/// A PEM is written as it was read, and a key is the same in its own spelling and in ours.
pub fn pem(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let decoded = decode_pem(text);
    let written = decoded.as_ref().map(|(label, der)| encode_pem(label, der));
    if let Some(written) = &written {
        assert_eq!(written.as_deref().and_then(decode_pem), decoded);
    }
    match PublicKey::from_pem(text) {
        Ok(key) => {
            assert_eq!(key.pem(), text);
            assert!((2048..=8192).contains(&key.bits()));
            assert_eq!(written.flatten().map(|written| PublicKey::from_pem(&written)), Some(Ok(key)));
        }
        Err(error) => {
            let expected = [ErrorCode::InvalidArgument, ErrorCode::WeakKey, ErrorCode::UnsupportedAlgorithm];
            assert!(expected.contains(&error.code()));
        }
    }
    if let Some(pkcs1) = private_key_of_pem(text) {
        check_private_key(&pkcs1);
    }
}

/// What encloses a key encloses the same when it is written, and nothing is read in two ways.
pub fn der(data: &[u8]) {
    if let Some((pkcs1, spki)) = public_key_of_pkcs1(data) {
        assert_eq!(pkcs1, data);
        assert_eq!(pkcs1_of_spki(&spki), Some(data));
        assert!(public_half_of_pkcs1(data).is_none() && private_key_of_pkcs8(data).is_none());
        assert!(pkcs1_of_spki(data).is_none());
        let of = |label: &str, der: &[u8]| encode_pem(label, der).map(|pem| PublicKey::from_pem(&pem));
        if let Some(Ok(key)) = of("RSA PUBLIC KEY", &pkcs1) {
            assert_eq!(of("PUBLIC KEY", &spki), Some(Ok(key)));
        }
    }
    if let Some(pkcs1) = pkcs1_of_spki(data) {
        assert!(private_key_of_pkcs8(data).is_none());
        public_key_of_pkcs1(pkcs1);
    }
    if let Some(pkcs1) = private_key_of_pkcs8(data) {
        check_private_key(&pkcs1);
    }
    check_private_key(data);
}

fn check_private_key(pkcs1: &[u8]) {
    let Some(public) = public_half_of_pkcs1(pkcs1) else { return };
    assert_eq!(public_key_of_pkcs1(&public.0), Some(public));
    let enclosed = pkcs8_of_private_key(pkcs1).and_then(|pkcs8| private_key_of_pkcs8(&pkcs8));
    assert_eq!(enclosed.as_ref().map(|pkcs1| pkcs1.as_slice()), Some(pkcs1));
}

/// A secret has one spelling, what is none is refused in a few fixed sentences, and neither error nor `Debug` shows it.
pub fn secret(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match UserSecret::parse(text) {
        Ok(secret) => {
            assert_eq!(secret.as_str(), text.split_whitespace().collect::<String>());
            let groups = secret.as_str().rsplit('.').next().unwrap_or_default();
            assert!(!format!("{secret:?}").contains(groups) || secret.username().contains(groups));
        }
        Err(error) => {
            let sentence =
                |error: &vaultshare::Error| error.message().replace(|character| char::is_ascii_digit(&character), "");
            let too_long = format!("1.a.{}", "2".repeat(65));
            let refused =
                ["", "1..2", &too_long, "1.a.0", "1.a.22-22", "1.a.222222"].map(|text| UserSecret::parse(text).err());
            assert_eq!(error.code(), ErrorCode::InvalidSecret);
            assert!(refused.iter().flatten().any(|known| sentence(known) == sentence(&error)), "{error}");
        }
    }
    match DataKey::from_base64url(text) {
        Ok(key) => {
            assert_eq!(key.to_base64url().as_str(), text);
            assert!(!format!("{key:?}").contains(text));
        }
        Err(error) => {
            let refused = ["!", "QUJD"].map(|text| DataKey::from_base64url(text).err());
            assert!(refused.contains(&Some(error)));
        }
    }
}

/// An invitation's code is written as it was read, and does not show its token.
pub fn code(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match InvitationCode::parse_start(text) {
        Ok(Some((code, behind))) => {
            assert_eq!([code.to_text().as_str(), behind].concat(), text);
            assert!(is_fingerprint(&code.inviter()) && !code.token().is_empty());
            assert_eq!(format!("{code:?}"), "InvitationCode(secret)");
        }
        Ok(None) => assert!(!text.starts_with("vs1.")),
        Err(error) => assert_eq!(error.code(), ErrorCode::InvalidArgument),
    }
}

/// A token leaves in its header or in its body as it is, or not at all; an id stays one segment of its URL.
pub fn token(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let network = Rc::new(Network::default());
    let Some(vault) = network.service() else { return };

    vault.set_token(Zeroizing::new(text.to_owned()));
    let refused = block_on(keypairs::get(&vault, "id")).err().map(|error| error.code());
    match network.take() {
        Some(request) => {
            let header =
                |name: &str| request.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value);
            assert_eq!(header("authorization").map(|value| value.as_str()), Some(text));
            assert!(!text.contains(|character: char| character.is_control()) && text.is_ascii());
        }
        None => assert_eq!(refused, Some(ErrorCode::BadResponse)),
    }
    if is_session_token(text) {
        // Of 32 or 64 characters it could be a key.
        assert!(refused.is_none() && ![0, 32, 64].contains(&text.len()));
    }

    vault.clear_token();
    let _ = block_on(invitations::look_up(&vault, text));
    if let Some(request) = network.take() {
        assert_eq!(request.url, format!("{BASE_URL}/invitations/lookup"));
        let body = request.body.and_then(|body| serde_json::from_slice::<InvitationLookup>(&body).ok());
        assert_eq!(body.map(|body| body.invitation_token).as_deref(), Some(text));
    }

    let _ = block_on(keypairs::get(&vault, text));
    if let Some(request) = network.take() {
        let segment = request.url.strip_prefix(&format!("{BASE_URL}/keypairs/")).unwrap_or("/");
        let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        assert!(segment.bytes().all(stays));
        assert_eq!(percent_decode_str(segment).decode_utf8().as_deref().ok(), Some(text));
        assert!(Id::parse(text).is_none() || ![".", ".."].contains(&segment));
    }

    if let Some(reference) = ConnectionRef::parse(text) {
        let written = match reference.peer {
            Some(peer) => format!("{}~{peer}", reference.id),
            None => reference.id.to_string(),
        };
        assert_eq!(written, text);
    }
}

/// Keeps the request, and answers each with a key pair.
#[derive(Default)]
struct Network(RefCell<Option<Request>>);

impl Network {
    fn service(self: &Rc<Self>) -> Option<Service> {
        let policy = RequestPolicy { retries: 0, ..RequestPolicy::default() };
        Service::new(BaseUrl::parse(BASE_URL).ok()?, Rc::clone(self) as Rc<dyn Transport>, policy, None).ok()
    }

    fn take(&self) -> Option<Request> {
        self.0.take()
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        self.0.replace(Some(request));
        let body = br#"{"keypair":{"id":"id","public_key":"","encrypted_serialized_key":"A.QUJD.QUJD"}}"#.to_vec();
        Box::pin(future::ready(Ok(Response { status: 200, body, ..Response::default() })))
    }

    fn sleep(&self, _: Duration) -> TransportFuture<'static, ()> {
        Box::pin(future::pending())
    }
}
