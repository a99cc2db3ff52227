//! Fuzzes `clever_fuzz::roster::record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clever_fuzz::roster::record(data);
});
