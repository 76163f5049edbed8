//! The sequencer: mempool, block building in revm, store and JSON-RPC.
//!
//! A [`Node`] accepts signed transactions, executes them in `revm` by Osaka's rules, builds blocks,
//! and seals runs of blocks into batches: a canonical payload, the statement to prove, and a
//! [`BatchWitness`] that a prover can work from without the node. Everything that it has accepted,
//! sealed or been handed as a proof is in its store before it says so.
//!
//! One thread owns all writing; reads come from consistent snapshots of the store and never wait
//! for it.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod admission;
mod batch;
mod block;
mod config;
mod error;
mod exec;
mod executed;
mod levels;
mod node;
mod pool;
mod provability;
mod rpc;
mod state;
mod store;
mod witness;

pub use batch::{BatchProofs, Progress, ProofStatus, SealedBatch};
pub use config::{BlockProduction, Config, PoolLimits, RpcLimits, SealPolicy};
pub use error::{AdmissionError, NodeError, Shortfall, StoreError, Unprovable};
pub use exec::{BlockContext, transaction_environment};
pub use executed::Executed;
pub use node::{BlockSummary, Node};
pub use pool::PooledTransaction;
pub use provability::{ProvabilityCheck, TransfersOnly};
pub use rpc::{
    BatchSelector, RpcBatch, RpcBatchStatus, RpcHandle, RpcProgress, RpcProof, RpcProveStatus,
    RpcSegmentProof, RpcStatus,
};
pub use state::{Changes, StateView, Touched};
pub use witness::{BatchWitness, WitnessError};
