//! Solidity sources, compiled artifacts and Rust bindings of the L1 contracts.
//!
//! `contracts/` holds the sources, `artifacts/` what the pinned compiler makes of them (`npm run build` writes,
//! `npm run check` compares). [`artifact`] gives the artifacts, [`Verifier`] and [`Rollup`] the calls, events and
//! errors, [`deployment`] the transactions that put them on an L1, and [`local`] an L1 inside the process.

pub mod artifact;
pub mod deployment;
pub mod local;
pub mod node;

mod bindings;
pub use bindings::{Rollup, Verifier};
