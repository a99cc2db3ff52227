//! Fuzzes `clever_fuzz::accounts::decision`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clever_fuzz::accounts::decision(data);
});
