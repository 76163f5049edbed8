//! The `eth` namespace.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    rpc::types::{
        Block, BlockTransactions, FeeHistory, Filter, FilterBlockOption, Log, SyncStatus,
        Transaction, TransactionReceipt, TransactionRequest,
    },
};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use jsonrpsee::core::{RpcResult, async_trait};
use protocol::payload::{BLOCK_BYTES, MAX_PAYLOAD_BYTES, PAYLOAD_HEADER_BYTES};
use serde_json::Value;

use super::{
    Rpc,
    api::EthApiServer,
    call,
    convert::{self, Place},
    error::{LIMIT, NOT_FOUND, RpcError, UNSUPPORTED},
    fees,
};
use crate::{
    Node,
    block::{self, Room, Tools},
    error::Unprovable,
    executed::Executed,
    levels::{Levels, Sealed},
    pool::Pool,
    provability::ProvabilityCheck,
    state::StateView,
    store::{BlockRecord, ChainRead, Latest, Snapshot, ViewAt},
};

/// Number of the block that a tag names; `pending` is the latest.
pub(super) fn tag_number(snapshot: &Snapshot, tag: BlockNumberOrTag) -> Result<u64, RpcError> {
    let latest = || Ok::<_, RpcError>(snapshot.latest_number()?.unwrap_or_default());
    let end_of = |batch: u64| match batch {
        0 => Ok(0),
        batch => Ok::<_, RpcError>(snapshot.expect_batch(batch)?.statement.last_block),
    };
    match tag {
        BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => latest(),
        BlockNumberOrTag::Earliest => Ok(0),
        BlockNumberOrTag::Safe => end_of(snapshot.latest_batch()?),
        BlockNumberOrTag::Finalized => end_of(snapshot.finalized_batch()?),
        BlockNumberOrTag::Number(number) => Ok(number),
    }
}

/// Number of an existing block.
pub(super) fn resolve(snapshot: &Snapshot, block: Option<BlockId>) -> Result<u64, RpcError> {
    match block.unwrap_or_default() {
        BlockId::Hash(hash) => snapshot.block_number(hash.block_hash)?.ok_or_else(|| {
            RpcError::new(
                NOT_FOUND,
                format!("header not found: no block has hash {}", hash.block_hash),
            )
        }),
        BlockId::Number(tag) => {
            let number = tag_number(snapshot, tag)?;
            let latest = snapshot.latest_number()?.unwrap_or_default();
            if number > latest {
                return Err(RpcError::new(
                    NOT_FOUND,
                    format!(
                        "header not found: there is no block {number} yet, the latest is {latest}"
                    ),
                ));
            }
            Ok(number)
        }
    }
}

fn view(snapshot: &Snapshot, block: Option<BlockId>) -> Result<ViewAt<'_, Snapshot>, RpcError> {
    Ok(ViewAt {
        store: snapshot,
        block: resolve(snapshot, block)?,
    })
}

fn is_pending(block: Option<BlockId>) -> bool {
    block == Some(BlockId::Number(BlockNumberOrTag::Pending))
}

/// A stored block.
fn stored_block(snapshot: &Snapshot, record: &BlockRecord, full: bool) -> Result<Block, RpcError> {
    let header = &record.header;
    let block_hash = header.hash();
    let transactions = if full {
        let transactions = record.transactions.iter().map(|hash| {
            let found = snapshot.expect_transaction(*hash)?;
            let place = Place {
                block_hash,
                header: *header,
                index: found.index,
                effective_gas_price: found.receipt.effective_gas_price,
            };
            convert::transaction(&found.raw, found.sender, Some(place))
        });
        BlockTransactions::Full(transactions.collect::<Result<_, _>>()?)
    } else {
        BlockTransactions::Hashes(record.transactions.clone())
    };
    Ok(convert::block(header, record.payload_bytes, transactions))
}

/// What the door said of each pending transaction. Nothing depends on the answer, and asking anew takes long.
#[derive(Debug)]
struct AsAdmitted {
    pool: Pool,
    check: Arc<dyn ProvabilityCheck>,
}

