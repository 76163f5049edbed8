//! Sealed batches and how far their proofs are.

use alloy_primitives::Bytes;
use protocol::BatchStatement;
use serde::{Deserialize, Serialize};

/// A sealed batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBatch {
    /// What a proof of the batch proves.
    pub statement: BatchStatement,
    /// The canonical bytes that go to L1.
    pub payload: Bytes,
    /// Transactions in all blocks.
    pub transactions: u64,
    /// Rows that the provability check estimated: of the batch itself, its blocks and their transactions.
    pub rows: u64,
}

impl SealedBatch {
    /// The batch's number, from 1.
    pub const fn number(&self) -> u64 {
        self.statement.batch_number
    }
}

/// How far a sealed batch is. What is durable is kept across restarts; a batch that was being
/// proven when the process ended is sealed again, without its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProofStatus {
    /// Waits for a prover.
    Sealed,
    /// Is being proven.
    Proving(Progress),
    /// Every segment's proof is in the store.
    Proven,
    /// L1 has accepted the proof.
    Finalized,
    /// Proving failed, or L1 refused the proof.
    Failed {
        /// Why, in a sentence.
        reason: String,
    },
}

/// Progress of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Name of the stage.
    pub stage: String,
    /// Segment being proven, from 0.
    pub segment: u32,
    /// Part that is done, in hundredths of a percent: 0 to 10,000.
    pub done: u16,
    /// Seconds since the start.
    pub elapsed_seconds: u64,
    /// Seconds left, by estimate.
    pub left_seconds: Option<u64>,
}

/// A batch's finished proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchProofs {
    /// Segments that the batch has; `None` until a prover has said so.
    pub segments: Option<u32>,
    /// Finished proofs by segment, as the prover serialised them.
    pub proofs: Vec<(u32, Bytes)>,
}

impl BatchProofs {
    /// Whether each segment has its proof.
    pub fn complete(&self) -> bool {
        self.segments
            .is_some_and(|count| count > 0 && self.proofs.len() as u64 == u64::from(count))
    }
}
