//! Fuzzes `clever_fuzz::sealed_cookie`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clever_fuzz::sealed_cookie(data);
});
