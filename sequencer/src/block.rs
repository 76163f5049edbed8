//! Building blocks: transactions from the pool, executed on top of a state.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, U256};
use protocol::{
    Block, BlockHeader, Log, Receipt, SignedTransaction,
    history::{HISTORY_ADDRESS, history_slot},
    payload::{BLOCK_BYTES, BlockInput, transaction_encoded_len},
    rules,
};
use revm::{
    ExecuteEvm,
    context_interface::result::{EVMError, ExecutionResult},
};

use crate::{
    error::{NodeError, StoreError},
    exec::{BlockContext, transaction_environment},
    pool::{Pool, PooledTransaction},
    provability::ProvabilityCheck,
    state::{Changes, Overlay, StateView, Touched},
    store::{ReceiptRecord, TransactionRecord},
};

/// What a block is built from, besides state and pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockPlan {
    /// Chain id.
    pub(crate) chain_id: u64,
    /// Header of the parent.
    pub(crate) parent: BlockHeader,
    /// Timestamp; the parent's is taken if it is later.
    pub(crate) timestamp: u64,
    /// Receiver of the priority fees.
    pub(crate) coinbase: Address,
    /// PREVRANDAO.
    pub(crate) prev_randao: B256,
    /// What is left in the open batch.
    pub(crate) room: Room,
}

/// Room in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Payload bytes.
    pub(crate) payload_bytes: usize,
    /// Rows.
    pub(crate) rows: u64,
    /// Transactions.
    pub(crate) transactions: u64,
}

/// A block that was built and is not applied yet.
#[derive(Debug)]
pub(crate) struct BuiltBlock {
    /// The block.
    pub(crate) block: Block,
    /// Its transactions as the store keeps them.
    pub(crate) records: Vec<(B256, TransactionRecord)>,
    /// What it looked at.
    pub(crate) touched: Touched,
    /// What it changed.
    pub(crate) changes: Changes,
    /// Bytes in a payload.
    pub(crate) payload_bytes: usize,
    /// Rows.
    pub(crate) rows: u64,
    /// Transactions of the pool that turned out to be invalid, and why.
    pub(crate) dropped: Vec<(B256, String)>,
    /// Whether a transaction was left out because the batch had no room for it.
    pub(crate) batch_full: bool,
}

/// Seconds since 1970 by the system's clock.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// Base fee of the block after the given one, in wei per gas.
pub(crate) fn base_fee_after(parent: &BlockHeader) -> Result<u64, NodeError> {
    rules::next_base_fee(parent.gas_limit, parent.gas_used, parent.base_fee).ok_or_else(|| {
        NodeError::Inconsistent(format!("no base fee can follow block {}", parent.number))
    })
}

/// The block that follows `plan.parent`: the pool's best transactions that fit.
pub(crate) fn build<V: StateView>(
    plan: &BlockPlan,
    state: V,
    pool: &Pool,
    check: &dyn ProvabilityCheck,
) -> Result<BuiltBlock, NodeError> {
    let mut builder = Builder::new(plan, state, check)?;
    let context = builder.context;

    let mut room = plan.room;
    room.payload_bytes = room.payload_bytes.saturating_sub(BLOCK_BYTES);
    room.rows = room.rows.saturating_sub(check.block_rows());
    let full_room = room;
    let mut dropped = Vec::new();
    let mut batch_full = false;
    let mut best = pool.best(context.base_fee);
    while let Some(pooled) = best.peek() {
        let bytes = transaction_encoded_len(pooled.signed.transaction.encode_for_signing().len());
        if room.transactions == 0 || bytes > room.payload_bytes || pooled.rows > room.rows {
            batch_full = true;
            best.skip();
            continue;
        }
        if pooled.signed.transaction.gas_limit > context.gas_limit - builder.gas_used {
            best.skip();
            continue;
        }
        match builder.push(pooled)? {
            Ok(rows) => {
                room.payload_bytes -= bytes;
                room.rows = room.rows.saturating_sub(rows);
                room.transactions -= 1;
                best.take();
            }
            Err(reason) => {
                dropped.push((pooled.hash, reason));
                best.skip();
            }
        }
    }

    builder.finish(
        &plan.parent,
        Outcome {
            payload_bytes: BLOCK_BYTES + full_room.payload_bytes - room.payload_bytes,
            rows: check
                .block_rows()
                .saturating_add(full_room.rows - room.rows),
            dropped,
            batch_full,
        },
    )
}

