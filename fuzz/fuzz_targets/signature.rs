//! libFuzzer around [`vaultshare_fuzz::signature`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::signature(data));
