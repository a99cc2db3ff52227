//! Fuzzes `clever_fuzz::roster::page`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clever_fuzz::roster::page(data);
});
