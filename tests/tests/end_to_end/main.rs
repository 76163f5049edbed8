//! The whole line: JSON-RPC, `revm`, a sealed batch, the machine's table, real proofs, the contract. Each batch is proven once
//! and shared by the tests about it.

#![allow(missing_docs, clippy::unwrap_used)]

mod accepted;
mod anvil;
mod fixture;
mod gas;
mod refused;
mod segments;
