//! libFuzzer around [`vaultshare_fuzz::keystore_replies`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::keystore_replies(data));
