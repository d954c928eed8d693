//! The server's half of SRP-6a, the arithmetic only: what is computed, not who may ask.
//!
//! Group of RFC 5054 with 2048 bits, g = 2, SHA-256. As in the clients of this protocol every number is padded to 256
//! bytes before it is hashed, and the proof is the short form `M1 = H(A | B | K)`.

use sha2::{Digest, Sha256};
use srp::{
    ServerG2048,
    bigint::{BoxedUint, modular::BoxedMontyForm},
    groups::{G2048, Group},
};
use subtle::ConstantTimeEq;

/// The length of A, B, v and S in bytes.
pub(super) const NUMBER_LENGTH: usize = 256;

/// A number of the group as the wire has it: big-endian, padded.
pub(super) type Number = [u8; NUMBER_LENGTH];

/// Reads a number from hexadecimal, padding it. `None` for what is no number of at most 2048 bits.
pub(super) fn number_from_hex(hex: &str) -> Option<Number> {
    if hex.is_empty() || hex.len() > 2 * NUMBER_LENGTH {
        return None;
    }
    let padded = format!("{hex:0>width$}", width = 2 * NUMBER_LENGTH);
    base16ct::mixed::decode_vec(padded).ok()?.try_into().ok()
}

/// Whether A is 0 modulo N: such a client would know the session key without knowing the passphrase.
pub(super) fn is_zero(a: &Number) -> bool {
    let generator = G2048::generator();
    BoxedMontyForm::new(integer(a), generator.params()).retrieve().is_zero().into()
}

/// `B = k·v + g^b`: what the client is challenged with.
pub(super) fn public_b(secret_b: &[u8], verifier: &Number) -> Number {
    padded(&ServerG2048::<Sha256>::new().compute_public_ephemeral(secret_b, verifier))
}

/// Both sides' proofs that they know the key.
pub(super) struct Proofs {
    /// `M1 = H(A | B | K)`, which only someone who knows the passphrase can give.
    pub(super) of_client: [u8; 32],
    /// `M2 = H(A | M1 | K)`, which only a server with the verifier can give.
    pub(super) of_server: [u8; 32],
}

/// B is what the client was challenged with: computing it again would be one exponentiation in three.
pub(super) fn proofs(a: &Number, b: &Number, secret_b: &[u8], verifier: &Number) -> Proofs {
    let u = BoxedUint::from_be_slice_vartime(&Sha256::new().chain_update(a).chain_update(b).finalize());
    let secret = BoxedUint::from_be_slice_vartime(secret_b);
    let premaster = ServerG2048::<Sha256>::new().compute_premaster_secret(&integer(a), &integer(verifier), &u, &secret);
    let key = Sha256::digest(padded(&premaster.to_be_bytes()));
    let of_client: [u8; 32] = Sha256::new().chain_update(a).chain_update(b).chain_update(key).finalize().into();
    let of_server = Sha256::new().chain_update(a).chain_update(of_client).chain_update(key).finalize().into();
    Proofs { of_client, of_server }
}

/// Compares a proof in constant time.
pub(super) fn is_equal(expected: &[u8; 32], given: &[u8]) -> bool {
    expected.ct_eq(given).into()
}

fn integer(number: &Number) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(number)
}

fn padded(bytes: &[u8]) -> Number {
    let mut number = [0; NUMBER_LENGTH];
    for (to, from) in number.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The protocol's published vector: passphrase `supersecretpassword`, salt 32 × 0x22, a 32 × 0x11, b 32 × 0x33.
    fn vector() -> (Number, Number) {
        let password = "99add08f62e26c1e145479f42c3aa8688cbfc9b220238f69fbe7448a82967173";
        let password: String = base16ct::lower::decode_vec(password).unwrap().into_iter().map(char::from).collect();
        let identity = Sha256::new().chain_update("M9znjHbD5Xi:").chain_update(&password).finalize();
        let x = Sha256::new().chain_update([0x22; 32]).chain_update(identity).finalize();
        (power_of_g(&x), power_of_g(&[0x11; 32]))
    }

    fn power_of_g(exponent: &[u8]) -> Number {
        padded(&G2048::generator().pow(&BoxedUint::from_be_slice_vartime(exponent)).retrieve().to_be_bytes())
    }

    fn sha256_hex(bytes: &[u8]) -> String {
        base16ct::lower::encode_string(&Sha256::digest(bytes))
    }

    #[test]
    fn the_published_vector_comes_out() {
        let (verifier, a) = vector();
        let b = public_b(&[0x33; 32], &verifier);
        assert_eq!(sha256_hex(&verifier), "30b2630c266f0c4e5c5e9e40969d56062d3023e92c24b3c2df5be3aa5a1447a2");
        assert_eq!(sha256_hex(&a), "6532302de45c50ade1f2fc01a87a82c52ed3ae8a0a87180ea54fe98fa18c382a");
        assert_eq!(sha256_hex(&b), "38920ddd3c38b2176765d90a2bf833ec9c5d5fe3d36318511aea9c331bb551cb");
        let Proofs { of_client, of_server } = proofs(&a, &b, &[0x33; 32], &verifier);
        let hex = base16ct::lower::encode_string;
        assert_eq!(hex(&of_client), "6abab0395921c5e311c4fcec7f0db9b94d596a650c4f8ce4f13707381bea6af5");
        assert_eq!(hex(&of_server), "52ce14379c122c112cf34f9667c375c32b60f6d32b55080d8332869551e5e908");
    }

    #[test]
    fn zero_and_the_modulus_are_the_same_nothing() {
        let modulus: Number = G2048::generator().params().modulus().to_be_bytes().to_vec().try_into().unwrap();
        assert!(is_zero(&[0; NUMBER_LENGTH]));
        assert!(is_zero(&modulus));
        assert!(!is_zero(&power_of_g(&[7])));
    }

    #[test]
    fn numbers_are_padded_and_bounded() {
        assert_eq!(number_from_hex("ff").unwrap()[255], 0xff);
        assert_eq!(number_from_hex("FFF").unwrap()[254..], [0x0f, 0xff]);
        assert!(number_from_hex("").is_none());
        assert!(number_from_hex("xy").is_none());
        assert!(number_from_hex(&"f".repeat(513)).is_none());
    }
}
