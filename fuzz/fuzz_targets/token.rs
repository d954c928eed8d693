//! libFuzzer around [`vaultshare_fuzz::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::token(data));
