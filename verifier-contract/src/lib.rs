//! Solidity sources, compiled artifacts and Rust bindings of the L1 contracts.
