//! Tests across crates: end to end, adversarial, official suites.
