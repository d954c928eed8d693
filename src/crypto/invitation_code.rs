//! Invitation codes: what an inviter hands over, so that each side knows the other's key and neither takes it from the server.
//! `docs/protocol/additional-data.md`, "Invitation codes".
//!
//! ```text
//! code   = "vs1." base64url( 01 ‖ fingerprint of the inviter's key [32] ‖ secret [16] ‖ token ‖ checksum [4] )
//! secret = first 16 bytes of HMAC-SHA256( the inviter's private DEK, FF "vs1/invitation" 00 ‖ fingerprint )
//! proof  = base64url( HMAC-SHA256( secret, FF "vs1/accept" 00 ‖ inviter's fingerprint ‖ invitee's fingerprint ) )
//! ```
//!
//! The code names the inviter's key. The secret in it, which no server has, lets the invitee prove theirs. The inviter derives
//! it anew from the DEK: nothing is stored that a server could roll back.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vaultshare_primitives::unpadded;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Error, Result,
    crypto::{
        DataKey, PublicKey,
        backend::hmac_sha256,
        encoding::to_hex,
        places::{acceptance_text, invitation_text},
    },
};

/// The first byte of what is encoded.
const VERSION: u8 = 1;
const FINGERPRINT_BYTES: usize = 32;
const SECRET_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;
const BEFORE_TOKEN: usize = 1 + FINGERPRINT_BYTES + SECRET_BYTES;

/// Known to the inviter and to whoever has the code. Zeroized on drop, redacted in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl InvitationSecret {
    /// The secret of the invitation with this key, which is the inviter's.
    pub fn derive(private_dek: &DataKey, inviter: &PublicKey) -> Self {
        let mut derived = hmac_sha256(private_dek.as_bytes(), &invitation_text(&inviter.fingerprint_bytes()));
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        secret.iter_mut().zip(derived).for_each(|(byte, derived)| *byte = derived);
        derived.zeroize();
        InvitationSecret(secret)
    }

    /// Whether a proof is one of the secret for these two keys, in constant time.
    pub fn is_proved_by(&self, proof: &str, inviter: &PublicKey, invitee: &PublicKey) -> bool {
        self.proof(&inviter.fingerprint_bytes(), invitee).as_bytes().ct_eq(proof.as_bytes()).into()
    }

    fn proof(&self, inviter: &[u8; FINGERPRINT_BYTES], invitee: &PublicKey) -> String {
        unpadded::encode(&hmac_sha256(self.0.as_slice(), &acceptance_text(inviter, &invitee.fingerprint_bytes())))
    }
}

impl fmt::Debug for InvitationSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InvitationSecret(secret)")
    }
}

/// A code, read or to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationCode {
    inviter: [u8; FINGERPRINT_BYTES],
    secret: InvitationSecret,
    token: Zeroizing<String>,
}

impl InvitationCode {
    /// What every code begins with.
    pub const PREFIX: &str = "vs1.";

    /// The code of an invitation with this key of the inviter's and this token of the Vault's.
    pub fn new(private_dek: &DataKey, inviter: &PublicKey, token: &str) -> Self {
        InvitationCode {
            inviter: inviter.fingerprint_bytes(),
            secret: InvitationSecret::derive(private_dek, inviter),
            token: Zeroizing::new(token.to_owned()),
        }
    }

    /// The code that a text begins with, if it begins as one, and what is behind it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where it was cut short or altered, or is of a later version.
    pub fn parse_start(text: &str) -> Result<Option<(Self, &str)>> {
        let Some(encoded) = text.strip_prefix(InvitationCode::PREFIX) else { return Ok(None) };
        let end = encoded.find(|next: char| !next.is_ascii_alphanumeric() && !"-_".contains(next));
        let (encoded, behind) = encoded.split_at(end.unwrap_or(encoded.len()));
        let mut buffer = Zeroizing::new(vec![0; encoded.len()]);
        let code = unpadded::decode_into(encoded, &mut buffer).and_then(InvitationCode::decode);
        let code = code.ok_or_else(|| {
            Error::invalid_argument("the invitation's code was cut short or altered, or is of a later version")
        })?;
        Ok(Some((code, behind)))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (said, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        if checksum_of(said) != checksum {
            return None;
        }
        let (before, token) = said.split_at_checked(BEFORE_TOKEN)?;
        let (version, before) = before.split_first()?;
        let (inviter, secret) = before.split_first_chunk()?;
        let secret = Zeroizing::new(secret.try_into().ok()?);
        let token = str::from_utf8(token).ok().filter(|token| !token.is_empty())?;
        (*version == VERSION).then(|| InvitationCode {
            inviter: *inviter,
            secret: InvitationSecret(secret),
            token: Zeroizing::new(token.to_owned()),
        })
    }

    /// As it is handed over: about 130 characters that a URL may hold.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BEFORE_TOKEN + self.token.len() + CHECKSUM_BYTES));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.inviter);
        bytes.extend_from_slice(self.secret.0.as_slice());
        bytes.extend_from_slice(self.token.as_bytes());
        let checksum: Vec<u8> = checksum_of(&bytes).to_vec();
        bytes.extend_from_slice(&checksum);
        Zeroizing::new([InvitationCode::PREFIX, &Zeroizing::new(unpadded::encode(&bytes))].concat())
    }

