//! The whole line: JSON-RPC, `revm`, a sealed batch, the machine's table, a real proof, the contract. One proof is made
//! and shared by all the tests here.

#![allow(missing_docs, clippy::unwrap_used)]

mod accepted;
mod anvil;
mod fixture;
mod refused;
