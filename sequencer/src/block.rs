//! Building blocks: transactions from the pool, executed on top of a state.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, U256};
use protocol::{
    Account, Block, BlockHeader, Fr, Receipt, SignedTransaction,
    history::{HISTORY_ADDRESS, history_slot},
    payload::{BLOCK_BYTES, BlockInput, transaction_encoded_len},
    rules,
};

use crate::{
    error::{NodeError, StoreError, Unprovable},
    exec::BlockContext,
    executed::{Call, Executed, execute},
    levels::{Levels, Opened, SealedTree},
    pool::{Pool, PooledTransaction},
    provability::ProvabilityCheck,
    state::{Changes, Overlay, StateView, Touched, leaves},
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

impl Room {
    /// No room, for what asks about the next block without building it.
    pub(crate) const NONE: Self = Self {
        payload_bytes: 0,
        rows: 0,
        transactions: 0,
    };
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
    /// Rows, those of the levels of the state tree included.
    pub(crate) rows: u64,
    /// The keys that the open batch looks at, with this block.
    pub(crate) levels: Levels,
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

/// What a block is built with, besides the state.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    /// What the prover can prove.
    pub(crate) check: &'a dyn ProvabilityCheck,
    /// The tree that the open batch's keys are opened in.
    pub(crate) sealed: &'a dyn SealedTree,
    /// The keys of the open batch's earlier blocks.
    pub(crate) levels: &'a Levels,
    /// Most rows of a batch of one block with one transaction.
    pub(crate) max_rows: u64,
}

impl Tools<'_> {
    fn level_rows(&self, opened: &Opened) -> u64 {
        opened.levels.saturating_mul(self.check.level_rows())
    }

    /// Rows of a transaction without levels of the state tree, or why no proof can have it. The outer error is the store's.
    pub(crate) fn provable(
        &self,
        executed: &Executed,
    ) -> Result<Result<u64, Unprovable>, StoreError> {
        let rows = match self.check.provable(executed, self.max_rows) {
            Ok(rows) => rows,
            Err(reason) => return Ok(Err(reason)),
        };
        let keys = executed.touched.leaves().into_keys();
        let keys = keys.chain(block_keys(&executed.parent, executed.block.coinbase));
        let opened = Levels::default().open(self.sealed, keys)?;
        let alone = rows
            .saturating_add(self.level_rows(&opened))
            .saturating_add(self.check.block_rows())
            .saturating_add(self.check.batch_rows());
        if alone > self.max_rows {
            return Ok(Err(Unprovable::TooManyRows {
                rows: alone,
                max: self.max_rows,
            }));
        }
        Ok(Ok(rows))
    }
}

/// The block that follows `plan.parent`: the pool's best transactions that fit.
pub(crate) fn build<V: StateView>(
    plan: &BlockPlan,
    state: V,
    pool: &Pool,
    tools: Tools<'_>,
) -> Result<BuiltBlock, NodeError> {
    let mut builder = Builder::new(plan, state, tools)?;
    let context = builder.context;

    let mut room = plan.room;
    room.payload_bytes = room.payload_bytes.saturating_sub(BLOCK_BYTES);
    let full_bytes = room.payload_bytes;
    let mut dropped = Vec::new();
    let mut batch_full = builder.rows > plan.room.rows;
    let mut best = pool.best(context.base_fee);
    while let Some(pooled) = best.peek() {
        let bytes = transaction_encoded_len(pooled.signed.transaction.encode_for_signing().len());
        room.rows = plan.room.rows.saturating_sub(builder.rows);
        if room.transactions == 0 || bytes > room.payload_bytes || pooled.rows > room.rows {
            batch_full = true;
            best.skip();
            continue;
        }
        if pooled.signed.transaction.gas_limit > context.gas_limit - builder.gas_used {
            best.skip();
            continue;
        }
        // One that was dropped before it is missing.
        if pooled.nonce() > builder.state.account(pooled.sender)?.nonce {
            best.skip();
            continue;
        }
        match builder.push(pooled, room.rows)? {
            Pushed::Taken => {
                room.payload_bytes -= bytes;
                room.transactions -= 1;
                best.take();
            }
            Pushed::NoRoom => {
                batch_full = true;
                best.skip();
            }
            Pushed::Refused(reason) => {
                dropped.push((pooled.hash, reason));
                best.skip();
            }
        }
    }

    builder.finish(
        &plan.parent,
        Outcome {
            payload_bytes: BLOCK_BYTES + full_bytes - room.payload_bytes,
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
    tools: Tools<'_>,
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
        room: Room::NONE,
    };
    let mut builder = Builder::new(&plan, state, tools)?;
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
        if let Pushed::Refused(reason) = builder.push(&transaction, u64::MAX)? {
            return Err(refuse(Some(index), reason));
        }
    }
    builder.finish(
        parent,
        Outcome {
            payload_bytes: input.encoded_len(),
            dropped: Vec::new(),
            batch_full: false,
        },
    )
}

