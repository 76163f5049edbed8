//! Types, encodings, hashing, state tree and public input of the Hallmark rollup.
//!
//! Each constant and each encoding of the protocol is defined once, here. The circuits prove them, the
//! sequencer produces them, the L1 contract checks them. The crate depends on no other crate of the project.
//!
//! | module | defines |
//! |---|---|
//! | [`field`] | conversions between EVM words and the BN254 scalar field |
//! | [`poseidon2`] | the permutation with its published parameters |
//! | [`hash`] | the sponge, its domain tags, and every Poseidon2 commitment |
//! | [`account`] | account and storage records and their leaves |
//! | [`tree`] | the binary sparse state tree |
//! | [`transaction`] | transactions, signing preimages, signatures |
//! | [`payload`] | the canonical byte string of a batch |
//! | [`block`] | block headers, blocks, receipts, hash chains |
//! | [`rules`] | block and transaction rules, base fee, gas |
//! | [`history`] | the EIP-2935 contract |
//! | [`statement`] | batch hash, boundary states, segment hash |
//! | [`genesis`] | the first state and block of a chain |

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod account;
pub mod block;
pub mod field;
pub mod genesis;
#[cfg(test)]
mod golden;
pub mod hash;
pub mod history;
pub mod payload;
pub mod poseidon2;
pub mod rules;
pub mod statement;
#[cfg(test)]
mod testing;
pub mod transaction;
pub mod tree;

pub use account::Account;
pub use block::{Batch, Block, BlockHeader, Log, Receipt};
pub use genesis::Genesis;
pub use payload::{BlockInput, Payload};
pub use statement::{BatchStatement, BoundaryState};
pub use transaction::{Signature, SignedTransaction, Transaction};

/// The BN254 scalar field: the field of the state tree, of Poseidon2 and of the circuits.
pub use halo2_proofs::halo2curves::bn256::Fr;

/// Version of the protocol: first word of a payload, part of the batch hash and of every segment hash.
pub const PROTOCOL_VERSION: u64 = 1;
