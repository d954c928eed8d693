//! libFuzzer around [`vaultshare_fuzz::grant`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::grant(data));