/// What [`BuiltBlock`] says besides the block and the state.
struct Outcome {
    payload_bytes: usize,
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

/// What became of a transaction.
enum Pushed {
    /// It is in the block.
    Taken,
    /// It needs more rows than there are.
    NoRoom,
    /// It is invalid, or cannot be proven, and why.
    Refused(String),
}

struct Builder<'a, V> {
    parent: BlockHeader,
    context: BlockContext,
    tools: Tools<'a>,
    state: Overlay<V>,
    transactions: Vec<SignedTransaction>,
    receipts: Vec<Receipt>,
    records: Vec<(B256, TransactionRecord)>,
    gas_used: u64,
    logs: u64,
    levels: Levels,
    /// Rows so far.
    rows: u64,
}

impl<'a, V: StateView> Builder<'a, V> {
    /// The block after `plan.parent`, without transactions yet.
    fn new(plan: &BlockPlan, state: V, tools: Tools<'a>) -> Result<Self, NodeError> {
        let mut builder = Self {
            parent: plan.parent,
            context: next_context(plan)?,
            tools,
            state: Overlay::new(state),
            transactions: Vec::new(),
            receipts: Vec::new(),
            records: Vec::new(),
            gas_used: 0,
            logs: 0,
            levels: tools.levels.clone(),
            rows: 0,
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
            levels,
            rows,
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
            levels,
            dropped,
            batch_full,
        })
    }

    /// What each block does before its transactions: the parent's hash goes into the history
    /// contract (EIP-2935). The coinbase is looked at even if nothing is paid to it.
    fn open(&mut self, parent: &BlockHeader, parent_hash: B256) -> Result<(), StoreError> {
        self.state.load_account(HISTORY_ADDRESS)?;
        self.state.load_account(self.context.coinbase)?;
        let (slot, word) = (
            history_slot(parent.number),
            U256::from_be_bytes(parent_hash.0),
        );
        self.state.set_storage(HISTORY_ADDRESS, slot, word)?;
        let keys = block_keys(parent, self.context.coinbase);
        let opened = self.levels.open(self.tools.sealed, keys)?;
        self.rows = (self.tools.check.block_rows()).saturating_add(self.tools.level_rows(&opened));
        Ok(())
    }

    /// Executes a transaction, and takes it into the block unless it needs more than `room` rows.
    fn push(&mut self, pooled: &PooledTransaction, room: u64) -> Result<Pushed, NodeError> {
        let PooledTransaction { signed, sender, .. } = pooled;
        let index = self.transactions.len();
        let call = Call {
            parent: &self.parent,
            block: self.context,
            signed,
            sender: *sender,
        };
        let executed = match execute(call, &self.state) {
            Ok(executed) => executed,
            Err(failure) => {
                let reason = failure.split(self.context.number, index)?;
                return Ok(Pushed::Refused(reason));
            }
        };
        let rows = match self.tools.provable(&executed)? {
            Ok(rows) => rows,
            Err(reason) => return Ok(Pushed::Refused(reason.to_string())),
        };
        let keys = executed.touched.leaves().into_keys();
        let opened = self.levels.open(self.tools.sealed, keys)?;
        let rows = rows.saturating_add(self.tools.level_rows(&opened));
        if rows > room {
            self.levels.undo(opened);
            return Ok(Pushed::NoRoom);
        }
        self.rows = self.rows.saturating_add(rows);
        self.state.absorb(&executed.touched, &executed.changes)?;
        let gas_used = executed.result.tx_gas_used();
        self.gas_used = self.gas_used.saturating_add(gas_used);
        let logs = executed.logs();
        let receipt = ReceiptRecord {
            success: executed.result.is_success(),
            gas_used,
            cumulative_gas: self.gas_used,
            effective_gas_price: signed
                .transaction
                .effective_gas_price(self.context.base_fee)
                .unwrap_or_default(),
            created: executed.result.created_address(),
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
        Ok(Pushed::Taken)
    }
}

/// The keys that the proof of a block after `parent` opens, whatever its transactions are.
pub(crate) fn block_keys(parent: &BlockHeader, coinbase: Address) -> impl Iterator<Item = Fr> {
    let slot = (HISTORY_ADDRESS, history_slot(parent.number), U256::ZERO);
    let account = Account::default();
    let accounts = [HISTORY_ADDRESS, coinbase].map(|address| (address, &account));
    leaves(accounts, [slot]).into_keys()
}
