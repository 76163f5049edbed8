//! Solidity sources, compiled artifacts and Rust bindings of the L1 contracts.
//!
//! `contracts/` holds the sources, `artifacts/` what the pinned compiler makes of them (`npm run build` writes,
//! `npm run check` compares). [`artifact`] gives the artifacts, [`IVerifier`] the calls, and [`local`] an L1 inside
//! the process that executes them.

pub mod artifact;
pub mod local;

mod bindings;
pub use bindings::IVerifier;
