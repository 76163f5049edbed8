//! The proving machine: framework, chips, microcode and trace.

pub mod arith;
pub mod buses;
pub mod code;
pub mod cpu;
pub mod framework;
pub mod hash;
pub mod io;
pub mod keccak;
mod limbs;
pub mod logic;
pub mod machine;
#[cfg(test)]
pub(crate) mod sample;
pub mod secp;
pub mod tables;
#[cfg(test)]
pub(crate) mod testing;
pub mod tree;
pub mod witness;

pub use halo2_proofs::halo2curves::bn256::Fr;

/// Widths of the physical table of the main machine.
pub const LAYOUT: framework::Layout = framework::Layout {
    narrow: 33,
    values: 5,
    wide: 5,
};
