//! libFuzzer around [`vaultshare_fuzz::bson_artefacts`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::bson_artefacts(data));
