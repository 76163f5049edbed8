//! Keys, proving, verifying and proof files.

pub mod contract_key;
pub mod synthetic;
