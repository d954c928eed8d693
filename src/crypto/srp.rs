//! Signing in without telling the server the password: SRP-6a with the peers' parameters.
//!
//! Group of RFC 5054 with 2048 bits, g = 2, SHA-256, every number padded to 256 bytes:
//!
//! ```text
//! x = H(s ‖ H(I ‖ ":" ‖ P))      v = g^x       k = H(N ‖ g)      A = g^a      u = H(A ‖ B)
//! S = (B − k·g^x)^(a + u·x)      K = H(S)      M1 = H(A ‖ B ‖ K)          (not RFC 2945's longer M1)
//! M2 = H(A ‖ M1 ‖ K), which only a server that has v can give
//! ```
//!
//! The arithmetic is that of the `srp` crate's client, called part by part, because its `process_reply` has RFC 2945's M1.
//! Secret numbers are zeroized here; the crate's own temporaries are where the allocator zeroizes, as in the wasm modules.
//! Sources: `docs/protocol/encryption-spaces-and-setup.md` §3.3, `docs/protocol/http-api.md` §4.3.

use std::fmt;

use crypto_bigint::BoxedUint;
use sha2::{Digest, Sha256};
use srp::{
    ClientG2048,
    groups::{G2048, Group},
    utils::{compute_k, compute_u_padded},
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Error, ErrorCode, Result,
    crypto::encoding::{from_hex, to_hex},
};

const NUMBER_BYTES: usize = 256;
const SALT_BYTES: usize = 32;
const EPHEMERAL_BYTES: usize = 32;

type Client = ClientG2048<Sha256>;

/// The password of the login protocol, derived by [`super::UserSecret::derive_srp_password`]. Zeroized on drop, redacted in `Debug`.
pub struct SrpPassword(Zeroizing<Vec<u8>>);

impl SrpPassword {
    /// The peers hold the derived bytes as a string of characters U+0000 to U+00FF, which is then encoded as UTF-8:
    /// every byte from 0x80 becomes two.
    pub(crate) fn from_derived(bytes: &[u8]) -> Self {
        let mut password = Zeroizing::new(String::with_capacity(bytes.len() * 2));
        password.extend(bytes.iter().map(|&byte| char::from(byte)));
        SrpPassword(Zeroizing::new(std::mem::take(&mut *password).into_bytes()))
    }
}

impl fmt::Debug for SrpPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SrpPassword(secret)")
    }
}

/// What the Keystore stores of a new user. Both in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrpRegistration {
    /// 32 random bytes.
    pub salt: String,
    /// v, 256 bytes.
    pub verifier: String,
}

/// Salt and verifier for a new user.
///
/// # Errors
/// `INTERNAL` where the system has no source of randomness.
pub fn generate_srp_registration(username: &str, password: &SrpPassword) -> Result<SrpRegistration> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    registration_with_salt(username, password, &salt)
}

fn registration_with_salt(username: &str, password: &SrpPassword, salt: &[u8]) -> Result<SrpRegistration> {
    let verifier = Client::new().compute_g_x(&private_value(username, password, salt));
    Ok(SrpRegistration { salt: to_hex(salt), verifier: to_hex(&padded(&verifier)?) })
}

/// One attempt to sign in.
pub struct SrpClient {
    a: Zeroizing<BoxedUint>,
    public_a: String,
}

impl SrpClient {
    /// A new attempt, with a random private value.
    ///
    /// # Errors
    /// `INTERNAL` where the system has no source of randomness.
    pub fn start() -> Result<Self> {
        let mut a = Zeroizing::new([0; EPHEMERAL_BYTES]);
        getrandom::fill(a.as_mut_slice())?;
        SrpClient::start_with(&a)
    }

    fn start_with(a: &[u8; EPHEMERAL_BYTES]) -> Result<Self> {
        let a = Zeroizing::new(BoxedUint::from_be_slice_vartime(a));
        let public_a = to_hex(&padded(&Client::new().compute_g_x(&a))?);
        Ok(SrpClient { a, public_a })
    }

    /// A, for the Keystore: 512 digits of lower-case hexadecimal.
    pub fn public_a(&self) -> &str {
        &self.public_a
    }

    /// M1, the proof for the Keystore, from its salt and its B; and what its own proof has to be.
    ///
    /// # Errors
    /// `BAD_RESPONSE` for a salt or B that is not the protocol, among them every B that would give the key away.
    pub fn prove(&self, username: &str, password: &SrpPassword, salt_hex: &str, b_hex: &str) -> Result<SrpProof> {
        if salt_hex.len() > 2 * NUMBER_BYTES || b_hex.len() != 2 * NUMBER_BYTES {
            return Err(bad_response());
        }
        let salt = from_hex(salt_hex).filter(|salt| salt.len() >= 16).ok_or_else(bad_response)?;
        let b_bytes = from_hex(b_hex).ok_or_else(bad_response)?;
        let generator = G2048::generator();
        let b = BoxedUint::from_be_slice_vartime(&b_bytes);
        if bool::from(b.is_zero()) || b >= *generator.params().modulus().as_ref() {
            return Err(bad_response());
        }

        let a_bytes = from_hex(&self.public_a).ok_or_else(|| Error::internal("A is not hexadecimal"))?;
        let u = compute_u_padded::<Sha256>(&generator, &a_bytes, &b_bytes);
        let k = compute_k::<Sha256>(&generator);
        let x = private_value(username, password, &salt);
        let premaster_secret = Zeroizing::new(Client::new().compute_premaster_secret(&b, &k, &x, &self.a, &u));
        let mut key = Sha256::digest(padded(&premaster_secret)?.as_slice());
        let proof = Sha256::new().chain_update(&a_bytes).chain_update(&b_bytes).chain_update(key.as_slice()).finalize();
        let of_server =
            Sha256::new().chain_update(&a_bytes).chain_update(proof).chain_update(key.as_slice()).finalize();
        key.as_mut_slice().zeroize();
        Ok(SrpProof { of_client: to_hex(&proof), of_server: to_hex(&of_server) })
    }
}

