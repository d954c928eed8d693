//! libFuzzer around [`vaultshare_fuzz::secret`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultshare_fuzz::secret(data));
