#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bitopro_fuzz::upgrade::check(data));