impl ProvabilityCheck for AsAdmitted {
    fn provable(&self, executed: &Executed, _: u64) -> Result<u64, Unprovable> {
        let pooled = self.pool.get(executed.signed.hash());
        Ok(pooled.map_or(0, |pooled| pooled.rows))
    }

    fn provable_unsigned(&self, _: &Executed) -> Result<(), Unprovable> {
        Ok(())
    }

    fn block_rows(&self) -> u64 {
        self.check.block_rows()
    }

    fn batch_rows(&self) -> u64 {
        self.check.batch_rows()
    }

    fn level_rows(&self) -> u64 {
        self.check.level_rows()
    }
}

/// The block that would be built now.
fn pending_block(node: &Node, snapshot: &Snapshot, full: bool) -> Result<Block, RpcError> {
    let shared = node.shared();
    let latest = snapshot.latest_number()?.unwrap_or_default();
    let parent = snapshot.expect_block(latest)?.header;
    let room = Room {
        payload_bytes: MAX_PAYLOAD_BYTES - PAYLOAD_HEADER_BYTES,
        rows: shared.config.seal.max_rows,
        transactions: shared.config.seal.max_transactions,
    };
    let (sealed, levels) = (Sealed::new(snapshot)?, Levels::default());
    let check = AsAdmitted {
        pool: shared.pool().clone(),
        check: Arc::clone(&shared.check),
    };
    let tools = Tools {
        check: &check,
        ..shared.tools(&sealed, &levels)
    };
    let built = block::build(
        &shared.plan(parent, room),
        Latest(snapshot),
        &check.pool,
        tools,
    )?;
    let header = &built.block.header;
    let transactions = if full {
        let transactions = built.records.iter().map(|(_, record)| {
            let place = Place {
                block_hash: header.hash(),
                header: *header,
                index: record.index,
                effective_gas_price: record.receipt.effective_gas_price,
            };
            convert::transaction(&record.raw, record.sender, Some(place))
        });
        BlockTransactions::Full(transactions.collect::<Result<_, _>>()?)
    } else {
        BlockTransactions::Hashes(built.records.iter().map(|(hash, _)| *hash).collect())
    };
    Ok(convert::block(
        header,
        BLOCK_BYTES.max(built.payload_bytes) as u64,
        transactions,
    ))
}

fn no_overrides(overrides: &[Option<Value>]) -> Result<(), RpcError> {
    if overrides.iter().flatten().any(|value| !value.is_null()) {
        return Err(RpcError::new(
            UNSUPPORTED,
            "state and block overrides are not supported",
        ));
    }
    Ok(())
}

fn block_receipts(
    snapshot: &Snapshot,
    record: &BlockRecord,
) -> Result<Vec<TransactionReceipt>, RpcError> {
    let block_hash = record.header.hash();
    record
        .transactions
        .iter()
        .map(|hash| {
            let found = snapshot.expect_transaction(*hash)?;
            convert::receipt(*hash, &found, &record.header, block_hash)
        })
        .collect()
}

#[async_trait]
impl EthApiServer for Rpc {
    async fn chain_id(&self) -> RpcResult<U64> {
        Ok(U64::from(self.node.shared().rules.chain_id))
    }

    async fn block_number(&self) -> RpcResult<U64> {
        self.read(|_, snapshot| Ok(U64::from(snapshot.latest_number()?.unwrap_or_default())))
            .await
    }

    async fn syncing(&self) -> RpcResult<SyncStatus> {
        Ok(SyncStatus::None)
    }

    async fn accounts(&self) -> RpcResult<Vec<Address>> {
        Ok(Vec::new())
    }

    async fn get_balance(&self, address: Address, block: Option<BlockId>) -> RpcResult<U256> {
        self.read(move |_, snapshot| Ok(view(snapshot, block)?.account(address)?.balance))
            .await
    }

