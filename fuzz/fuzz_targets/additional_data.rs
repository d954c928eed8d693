//! libFuzzer around [`vaultshare_fuzz::additional_data`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::additional_data(data));
