//! Keys, proving, verifying and proof files.

pub mod contract_key;
pub mod synthetic;
mod files;
pub mod progress;
pub mod srs;

pub use files::FileError;