    async fn get_transaction_count(
        &self,
        address: Address,
        block: Option<BlockId>,
    ) -> RpcResult<U64> {
        self.read(move |node, snapshot| {
            let nonce = view(snapshot, block)?.account(address)?.nonce;
            let next = match is_pending(block) {
                // The pool may be ahead of the snapshot by a block, never behind.
                true => node.shared().pool().next_nonce(address, nonce).max(nonce),
                false => nonce,
            };
            Ok(U64::from(next))
        })
        .await
    }

    async fn get_code(&self, address: Address, block: Option<BlockId>) -> RpcResult<Bytes> {
        self.read(move |_, snapshot| {
            let view = view(snapshot, block)?;
            Ok(view.code(view.account(address)?.code.keccak)?)
        })
        .await
    }

    async fn get_storage_at(
        &self,
        address: Address,
        slot: U256,
        block: Option<BlockId>,
    ) -> RpcResult<B256> {
        self.read(move |_, snapshot| {
            Ok(B256::from(
                view(snapshot, block)?.storage(address, slot)?.to_be_bytes(),
            ))
        })
        .await
    }

    async fn send_raw_transaction(&self, bytes: Bytes) -> RpcResult<B256> {
        let _permit = self.submissions.try_acquire().map_err(|_| {
            let message =
                "limit exceeded: the node is busy with other transactions; send this one again";
            RpcError::new(LIMIT, message)
        })?;
        Ok(self
            .node
            .submit_async(bytes)
            .await
            .map_err(RpcError::from)?)
    }

    async fn call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state_overrides: Option<Value>,
        block_overrides: Option<Value>,
    ) -> RpcResult<Bytes> {
        no_overrides(&[state_overrides, block_overrides])?;
        self.execute(move |node, snapshot| {
            let number = resolve(snapshot, block)?;
            call::call(node, snapshot, number, is_pending(block), &request)
        })
        .await
    }

    async fn estimate_gas(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state_overrides: Option<Value>,
    ) -> RpcResult<U64> {
        no_overrides(&[state_overrides])?;
        self.execute(move |node, snapshot| {
            let number = resolve(snapshot, block)?;
            call::estimate(node, snapshot, number, &request).map(U64::from)
        })
        .await
    }

    async fn gas_price(&self) -> RpcResult<U256> {
        self.read(|node, snapshot| {
            let next = fees::next_base_fee(snapshot)?;
            let tip = fees::suggested_priority_fee(node, snapshot)?;
            Ok(U256::from(next) + U256::from(tip))
        })
        .await
    }

    async fn max_priority_fee_per_gas(&self) -> RpcResult<U256> {
        self.read(|node, snapshot| Ok(U256::from(fees::suggested_priority_fee(node, snapshot)?)))
            .await
    }

    async fn fee_history(
        &self,
        block_count: U64,
        newest: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> RpcResult<FeeHistory> {
        self.read(move |_, snapshot| {
            let newest = resolve(snapshot, Some(newest.into()))?;
            fees::history(snapshot, block_count.to(), newest, percentiles.as_deref())
        })
        .await
    }

    async fn get_transaction_receipt(&self, hash: B256) -> RpcResult<Option<TransactionReceipt>> {
        self.read(move |_, snapshot| {
            let Some(found) = snapshot.transaction(hash)? else {
                return Ok(None);
            };
            let header = snapshot.expect_block(found.block)?.header;
            convert::receipt(hash, &found, &header, header.hash()).map(Some)
        })
        .await
    }

    async fn get_block_receipts(
        &self,
        block: BlockId,
    ) -> RpcResult<Option<Vec<TransactionReceipt>>> {
        self.read(move |_, snapshot| {
            let record = find_block(snapshot, block)?;
            record
                .map(|record| block_receipts(snapshot, &record))
                .transpose()
        })
        .await
    }

    async fn get_transaction_by_hash(&self, hash: B256) -> RpcResult<Option<Transaction>> {
        self.read(move |node, snapshot| {
            if let Some(found) = snapshot.transaction(hash)? {
                let header = snapshot.expect_block(found.block)?.header;
                let place = Place {
                    block_hash: header.hash(),
                    header,
                    index: found.index,
                    effective_gas_price: found.receipt.effective_gas_price,
                };
                return convert::transaction(&found.raw, found.sender, Some(place)).map(Some);
            }
            let pool = node.shared().pool();
            pool.get(hash)
                .map(|pooled| convert::transaction(&pooled.raw, pooled.sender, None))
                .transpose()
        })
        .await
    }

    async fn get_block_by_number(
        &self,
        number: BlockNumberOrTag,
        full: Option<bool>,
    ) -> RpcResult<Option<Block>> {
        let full = full.unwrap_or(false);
        if number == BlockNumberOrTag::Pending {
            return self
                .execute(move |node, snapshot| pending_block(node, snapshot, full).map(Some))
                .await;
        }
        self.read(move |_, snapshot| {
            let record = find_block(snapshot, number.into())?;
            record
                .map(|record| stored_block(snapshot, &record, full))
                .transpose()
        })
        .await
    }

    async fn get_block_by_hash(&self, hash: B256, full: Option<bool>) -> RpcResult<Option<Block>> {
        self.read(move |_, snapshot| {
            let record = find_block(snapshot, hash.into())?;
            record
                .map(|record| stored_block(snapshot, &record, full.unwrap_or(false)))
                .transpose()
        })
        .await
    }

    async fn get_block_transaction_count_by_number(
        &self,
        number: BlockNumberOrTag,
    ) -> RpcResult<Option<U64>> {
        self.read(move |_, snapshot| count(snapshot, number.into()))
            .await
    }

    async fn get_block_transaction_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>> {
        self.read(move |_, snapshot| count(snapshot, hash.into()))
            .await
    }

    async fn get_logs(&self, filter: Filter) -> RpcResult<Vec<Log>> {
        self.read(move |node, snapshot| logs(node, snapshot, &filter))
            .await
    }
}

