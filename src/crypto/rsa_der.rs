//! RSA keys in DER: PKCS#1 (RFC 8017, appendix A.1), and the structures around it, SPKI (RFC 5280 §4.1) and PKCS#8
//! (RFC 5958).

use der::{
    Decode, Encode,
    asn1::{BitStringRef, OctetStringRef, UintRef},
};
use pkcs1::{ALGORITHM_ID, ALGORITHM_OID, RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::PrivateKeyInfoRef;
use spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

/// The two numbers of a public key, without leading zeros.
#[derive(Clone, Copy)]
pub(crate) struct PublicNumbers<'a> {
    pub(crate) modulus: &'a [u8],
    pub(crate) exponent: &'a [u8],
}

impl<'a> PublicNumbers<'a> {
    /// Those of a PKCS#1 public key.
    pub(crate) fn of_public_key(pkcs1_der: &'a [u8]) -> Option<Self> {
        let key = RsaPublicKeyRef::from_der(pkcs1_der).ok()?;
        Some(PublicNumbers { modulus: key.modulus.as_bytes(), exponent: key.public_exponent.as_bytes() })
    }

    /// Those that a PKCS#1 private key states. Whether its other numbers belong to them, the backend that imports it checks.
    pub(crate) fn of_private_key(pkcs1_der: &'a [u8]) -> Option<Self> {
        let key = RsaPrivateKeyRef::from_der(pkcs1_der).ok()?;
        Some(PublicNumbers { modulus: key.modulus.as_bytes(), exponent: key.public_exponent.as_bytes() })
    }

    /// The key as PKCS#1 DER.
    pub(crate) fn to_pkcs1(self) -> Option<Vec<u8>> {
        let (modulus, public_exponent) = (UintRef::new(self.modulus).ok()?, UintRef::new(self.exponent).ok()?);
        RsaPublicKeyRef { modulus, public_exponent }.to_der().ok()
    }

    /// The key as SPKI DER.
    pub(crate) fn to_spki(self) -> Option<Vec<u8>> {
        let pkcs1_der = self.to_pkcs1()?;
        let subject_public_key = BitStringRef::from_bytes(&pkcs1_der).ok()?;
        SubjectPublicKeyInfo { algorithm: ALGORITHM_ID, subject_public_key }.to_der().ok()
    }
}

/// The key in an SPKI structure.
pub(crate) enum Spki<'a> {
    /// An RSA key as PKCS#1 DER.
    Rsa(&'a [u8]),
    /// A key of another algorithm.
    Foreign,
}

/// Reads an SPKI DER.
pub(crate) fn read_spki(der: &[u8]) -> Option<Spki<'_>> {
    let spki = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    if spki.algorithm.oid != ALGORITHM_OID {
        return Some(Spki::Foreign);
    }
    spki.subject_public_key.as_bytes().map(Spki::Rsa)
}

/// The PKCS#1 DER in a PKCS#8 DER, if its algorithm is RSA.
pub(crate) fn pkcs1_from_pkcs8(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = PrivateKeyInfoRef::try_from(der).ok()?;
    (key.algorithm.oid == ALGORITHM_OID).then(|| Zeroizing::new(key.private_key.as_bytes().to_vec()))
}

/// The PKCS#8 DER around a PKCS#1 DER, in which WebCrypto takes it.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "there is no WebCrypto here"))]
pub(crate) fn pkcs8_from_pkcs1(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    PrivateKeyInfoRef::new(ALGORITHM_ID, OctetStringRef::new(der).ok()?).to_der().map(Zeroizing::new).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE_PKCS1: &str = include_str!("../../tests/fixtures/rsa2048-private-pkcs1.pem");
    const PRIVATE_PKCS8: &str = include_str!("../../tests/fixtures/rsa2048-private-pkcs8.pem");
    const PUBLIC_SPKI: &str = include_str!("../../tests/fixtures/rsa2048-public-spki.pem");

    fn der(pem: &str) -> Vec<u8> {
        pem_rfc7468::decode_vec(pem.as_bytes()).unwrap().1
    }

    #[test]
    fn structures_are_written_as_openssl_writes_them() {
        let private = der(PRIVATE_PKCS1);
        assert_eq!(*pkcs8_from_pkcs1(&private).unwrap(), der(PRIVATE_PKCS8));
        assert_eq!(PublicNumbers::of_private_key(&private).unwrap().to_spki().unwrap(), der(PUBLIC_SPKI));
    }

    #[test]
    fn what_is_enclosed_comes_out_again() {
        let (private, pkcs8) = (der(PRIVATE_PKCS1), der(PRIVATE_PKCS8));
        assert_eq!(*pkcs1_from_pkcs8(&pkcs8).unwrap(), private);
        let spki = der(PUBLIC_SPKI);
        let Some(Spki::Rsa(public)) = read_spki(&spki) else { panic!("this is an RSA key") };
        let (public, private) = (PublicNumbers::of_public_key(public), PublicNumbers::of_private_key(&private));
        assert_eq!(public.unwrap().modulus, private.unwrap().modulus);
    }

    #[test]
    fn nothing_may_follow_and_nothing_may_be_missing() {
        for pem in [PRIVATE_PKCS1, PRIVATE_PKCS8, PUBLIC_SPKI] {
            let whole = der(pem);
            let longer = [whole.as_slice(), &[0]].concat();
            for changed in [&longer, &whole[..whole.len() - 1], &whole[1..], &[]] {
                assert!(PublicNumbers::of_private_key(changed).is_none());
                assert!(PublicNumbers::of_public_key(changed).is_none());
                assert!(pkcs1_from_pkcs8(changed).is_none() && read_spki(changed).is_none());
            }
        }
    }
}
