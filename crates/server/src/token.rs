//! Bearer tokens: random, opaque, and stored only as hashes.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

/// Generates a token of 256 random bits: 43 characters of base64url. The length matters: clients refuse a token of 32
/// or 64 characters, because it could be a decrypted key.
pub fn generate() -> Result<String, getrandom::Error> {
    Ok(Base64UrlUnpadded::encode_string(&random::<32>()?))
}

/// The form in which a token is stored, so that whoever reads the table cannot use it.
pub fn hash(token: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(token.as_bytes()))
}

/// Bytes from the system's random source.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], getrandom::Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_token_is_43_characters_and_never_the_same() {
        let (one, other) = (super::generate().unwrap(), super::generate().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
        assert_ne!(super::hash(&one), one);
    }
}
