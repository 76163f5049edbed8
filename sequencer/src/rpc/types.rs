//! Parameters and results of the `hallmark` methods.

use alloy_primitives::{B256, Bytes, U64};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::batch::{Progress, ProofStatus};

/// Which batch: a number (quantity or JSON number) or `"latest"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSelector {
    /// The newest sealed batch.
    Latest,
    /// The batch with this number.
    Number(u64),
}

impl<'de> Deserialize<'de> for BatchSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)
            .map_err(|_| D::Error::custom("expected a batch number or \"latest\""))?
        {
            Form::Number(number) => Ok(Self::Number(number)),
            Form::Text(text) if text == "latest" => Ok(Self::Latest),
            Form::Text(text) => text
                .strip_prefix("0x")
                .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                .map(Self::Number)
                .ok_or_else(|| D::Error::custom("expected a batch number (0x...) or \"latest\"")),
        }
    }
}

/// A sealed batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcBatch {
    /// Number, from 1.
    pub number: U64,
    /// Nonce: how often this number was committed anew.
    pub nonce: U64,
    /// Where it stands.
    #[serde(flatten)]
    pub status: RpcStatus,
    /// First block.
    pub first_block: U64,
    /// Last block.
    pub last_block: U64,
    /// Transactions in all blocks.
    pub transactions: U64,
    /// Timestamp of the last block.
    pub last_timestamp: U64,
    /// State root before.
    pub previous_state_root: B256,
    /// State root after.
    pub state_root: B256,
    /// Hash of the block before the first.
    pub previous_block_hash: B256,
    /// Hash of the last block.
    pub block_hash: B256,
    /// keccak of the payload.
    pub payload_hash: B256,
    /// Length of the payload.
    pub payload_bytes: U64,
    /// The batch hash.
    pub batch_hash: B256,
}

/// Where a batch stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RpcStatus {
    /// `sealed`, `proving`, `proven`, `finalized` or `failed`.
    pub status: String,
    /// While proving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<RpcProgress>,
    /// After a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Progress of a proof.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcProgress {
    /// Name of the stage.
    pub stage: String,
    /// Segment, from 0.
    pub segment: u32,
    /// Percent done.
    pub percent: f64,
    /// Seconds since the start.
    pub elapsed_seconds: u64,
    /// Seconds left, by estimate.
    pub left_seconds: Option<u64>,
}

impl From<&Progress> for RpcProgress {
    fn from(progress: &Progress) -> Self {
        Self {
            stage: progress.stage.clone(),
            segment: progress.segment,
            percent: f64::from(progress.done) / 100.0,
            elapsed_seconds: progress.elapsed_seconds,
            left_seconds: progress.left_seconds,
        }
    }
}

impl From<&ProofStatus> for RpcStatus {
    fn from(status: &ProofStatus) -> Self {
        let (word, progress, reason) = match status {
            ProofStatus::Sealed => ("sealed", None, None),
            ProofStatus::Proving(progress) => ("proving", Some(progress.into()), None),
            ProofStatus::Proven => ("proven", None, None),
            ProofStatus::Finalized => ("finalized", None, None),
            ProofStatus::Failed { reason } => ("failed", None, Some(reason.clone())),
        };
        Self {
            status: word.to_owned(),
            progress,
            reason,
        }
    }
}

/// The finished proofs of a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcProof {
    /// The batch's number.
    pub number: U64,
    /// The batch's nonce.
    pub nonce: U64,
    /// The batch hash.
    pub batch_hash: B256,
    /// Segments that the batch has, once known.
    pub segments: Option<U64>,
    /// Whether each segment has its proof.
    pub complete: bool,
    /// Finished proofs in order of the segments.
    pub proofs: Vec<RpcSegmentProof>,
}

/// The proof of one segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcSegmentProof {
    /// Segment, from 0.
    pub index: U64,
    /// The proof as the prover serialised it.
    pub proof: Bytes,
}

/// How far proving is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcProveStatus {
    /// Blocks that are in no batch yet.
    pub open_blocks: U64,
    /// Transactions that are in no batch yet.
    pub open_transactions: U64,
    /// Transactions that are in no block yet.
    pub pending_transactions: U64,
    /// Newest sealed batch, 0 if there is none.
    pub sealed: U64,
    /// Newest batch such that it and all before it are proven, 0 if there is none.
    pub proven: U64,
    /// Newest batch such that L1 has accepted it and all before it, 0 if there is none.
    pub finalized: U64,
    /// Batches that are sealed and not final, oldest first, 100 at most.
    pub batches: Vec<RpcBatchStatus>,
}

/// Where one batch stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcBatchStatus {
    /// The batch's number.
    pub number: U64,
    /// Where it stands.
    #[serde(flatten)]
    pub status: RpcStatus,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        for (text, expected) in [
            ("\"latest\"", BatchSelector::Latest),
            ("\"0x1f\"", BatchSelector::Number(31)),
            ("7", BatchSelector::Number(7)),
        ] {
            assert_eq!(
                serde_json::from_str::<BatchSelector>(text).unwrap(),
                expected
            );
        }
        for text in [
            "\"newest\"",
            "\"12\"",
            "-1",
            "null",
            "{}",
            "\"0x\"",
            "\"0x10000000000000000\"",
        ] {
            assert!(
                serde_json::from_str::<BatchSelector>(text).is_err(),
                "{text}"
            );
        }
    }
}