    /// [`PublicKey::fingerprint`] of the inviter's key.
    pub fn inviter(&self) -> String {
        to_hex(&self.inviter)
    }

    /// The Vault's token of the invitation.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Proves to the inviter that the holder of this code has the key.
    pub fn prove(&self, invitee: &PublicKey) -> String {
        self.secret.proof(&self.inviter, invitee)
    }
}

/// Whoever sees a code can accept the invitation.
impl fmt::Debug for InvitationCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InvitationCode(secret)")
    }
}

fn checksum_of(said: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.iter_mut().zip(Sha256::digest(said)).for_each(|(byte, hashed)| *byte = hashed);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = InvitationCode::PREFIX;
    const TOKEN: &str = "c29tZXRoaW5nLXJhbmRvbS1hbmQtbG9uZy1lbm91Z2g";

    fn keys() -> (DataKey, PublicKey, PublicKey) {
        let fixture = |name: &str| {
            let path = format!("{}/crates/server/tests/fixtures/{name}-public.pem", env!("CARGO_MANIFEST_DIR"));
            PublicKey::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let dek = DataKey::from_base64url(&unpadded_key()).unwrap();
        (dek, fixture("alice"), fixture("bob"))
    }

    fn unpadded_key() -> String {
        format!("{}=", unpadded::encode(&[7; 32]))
    }

    fn read(text: &str) -> Option<InvitationCode> {
        InvitationCode::parse_start(text).ok().flatten().map(|(code, _)| code)
    }

    #[test]
    fn a_code_is_read_as_it_was_written_and_ends_where_its_alphabet_ends() {
        let (dek, alice, _) = keys();
        let code = InvitationCode::new(&dek, &alice, TOKEN);
        let text = code.to_text();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{}", text.as_str());
        assert_eq!((code.inviter(), code.token()), (alice.fingerprint(), TOKEN));
        for behind in ["", ")", ".", "&utm_source=mail", " and more"] {
            let text = format!("{}{behind}", text.as_str());
            assert_eq!(InvitationCode::parse_start(&text).unwrap(), Some((code.clone(), behind)));
        }
        assert_eq!(InvitationCode::parse_start(TOKEN).unwrap(), None);
        assert!(!format!("{code:?}").contains(TOKEN));
    }

    #[test]
    fn a_code_that_was_cut_short_or_altered_anywhere_is_refused() {
        let (dek, alice, _) = keys();
        let text = InvitationCode::new(&dek, &alice, TOKEN).to_text();
        for at in PREFIX.len()..text.len() {
            assert_eq!(read(&text[..at]), None, "{at}");
            let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            assert_eq!(read(&[&text[..at], other, &text[at + 1..]].concat()), None, "{at}");
        }
        assert_eq!(read(PREFIX), None);
        let mut later = vec![2; BEFORE_TOKEN + TOKEN.len()];
        later.extend_from_slice(&checksum_of(&later));
        assert_eq!(read(&format!("{PREFIX}{}", unpadded::encode(&later))), None);
    }

    #[test]
    fn a_proof_is_of_one_secret_and_two_keys() {
        let (dek, alice, bob) = keys();
        let code = InvitationCode::new(&dek, &alice, TOKEN);
        let (secret, proof) = (InvitationSecret::derive(&dek, &alice), code.prove(&bob));
        assert!(secret.is_proved_by(&proof, &alice, &bob));
        assert!(!secret.is_proved_by(&proof, &alice, &alice) && !secret.is_proved_by(&proof, &bob, &bob));
        assert!(!secret.is_proved_by("", &alice, &bob) && !secret.is_proved_by(&proof[1..], &alice, &bob));
        assert!(!InvitationSecret::derive(&dek, &bob).is_proved_by(&proof, &alice, &bob));
        let other = DataKey::from_base64url(&format!("{}=", unpadded::encode(&[8; 32]))).unwrap();
        assert!(!InvitationSecret::derive(&other, &alice).is_proved_by(&proof, &alice, &bob));
    }

    /// Computed with Python's `hmac` and `hashlib`.
    #[test]
    fn codes_and_proofs_are_as_documented() {
        let (dek, alice, bob) = keys();
        let code = InvitationCode::new(&dek, &alice, "token");
        assert_eq!(
            code.to_text().as_str(),
            "vs1.Aaxfsb8HXqLLN8GbEbgY0_9nwFyg1pNfsz7RJU0TfXXDE4PvcmT6jbt8tsKNiv96HXRva2VuPpvGPA"
        );
        assert_eq!(code.prove(&bob), "Sbr017Ue8cHD2kH1NK8HIfmY6zTKRZiMEK-yCeUEvxc");
    }
}
