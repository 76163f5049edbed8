#![no_main]

#[path = "../src/protocol_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::records(bytes));
