//! libFuzzer around [`vaultshare_fuzz::der`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::der(data));
