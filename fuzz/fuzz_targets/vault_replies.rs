//! libFuzzer around [`vaultshare_fuzz::vault_replies`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::vault_replies(data));
