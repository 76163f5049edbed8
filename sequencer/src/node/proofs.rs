//! What provers and L1 report about batches.

use alloy_primitives::{B256, Bytes};

use super::Node;
use crate::{
    batch::{Progress, ProofStatus, SealedBatch},
    error::NodeError,
    store::{BATCHES, ChainRead, META, PROOFS, WITNESSES, meta, number_key, proof_key},
    witness::BatchWitness,
};

impl Node {
    /// Reports how far the proof of a batch is. Not durable.
    pub fn set_progress(&self, number: u64, progress: Progress) {
        self.inner
            .shared
            .volatile()
            .insert(number, ProofStatus::Proving(progress));
    }

    /// Reports that proving a batch failed or that L1 refused its proof. Not durable: a restart forgets it, and so does
    /// the record of the batch's last proof.
    pub fn set_failed(&self, number: u64, reason: impl Into<String>) {
        let status = ProofStatus::Failed {
            reason: reason.into(),
        };
        self.inner.shared.volatile().insert(number, status);
    }

    /// Stores the finished proof of one segment (from 0) out of `segments`; durable when this
    /// returns. The batch is proven when each segment has its proof. A proof for another number of
    /// segments than before starts anew. Blocks.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`]; [`NodeError::BatchState`] when `batch_hash` is not the batch's
    /// (it was committed anew meanwhile) or the segment is out of range; or when the store fails.
    pub fn record_proof(
        &self,
        number: u64,
        batch_hash: B256,
        segment: u32,
        segments: u32,
        proof: impl Into<Bytes>,
    ) -> Result<(), NodeError> {
        let proof = proof.into();
        self.write(move |shared| {
            let wrong = |message: String| NodeError::BatchState {
                batch: number,
                message,
            };
            if segment >= segments || segments == u32::MAX {
                return Err(wrong(format!("segment {segment} of {segments}")));
            }
            let snapshot = shared.db.read()?;
            let batch = snapshot
                .batch(number)?
                .ok_or(NodeError::UnknownBatch(number))?;
            let expected = batch.statement.hash();
            if expected != batch_hash {
                return Err(wrong(format!(
                    "the proof is for batch hash {batch_hash}, the batch has {expected}"
                )));
            }
            let known = snapshot.proofs(number)?;
            let writer = shared.db.write()?;
            if known.segments != Some(segments) {
                for (index, _) in &known.proofs {
                    writer.delete(PROOFS, &proof_key(number, *index))?;
                }
                writer.put_record(PROOFS, &proof_key(number, u32::MAX), &segments)?;
            }
            writer.put(PROOFS, &proof_key(number, segment), &proof)?;
            writer.commit()?;
            if shared.db.read()?.proofs(number)?.complete() {
                shared.volatile().remove(&number);
            }
            Ok(())
        })
    }

    /// Records that L1 has accepted a batch, and so all before it. Blocks.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`], or when the store fails.
    pub fn set_finalized(&self, number: u64) -> Result<(), NodeError> {
        self.write(move |shared| {
            let snapshot = shared.db.read()?;
            if number == 0 || number > snapshot.latest_batch()? {
                return Err(NodeError::UnknownBatch(number));
            }
            if number <= snapshot.finalized_batch()? {
                return Ok(());
            }
            let writer = shared.db.write()?;
            writer.put(META, meta::FINALIZED, &number_key(number))?;
            writer.commit()?;
            shared.volatile().retain(|batch, _| *batch > number);
            Ok(())
        })
    }

    /// Gives a batch the nonce under which L1 takes it, after a revert; its proofs no longer fit
    /// and are removed. Blocks.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`]; [`NodeError::BatchState`] when the batch is final; or when the
    /// store fails.
    pub fn set_batch_nonce(&self, number: u64, nonce: u64) -> Result<SealedBatch, NodeError> {
        self.write(move |shared| {
            let snapshot = shared.db.read()?;
            let mut batch = snapshot
                .batch(number)?
                .ok_or(NodeError::UnknownBatch(number))?;
            if batch.statement.batch_nonce == nonce {
                return Ok(batch);
            }
            if number <= snapshot.finalized_batch()? {
                let message = "it is final, its nonce cannot change".to_owned();
                return Err(NodeError::BatchState {
                    batch: number,
                    message,
                });
            }
            let inconsistent =
                |error: &dyn std::fmt::Display| NodeError::Inconsistent(error.to_string());
            let bytes = snapshot
                .witness_bytes(number)?
                .ok_or(NodeError::UnknownBatch(number))?;
            let mut witness =
                BatchWitness::from_bytes(&bytes).map_err(|error| inconsistent(&error))?;
            batch.statement.batch_nonce = nonce;
            witness.statement = batch.statement;
            let bytes = witness.to_bytes().map_err(|error| inconsistent(&error))?;
            let known = snapshot.proofs(number)?;
            let writer = shared.db.write()?;
            writer.put_record(BATCHES, &number_key(number), &batch)?;
            writer.put(WITNESSES, &number_key(number), &bytes)?;
            for (index, _) in &known.proofs {
                writer.delete(PROOFS, &proof_key(number, *index))?;
            }
            writer.delete(PROOFS, &proof_key(number, u32::MAX))?;
            writer.commit()?;
            shared.volatile().remove(&number);
            Ok(batch)
        })
    }
}
