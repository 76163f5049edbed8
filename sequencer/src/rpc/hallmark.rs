//! The `hallmark`, `net` and `web3` namespaces.

use alloy_primitives::{B256, Bytes, U64, keccak256};
use jsonrpsee::core::{RpcResult, async_trait};

use super::{
    Rpc,
    api::{HallmarkApiServer, NetApiServer, Web3ApiServer},
    error::{NOT_FOUND, RpcError},
    types::{BatchSelector, RpcBatch, RpcBatchStatus, RpcProof, RpcProveStatus, RpcSegmentProof},
};
use crate::{
    batch::{ProofStatus, SealedBatch},
    store::{ChainRead, Snapshot},
};

/// Batches that `hallmark_proveStatus` lists.
const LISTED: u64 = 100;

fn find(snapshot: &Snapshot, selector: BatchSelector) -> Result<SealedBatch, RpcError> {
    let latest = snapshot.latest_batch()?;
    let number = match selector {
        BatchSelector::Number(number) => number,
        BatchSelector::Latest if latest == 0 => {
            return Err(RpcError::new(
                NOT_FOUND,
                "unknown batch: no batch has been sealed yet",
            ));
        }
        BatchSelector::Latest => latest,
    };
    snapshot.batch(number)?.ok_or_else(|| {
        RpcError::new(
            NOT_FOUND,
            format!("unknown batch {number}: batches are numbered from 1, the newest is {latest}"),
        )
    })
}

#[async_trait]
impl HallmarkApiServer for Rpc {
    async fn get_batch(&self, batch: BatchSelector) -> RpcResult<RpcBatch> {
        self.read(move |node, snapshot| {
            let batch = find(snapshot, batch)?;
            let statement = &batch.statement;
            let status = node.shared().status(snapshot, batch.number())?;
            Ok(RpcBatch {
                number: U64::from(batch.number()),
                nonce: U64::from(statement.batch_nonce),
                status: (&status).into(),
                first_block: U64::from(statement.first_block),
                last_block: U64::from(statement.last_block),
                transactions: U64::from(batch.transactions),
                last_timestamp: U64::from(statement.last_timestamp),
                previous_state_root: statement.previous_state_root,
                state_root: statement.state_root,
                previous_block_hash: statement.previous_block_hash,
                block_hash: statement.block_hash,
                payload_hash: statement.payload_hash,
                payload_bytes: U64::from(batch.payload.len() as u64),
                batch_hash: statement.hash(),
            })
        })
        .await
    }

    async fn get_batch_file(&self, batch: BatchSelector) -> RpcResult<Bytes> {
        self.read(move |node, snapshot| {
            let number = find(snapshot, batch)?.number();
            Ok(node.batch_file(number)?.into())
        })
        .await
    }

    async fn get_drop_reason(&self, hash: B256) -> RpcResult<Option<String>> {
        Ok(self.node.dropped(hash))
    }

    async fn get_proof(&self, batch: BatchSelector) -> RpcResult<RpcProof> {
        self.read(move |_, snapshot| {
            let batch = find(snapshot, batch)?;
            let proofs = snapshot.proofs(batch.number())?;
            Ok(RpcProof {
                number: U64::from(batch.number()),
                nonce: U64::from(batch.statement.batch_nonce),
                batch_hash: batch.statement.hash(),
                segments: proofs.segments.map(U64::from),
                complete: proofs.complete(),
                proofs: proofs
                    .proofs
                    .into_iter()
                    .map(|(index, proof)| RpcSegmentProof {
                        index: U64::from(index),
                        proof,
                    })
                    .collect(),
            })
        })
        .await
    }

    async fn prove_status(&self) -> RpcResult<RpcProveStatus> {
        self.read(|node, snapshot| {
            let shared = node.shared();
            let (sealed, finalized) = (snapshot.latest_batch()?, snapshot.finalized_batch()?);
            let mut proven = finalized;
            let mut batches = Vec::new();
            for number in finalized + 1..=sealed {
                let status = shared.status(snapshot, number)?;
                if status == ProofStatus::Proven && proven + 1 == number {
                    proven = number;
                }
                if number - finalized <= LISTED {
                    let status = (&status).into();
                    batches.push(RpcBatchStatus {
                        number: U64::from(number),
                        status,
                    });
                } else if proven + 1 < number {
                    break;
                }
            }
            let (open_blocks, open_transactions) = shared.open_batch();
            Ok(RpcProveStatus {
                open_blocks: U64::from(open_blocks),
                open_transactions: U64::from(open_transactions),
                pending_transactions: U64::from(shared.pool().len() as u64),
                sealed: U64::from(sealed),
                proven: U64::from(proven),
                finalized: U64::from(finalized),
                batches,
            })
        })
        .await
    }
}

#[async_trait]
impl NetApiServer for Rpc {
    async fn version(&self) -> RpcResult<String> {
        Ok(self.node.shared().rules.chain_id.to_string())
    }

    async fn listening(&self) -> RpcResult<bool> {
        Ok(true)
    }

    async fn peer_count(&self) -> RpcResult<U64> {
        Ok(U64::ZERO)
    }
}

#[async_trait]
impl Web3ApiServer for Rpc {
    async fn client_version(&self) -> RpcResult<String> {
        Ok(self.node.shared().config.client_version.clone())
    }

    async fn sha3(&self, bytes: Bytes) -> RpcResult<B256> {
        Ok(keccak256(bytes))
    }
}
