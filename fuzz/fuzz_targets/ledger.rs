//! Fuzzes `clever_fuzz::accounts::ledger`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clever_fuzz::accounts::ledger(data);
});
