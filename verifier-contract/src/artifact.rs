//! The committed artifacts.

use alloy_primitives::{Bytes, U256};
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
    /// Where the state variables lie.
    pub storage: Vec<Variable>,
}

/// A state variable of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Variable {
    /// Its name.
    pub label: String,
    /// Its type in Solidity, such as `mapping(address => uint256)`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its first slot.
    pub slot: U256,
    /// Its first byte in the slot, counted from the lowest.
    pub offset: u8,
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

/// The artifact of the contract `Token`.
///
/// # Errors
///
/// As [`verifier`].
pub fn token() -> serde_json::Result<Artifact> {
    serde_json::from_str(include_str!("../artifacts/Token.json"))
}
