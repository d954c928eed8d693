//! libFuzzer around [`vaultshare_fuzz::envelope`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::envelope(data));