/// A block, `None` if there is no such block.
fn find_block(snapshot: &Snapshot, block: BlockId) -> Result<Option<BlockRecord>, RpcError> {
    let number = match block {
        BlockId::Hash(hash) => snapshot.block_number(hash.block_hash)?,
        BlockId::Number(tag) => Some(tag_number(snapshot, tag)?),
    };
    match number {
        Some(number) => Ok(snapshot.block(number)?),
        None => Ok(None),
    }
}

fn count(snapshot: &Snapshot, block: BlockId) -> Result<Option<U64>, RpcError> {
    Ok(find_block(snapshot, block)?.map(|record| U64::from(record.transactions.len() as u64)))
}

fn logs(node: &Node, snapshot: &Snapshot, filter: &Filter) -> Result<Vec<Log>, RpcError> {
    let limits = &node.shared().config.rpc;
    let latest = snapshot.latest_number()?.unwrap_or_default();
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = resolve(snapshot, Some(hash.into()))?;
            (number, number)
        }
        FilterBlockOption::Range {
            from_block,
            to_block,
        } => {
            let number =
                |tag: Option<BlockNumberOrTag>| tag_number(snapshot, tag.unwrap_or_default());
            (number(from_block)?, number(to_block)?.min(latest))
        }
    };
    let span = to.saturating_sub(from);
    if span > limits.log_blocks {
        return Err(RpcError::new(
            LIMIT,
            format!(
                "the filter spans {span} blocks, at most {} are searched at once",
                limits.log_blocks
            ),
        ));
    }
    let mut found = Vec::new();
    for number in from..=to {
        let record = snapshot.expect_block(number)?;
        if record.logs == 0 {
            continue;
        }
        for receipt in block_receipts(snapshot, &record)? {
            found.extend(
                receipt
                    .inner
                    .logs()
                    .iter()
                    .filter(|log| filter.matches(&log.inner))
                    .cloned(),
            );
        }
        if found.len() > limits.logs {
            return Err(RpcError::new(
                LIMIT,
                format!(
                    "the filter matches more than {} logs; ask for fewer blocks",
                    limits.logs
                ),
            ));
        }
    }
    Ok(found)
}
