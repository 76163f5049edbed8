//! The committed artifacts.

use alloy_primitives::Bytes;
use serde::Deserialize;

/// A compiled contract.
#[derive(Clone, Debug, Deserialize)]
pub struct Artifact {
    /// Name of the contract.
    pub contract: String,
    /// Version of the compiler that made it.
    pub compiler: String,
    /// The ABI as the compiler prints it.
    pub abi: serde_json::Value,
    /// Init code, to which encoded constructor arguments are appended.
    pub bytecode: Bytes,
    /// Code on chain; immutables are zero.
    pub runtime: Bytes,
}

/// The artifact of the contract `Verifier`.
///
/// # Errors
///
/// The embedded file does not parse, which a test excludes.
pub fn verifier() -> serde_json::Result<Artifact> {
    serde_json::from_str(include_str!("../artifacts/Verifier.json"))
}

/// The artifact of the contract `Rollup`.
///
/// # Errors
///
/// As [`verifier`].
pub fn rollup() -> serde_json::Result<Artifact> {
    serde_json::from_str(include_str!("../artifacts/Rollup.json"))
}
