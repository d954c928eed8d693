//! libFuzzer around [`vaultshare_fuzz::note`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::note(data));