/// A block of a payload, executed again: each rule holds, or the payload is refused.
pub(crate) fn replay<V: StateView>(
    chain_id: u64,
    parent: &BlockHeader,
    input: &BlockInput,
    state: V,
    check: &dyn ProvabilityCheck,
) -> Result<BuiltBlock, NodeError> {
    let refuse = |transaction: Option<usize>, reason: String| NodeError::Replay {
        block: input.number,
        transaction,
        reason,
    };
    rules::check_block(parent, input).map_err(|error| refuse(None, error.to_string()))?;
    let plan = BlockPlan {
        chain_id,
        parent: *parent,
        timestamp: input.timestamp,
        coinbase: input.coinbase,
        prev_randao: input.prev_randao,
        room: Room {
            payload_bytes: 0,
            rows: 0,
            transactions: 0,
        },
    };
    let mut builder = Builder::new(&plan, state, check)?;
    let mut rows = check.block_rows();
    for (index, signed) in input.transactions.iter().enumerate() {
        rules::check_transaction(
            &signed.transaction,
            chain_id,
            input.base_fee,
            input.gas_limit,
            builder.gas_used,
        )
        .map_err(|error| refuse(Some(index), error.to_string()))?;
        let sender = signed
            .recover_sender()
            .map_err(|error| refuse(Some(index), error.to_string()))?;
        let transaction = PooledTransaction {
            raw: signed.encode_2718().into(),
            hash: signed.hash(),
            signed: signed.clone(),
            sender,
            rows: 0,
            arrival: 0,
        };
        let needed = builder
            .push(&transaction)?
            .map_err(|reason| refuse(Some(index), reason))?;
        rows = rows.saturating_add(needed);
    }
    builder.finish(
        parent,
        Outcome {
            payload_bytes: input.encoded_len(),
            rows,
            dropped: Vec::new(),
            batch_full: false,
        },
    )
}

/// What [`BuiltBlock`] says besides the block and the state.
struct Outcome {
    payload_bytes: usize,
    rows: u64,
    dropped: Vec<(B256, String)>,
    batch_full: bool,
}

/// Environment of the block after `plan.parent`.
pub(crate) fn next_context(plan: &BlockPlan) -> Result<BlockContext, NodeError> {
    let parent = &plan.parent;
    Ok(BlockContext {
        chain_id: plan.chain_id,
        number: parent.number.checked_add(1).ok_or_else(|| {
            NodeError::Inconsistent("the block number is at its limit".to_owned())
        })?,
        timestamp: plan.timestamp.max(parent.timestamp),
        gas_limit: parent.gas_limit,
        base_fee: base_fee_after(parent)?,
        coinbase: plan.coinbase,
        prevrandao: plan.prev_randao,
    })
}

struct Builder<'a, V> {
    context: BlockContext,
    check: &'a dyn ProvabilityCheck,
    state: Overlay<V>,
    transactions: Vec<SignedTransaction>,
    receipts: Vec<Receipt>,
    records: Vec<(B256, TransactionRecord)>,
    gas_used: u64,
    logs: u64,
}

impl<'a, V: StateView> Builder<'a, V> {
    /// The block after `plan.parent`, without transactions yet.
    fn new(plan: &BlockPlan, state: V, check: &'a dyn ProvabilityCheck) -> Result<Self, NodeError> {
        let mut builder = Self {
            context: next_context(plan)?,
            check,
            state: Overlay::new(state),
            transactions: Vec::new(),
            receipts: Vec::new(),
            records: Vec::new(),
            gas_used: 0,
            logs: 0,
        };
        builder.open(&plan.parent, plan.parent.hash())?;
        Ok(builder)
    }

