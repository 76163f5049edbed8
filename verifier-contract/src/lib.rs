//! Solidity sources, compiled artifacts and Rust bindings of the L1 contracts, and of a token for L2.
//!
//! `contracts/` holds the sources, `artifacts/` what the pinned compiler makes of them (`npm run build` writes,
//! `npm run check` compares). [`artifact`] gives the artifacts, [`Verifier`], [`Rollup`] and [`Token`] the calls, events and
//! errors, [`deployment`] the transactions that put the rollup on an L1, [`local`] an L1 inside the process, and [`token`] the
//! storage with which a genesis places a token.

pub mod artifact;
pub mod deployment;
pub mod local;
pub mod node;
pub mod token;

mod bindings;
pub use bindings::{Rollup, Token, Verifier};
