//! The client's half of SRP-6a, written from the protocol's formulas and apart from the server's half.

use base16ct::lower::{decode_vec, encode_string};
use sha2::{Digest, Sha256};
use srp::{
    ClientG2048,
    bigint::BoxedUint,
    groups::{G2048, Group},
};

type Client = ClientG2048<Sha256>;

/// Someone signing in.
pub struct SrpClient {
    a: [u8; 32],
}

/// Salt and verifier of a new user, in hexadecimal.
pub fn registration(username: &str, passphrase: &str) -> (String, String) {
    let salt = random();
    let x = private_x(&salt, username, passphrase);
    (encode_string(&salt), encode_string(&power_of_g(&x)))
}

impl SrpClient {
    pub fn start() -> Self {
        Self { a: random() }
    }

    /// A in hexadecimal.
    pub fn public_a(&self) -> String {
        encode_string(&power_of_g(&integer(&self.a)))
    }

    /// M1 in hexadecimal.
    pub fn prove(&self, username: &str, passphrase: &str, salt: &str, b: &str) -> String {
        let (a_public, b_public) = (power_of_g(&integer(&self.a)), decode_vec(b).unwrap());
        let x = private_x(&decode_vec(salt).unwrap(), username, passphrase);
        let u = Sha256::new().chain_update(a_public).chain_update(&b_public).finalize();
        let n = G2048::generator().params().modulus().to_be_bytes();
        let mut g = [0; 256];
        g[255] = 2;
        let k = Sha256::new().chain_update(&n).chain_update(g).finalize();
        let premaster = Client::new().compute_premaster_secret(
            &integer(&b_public),
            &integer(&k),
            &x,
            &integer(&self.a),
            &integer(&u),
        );
        let key = Sha256::digest(padded(&premaster.to_be_bytes()));
        encode_string(&Sha256::new().chain_update(a_public).chain_update(&b_public).chain_update(key).finalize())
    }
}

/// `x = H(salt | H(I | ":" | P))`
fn private_x(salt: &[u8], username: &str, passphrase: &str) -> BoxedUint {
    let identity = Sha256::digest(format!("{username}:{passphrase}"));
    integer(&Sha256::new().chain_update(salt).chain_update(identity).finalize())
}

fn power_of_g(exponent: &BoxedUint) -> [u8; 256] {
    padded(&G2048::generator().pow(exponent).retrieve().to_be_bytes())
}

fn padded(bytes: &[u8]) -> [u8; 256] {
    let mut number = [0; 256];
    number[256 - bytes.len()..].copy_from_slice(bytes);
    number
}

fn integer(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