    /// Seals the block.
    fn finish(self, parent: &BlockHeader, outcome: Outcome) -> Result<BuiltBlock, NodeError> {
        let Self {
            context,
            state,
            transactions,
            receipts,
            records,
            ..
        } = self;
        let input = BlockInput {
            number: context.number,
            timestamp: context.timestamp,
            gas_limit: context.gas_limit,
            base_fee: context.base_fee,
            coinbase: context.coinbase,
            prev_randao: context.prevrandao,
            transactions,
        };
        rules::check_block(parent, &input)
            .map_err(|error| NodeError::Inconsistent(error.to_string()))?;
        let (touched, changes) = state.finish();
        let Outcome {
            payload_bytes,
            rows,
            dropped,
            batch_full,
        } = outcome;
        Ok(BuiltBlock {
            block: Block::seal(input, parent.hash(), receipts),
            records,
            touched,
            changes,
            payload_bytes,
            rows,
            dropped,
            batch_full,
        })
    }

    /// What each block does before its transactions: the parent's hash goes into the history
    /// contract (EIP-2935). The coinbase is looked at even if nothing is paid to it.
    fn open(&mut self, parent: &BlockHeader, parent_hash: B256) -> Result<(), StoreError> {
        self.state.load_account(HISTORY_ADDRESS)?;
        self.state.load_account(self.context.coinbase)?;
        let word = U256::from_be_bytes(parent_hash.0);
        self.state
            .set_storage(HISTORY_ADDRESS, history_slot(parent.number), word)
    }

    /// Executes a transaction. Inside: its rows, or why it is invalid.
    fn push(&mut self, pooled: &PooledTransaction) -> Result<Result<u64, String>, NodeError> {
        let PooledTransaction { signed, sender, .. } = pooled;
        let rows = match self.check.provable(signed, *sender, &self.state)? {
            Ok(rows) => rows,
            Err(reason) => return Ok(Err(reason.to_string())),
        };
        for item in signed.transaction.access_list() {
            self.state.load_account(item.address)?;
            for slot in &item.storage_keys {
                self.state
                    .load_storage(item.address, U256::from_be_bytes(slot.0))?;
            }
        }
        let index = self.transactions.len();
        let outcome = match self
            .context
            .evm(&mut self.state)
            .transact(transaction_environment(signed, *sender))
        {
            Ok(outcome) => outcome,
            Err(EVMError::Transaction(reason)) => return Ok(Err(reason.to_string())),
            Err(EVMError::Database(error)) => return Err(error.into()),
            Err(error) => {
                return Err(NodeError::Execution {
                    block: self.context.number,
                    transaction: index,
                    message: error.to_string(),
                });
            }
        };
        self.state.commit(outcome.state)?;
        let gas_used = outcome.result.tx_gas_used();
        self.gas_used = self.gas_used.saturating_add(gas_used);
        let logs = logs(&outcome.result);
        let receipt = ReceiptRecord {
            success: outcome.result.is_success(),
            gas_used,
            cumulative_gas: self.gas_used,
            effective_gas_price: signed
                .transaction
                .effective_gas_price(self.context.base_fee)
                .unwrap_or_default(),
            created: outcome.result.created_address(),
            logs: logs.clone(),
            first_log: self.logs,
        };
        self.logs += logs.len() as u64;
        self.receipts.push(Receipt {
            success: receipt.success,
            cumulative_gas_used: self.gas_used,
            logs,
        });
        self.transactions.push(signed.clone());
        self.records.push((
            pooled.hash,
            TransactionRecord {
                raw: pooled.raw.clone(),
                sender: *sender,
                block: self.context.number,
                index: index as u64,
                receipt,
            },
        ));
        Ok(Ok(rows))
    }
}

/// The logs of a successful execution.
fn logs(result: &ExecutionResult) -> Vec<Log> {
    let logs = if result.is_success() {
        result.logs()
    } else {
        &[]
    };
    logs.iter()
        .map(|log| Log {
            address: log.address,
            topics: log.data.topics().to_vec(),
            data: log.data.data.clone(),
        })
        .collect()
}
