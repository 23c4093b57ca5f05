#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bitopro_fuzz::rest::check(data));
