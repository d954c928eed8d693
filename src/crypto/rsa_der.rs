//! RSA keys in DER: PKCS#1 (RFC 8017, appendix A.1) and what is put around it, SPKI (RFC 5280, §4.1) and PKCS#8 (RFC 5958).
//!
//! Of a private key only the public half is read here. The backend that imports the key reads all of it.

use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag};
use zeroize::Zeroizing;

/// `rsaEncryption`, 1.2.840.113549.1.1.1, as the content of an object identifier.
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];

/// What names the algorithm of an RSA key: that object identifier and a NULL.
const RSA_ALGORITHM: &[u8] = &[0x30, 13, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 5, 0];

/// The first version of PKCS#8, as an INTEGER.
const VERSION_ZERO: &[u8] = &[2, 1, 0];

/// The two numbers of a public key, without leading zeros.
#[derive(Clone, Copy)]
pub(crate) struct PublicNumbers<'a> {
    pub(crate) modulus: &'a [u8],
    pub(crate) exponent: &'a [u8],
}

/// Whose key an SPKI or PKCS#8 structure holds.
pub(crate) enum Enclosed<'a> {
    /// An RSA key, in PKCS#1.
    Rsa(&'a [u8]),
    /// A key of an algorithm that the format has no use for.
    Foreign,
}

/// The numbers of a PKCS#1 public key.
pub(crate) fn read_public_key(pkcs1_der: &[u8]) -> Option<PublicNumbers<'_>> {
    let mut fields = sequence(pkcs1_der)?;
    let numbers = read_numbers(&mut fields)?;
    fields.is_finished().then_some(numbers)
}

/// The public numbers that a PKCS#1 private key states.
pub(crate) fn read_public_half(pkcs1_der: &[u8]) -> Option<PublicNumbers<'_>> {
    let mut fields = sequence(pkcs1_der)?;
    let _version = read_number(&mut fields)?;
    read_numbers(&mut fields)
}

/// The public key in an SPKI structure.
pub(crate) fn read_spki(der: &[u8]) -> Option<Enclosed<'_>> {
    let mut fields = sequence(der)?;
    let algorithm = read(&mut fields, Tag::Sequence)?;
    // A bit string begins with how many bits of its last byte are unused.
    let (0, key) = read(&mut fields, Tag::BitString)?.split_first().map(|(unused, key)| (*unused, key))? else {
        return None;
    };
    if fields.is_finished() { enclosed(algorithm, key) } else { None }
}

/// The private key in a PKCS#8 structure.
fn read_pkcs8(der: &[u8]) -> Option<Enclosed<'_>> {
    let mut fields = sequence(der)?;
    let _version = read_number(&mut fields)?;
    let algorithm = read(&mut fields, Tag::Sequence)?;
    enclosed(algorithm, read(&mut fields, Tag::OctetString)?)
}

/// A PKCS#1 public key.
pub(crate) fn write_public_key(numbers: PublicNumbers<'_>) -> Option<Vec<u8>> {
    let (modulus, exponent) = (number(numbers.modulus)?, number(numbers.exponent)?);
    element(Tag::Sequence, &[modulus, exponent].concat())
}

/// The SPKI structure around a PKCS#1 public key.
pub(crate) fn write_spki(pkcs1_der: &[u8]) -> Option<Vec<u8>> {
    // No bits of its last byte are unused.
    let key = element(Tag::BitString, &[&[0], pkcs1_der].concat())?;
    element(Tag::Sequence, &[RSA_ALGORITHM, &key].concat())
}

/// The private key in a PKCS#8 structure that says it is RSA.
pub(crate) fn pkcs1_from_pkcs8(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    match read_pkcs8(der)? {
        Enclosed::Rsa(pkcs1_der) => Some(Zeroizing::new(pkcs1_der.to_vec())),
        Enclosed::Foreign => None,
    }
}

/// The PKCS#8 structure around a PKCS#1 private key, as WebCrypto wants it.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "there is no WebCrypto here"))]
pub(crate) fn pkcs8_from_pkcs1(pkcs1_der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(element(Tag::OctetString, pkcs1_der)?);
    let fields = Zeroizing::new([VERSION_ZERO, RSA_ALGORITHM, &key].concat());
    element(Tag::Sequence, &fields).map(Zeroizing::new)
}

/// The fields of a sequence that is all there is.
fn sequence(der: &[u8]) -> Option<SliceReader<'_>> {
    let mut whole = SliceReader::new(der).ok()?;
    let fields = read(&mut whole, Tag::Sequence)?;
    if whole.is_finished() { SliceReader::new(fields).ok() } else { None }
}

/// The content of the next element, if it has this tag. One reader for all of them: one for each type would weigh more.
fn read<'a>(fields: &mut SliceReader<'a>, tag: Tag) -> Option<&'a [u8]> {
    let element = AnyRef::decode(fields).ok()?;
    (element.header().tag() == tag).then(|| element.value())
}

fn read_numbers<'a>(fields: &mut SliceReader<'a>) -> Option<PublicNumbers<'a>> {
    let modulus = read_number(fields)?;
    let exponent = read_number(fields)?;
    Some(PublicNumbers { modulus, exponent })
}

/// A number that is not negative, without the zero that keeps it from looking so.
fn read_number<'a>(fields: &mut SliceReader<'a>) -> Option<&'a [u8]> {
    match read(fields, Tag::Integer)? {
        [] => None,
        [0] => Some(&[0]),
        [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => Some(rest),
        [0, ..] => None,
        [first, ..] if first & 0x80 != 0 => None,
        number => Some(number),
    }
}

/// A number that is not negative, as an element.
fn number(bytes: &[u8]) -> Option<Vec<u8>> {
    let looks_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    if looks_negative { element(Tag::Integer, &[&[0], bytes].concat()) } else { element(Tag::Integer, bytes) }
}

fn enclosed<'a>(algorithm: &[u8], key: &'a [u8]) -> Option<Enclosed<'a>> {
    let name = read(&mut SliceReader::new(algorithm).ok()?, Tag::ObjectIdentifier)?;
    Some(if name == RSA { Enclosed::Rsa(key) } else { Enclosed::Foreign })
}

fn element(tag: Tag, content: &[u8]) -> Option<Vec<u8>> {
    AnyRef::new(tag, content).ok()?.to_der().ok()
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
        let public = write_public_key(read_public_half(&private).unwrap()).unwrap();
        assert_eq!(write_spki(&public).unwrap(), der(PUBLIC_SPKI));
    }

    #[test]
    fn what_is_enclosed_comes_out_again() {
        let (private, pkcs8) = (der(PRIVATE_PKCS1), der(PRIVATE_PKCS8));
        assert!(matches!(read_pkcs8(&pkcs8), Some(Enclosed::Rsa(key)) if key == private));
        let spki = der(PUBLIC_SPKI);
        let Some(Enclosed::Rsa(public)) = read_spki(&spki) else { panic!("this is an RSA key") };
        assert_eq!(read_public_key(public).unwrap().modulus, read_public_half(&private).unwrap().modulus);
    }

    #[test]
    fn nothing_may_follow_and_nothing_may_be_missing() {
        for pem in [PRIVATE_PKCS1, PRIVATE_PKCS8, PUBLIC_SPKI] {
            let whole = der(pem);
            let longer = [whole.as_slice(), &[0]].concat();
            for changed in [&longer, &whole[..whole.len() - 1], &whole[1..], &[]] {
                assert!(read_public_half(changed).is_none() && read_public_key(changed).is_none());
                assert!(read_pkcs8(changed).is_none() && read_spki(changed).is_none());
            }
        }
    }
}
