#![no_main]

#[path = "../src/prover_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::proof(bytes));
