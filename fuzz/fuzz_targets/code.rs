//! libFuzzer around [`vaultshare_fuzz::code`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::code(data));