/// Both sides' proofs of one attempt.
pub struct SrpProof {
    of_client: String,
    of_server: String,
}

impl SrpProof {
    /// M1: lower-case hexadecimal, for the Keystore.
    pub fn of_client(&self) -> &str {
        &self.of_client
    }

    /// Compares the Keystore's M2 in constant time: without the user's verifier it could not know it.
    ///
    /// # Errors
    /// `SERVER_NOT_PROVEN`.
    pub fn check_server(&self, given: &str) -> Result<()> {
        match self.of_server.as_bytes().ct_eq(given.as_bytes()).into() {
            true => Ok(()),
            false => Err(Error::new(ErrorCode::ServerNotProven, "this is not the Keystore that knows the user")),
        }
    }
}

impl fmt::Debug for SrpProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SrpProof(secret)")
    }
}

impl fmt::Debug for SrpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SrpClient(secret)")
    }
}

/// x
fn private_value(username: &str, password: &SrpPassword, salt: &[u8]) -> Zeroizing<BoxedUint> {
    let mut identity = Client::compute_identity_hash(username.as_bytes(), &password.0);
    let x = Zeroizing::new(Client::compute_x(&identity, salt));
    identity.as_mut_slice().zeroize();
    x
}

/// A number below N as 256 bytes.
fn padded(number: &BoxedUint) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(number.to_be_bytes().into_vec());
    let start = NUMBER_BYTES.checked_sub(bytes.len()).ok_or_else(|| Error::internal("a number beyond the group"))?;
    let mut padded = Zeroizing::new(vec![0; NUMBER_BYTES]);
    padded.get_mut(start..).into_iter().for_each(|place| place.copy_from_slice(&bytes));
    Ok(padded)
}

fn bad_response() -> Error {
    Error::new(ErrorCode::BadResponse, "the Keystore's login challenge is not the protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Source of all numbers: `docs/protocol/encryption-spaces-and-setup.md` §3.3.
    const USERNAME: &str = "M9znjHbD5Xi";

    fn password() -> SrpPassword {
        let derived = from_hex("99add08f62e26c1e145479f42c3aa8688cbfc9b220238f69fbe7448a82967173").unwrap();
        SrpPassword::from_derived(&derived)
    }

    fn hash_of_hex(text: &str) -> String {
        to_hex(&Sha256::digest(from_hex(text).unwrap()))
    }

    #[test]
    fn the_password_is_the_derived_bytes_as_characters_in_utf8() {
        assert_eq!(password().0.len(), 32 + 17);
        assert!(to_hex(&password().0).starts_with("c299c2adc390c28f62c3a2"));
    }

    #[test]
    fn verifier_a_and_proof_are_those_of_the_peers() {
        let registration = registration_with_salt(USERNAME, &password(), &[0x22; 32]).unwrap();
        assert_eq!(
            hash_of_hex(&registration.verifier),
            "30b2630c266f0c4e5c5e9e40969d56062d3023e92c24b3c2df5be3aa5a1447a2"
        );

        let client = SrpClient::start_with(&[0x11; EPHEMERAL_BYTES]).unwrap();
        assert_eq!(client.public_a().len(), 512);
        assert_eq!(hash_of_hex(client.public_a()), "6532302de45c50ade1f2fc01a87a82c52ed3ae8a0a87180ea54fe98fa18c382a");

        let b_hex = server_b(&registration.verifier, &[0x33; 32]);
        assert_eq!(hash_of_hex(&b_hex), "38920ddd3c38b2176765d90a2bf833ec9c5d5fe3d36318511aea9c331bb551cb");
        let proof = client.prove(USERNAME, &password(), &registration.salt, &b_hex).unwrap();
        assert_eq!(proof.of_client(), "6abab0395921c5e311c4fcec7f0db9b94d596a650c4f8ce4f13707381bea6af5");
        proof.check_server("52ce14379c122c112cf34f9667c375c32b60f6d32b55080d8332869551e5e908").unwrap();
        for wrong in ["", "52", proof.of_client(), "52ce14379c122c112cf34f9667c375c32b60f6d32b55080d8332869551e5e909"] {
            assert_eq!(proof.check_server(wrong).unwrap_err().code(), ErrorCode::ServerNotProven);
        }
    }

    /// B = k·v + g^b
    fn server_b(verifier: &str, b: &[u8]) -> String {
        let server = srp::ServerG2048::<Sha256>::new();
        let b = server.compute_public_ephemeral(b, &from_hex(verifier).unwrap());
        format!("{:0>512}", to_hex(&b))
    }

    #[test]
    fn every_b_that_is_not_the_protocol_is_refused() {
        let client = SrpClient::start().unwrap();
        let salt = "22".repeat(32);
        let modulus = to_hex(&G2048::generator().params().modulus().to_be_bytes());
        for b in [String::new(), "00".repeat(256), modulus, "ff".repeat(256), "0x".repeat(256), "01".repeat(257)] {
            let error = client.prove(USERNAME, &password(), &salt, &b).unwrap_err();
            assert_eq!(error.code(), ErrorCode::BadResponse, "{b}");
        }
        let error = client.prove(USERNAME, &password(), "22", &"01".repeat(256)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadResponse);
    }

    #[test]
    fn two_attempts_never_share_their_private_value() {
        assert_ne!(SrpClient::start().unwrap().public_a(), SrpClient::start().unwrap().public_a());
    }
}
