//! Fuzzes `clever_fuzz::roster::event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clever_fuzz::roster::event(data);
});
