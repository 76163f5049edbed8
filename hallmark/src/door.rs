//! What the sequencer lets in: the machine's interpreter says which transactions can be proven, and how many rows they need.
//!
//! A transaction is asked about in a batch of its own: a block after the latest one, on a state tree of nothing but what it looks
//! at. The interpreter must come to the roots and hashes that `revm` came to, as it must when the batch is proven.

use crate::block::{StateBefore, segment, statement};
use alloy_primitives::{Address, B256, U256};
use circuits::{
    cpu::opcodes::opcode,
    keccak::{self, RATE_BYTES},
    machine::MainMachine,
    tree::LEVEL_ROWS,
    witness::SegmentInput,
};
use eyre::{Result, eyre};
use protocol::{
    BlockHeader, BlockInput, Fr, Payload, field,
    history::{HISTORY_ADDRESS, history_slot},
    payload::{BLOCK_BYTES, PAYLOAD_HEADER_BYTES, transaction_encoded_len},
    rules::{self, ELASTICITY, MIN_GAS_LIMIT},
    tree::{self, EMPTY, MemoryStore, TreeError},
};
use sequencer::{Executed, ProvabilityCheck, Touched, Unprovable};
use std::collections::BTreeMap;

/// Rows that a block or a transaction may need more than the measured ones: blocks differ in which way the base fee goes, and
/// what one asks of a chip another may have asked for as well in the batch that was measured.
const MARGIN: usize = 96;
/// Levels for what the end of a key's path may need more than in the measured tree: another leaf, and that its key is canonical.
const END_LEVELS: usize = 2;

/// The machine's answer, with what blocks and batches need without transactions.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Rows of a batch of one empty block, without the payload's hash.
    empty: usize,
    block_rows: usize,
    batch_rows: usize,
}

impl Door {
    /// Measures batches of empty blocks.
    ///
    /// # Errors
    /// A broken machine.
    pub fn new() -> Result<Self> {
        let (one, two) = (empty_batch(1)?, empty_batch(2)?);
        let block = two.saturating_sub(one);
        Ok(Self {
            empty: one,
            block_rows: block + payload_rows(BLOCK_BYTES) + MARGIN,
            batch_rows: one.saturating_sub(block) + payload_rows(PAYLOAD_HEADER_BYTES) + MARGIN,
        })
    }
}

/// Rows of one permutation of the payload's hash.
fn permutation_rows() -> usize {
    keccak::rows(RATE_BYTES, false, false) - keccak::rows(0, false, false)
}

/// Rows for bytes of the payload in its hash. A permutation takes [`RATE_BYTES`] of them, of whichever transactions.
fn payload_rows(bytes: usize) -> usize {
    (bytes * permutation_rows()).div_ceil(RATE_BYTES)
}

/// Rows without the permutations for whole parts of the payload.
fn without_payload(rows: usize, input: &SegmentInput) -> usize {
    rows.saturating_sub(input.payload.len() / RATE_BYTES * permutation_rows())
}

/// Rows of a batch of so many blocks without transactions, without the payload's hash.
fn empty_batch(blocks: u64) -> Result<usize> {
    // After a full block the base fee rises, then it falls.
    let gas_limit = ELASTICITY * MIN_GAS_LIMIT;
    let parent = BlockHeader {
        number: 1 << 32,
        timestamp: 1 << 32,
        gas_limit,
        gas_used: gas_limit,
        base_fee: 1 << 32,
        ..BlockHeader::default()
    };
    let mut payload = Payload::default();
    let mut touched = Touched::default();
    let mut last = parent;
    for number in parent.number + 1..=parent.number + blocks {
        let base_fee = rules::next_base_fee(gas_limit, last.gas_used, last.base_fee);
        let block = BlockInput {
            number,
            timestamp: parent.timestamp,
            gas_limit,
            base_fee: base_fee.ok_or_else(|| eyre!("block {number} has no base fee"))?,
            ..BlockInput::default()
        };
        let slot = (HISTORY_ADDRESS, history_slot(last.number));
        touched.storage.insert(slot, U256::ZERO);
        last = protocol::Block::seal(block.clone(), last.hash(), vec![]).header;
        payload.blocks.push(block);
    }
    let state = small_state(&touched)?;
    let mut input = segment(0, B256::ZERO, parent, BlockInput::default(), state);
    input.payload = payload.encode();
    let measured = MainMachine::get()
        .measure(&input)
        .map_err(|error| eyre!("a batch of {blocks} empty blocks: {error}"))?;
    Ok(without_payload(measured.rows, &input))
}

/// A state of nothing but what was looked at.
fn small_state(touched: &Touched) -> Result<StateBefore, TreeError> {
    let leaves: Vec<_> = present(touched.leaves());
    let update = tree::update(&MemoryStore::new(), EMPTY, &leaves)?;
    let mut nodes = MemoryStore::new();
    nodes.insert(update.nodes);
    Ok(StateBefore {
        root: field::to_bytes(&update.root),
        accounts: touched.accounts.clone(),
        storage: touched.storage.clone(),
        codes: touched.codes.clone(),
        nodes,
    })
}

fn present(leaves: BTreeMap<Fr, Option<Fr>>) -> Vec<tree::Change> {
    leaves.into_iter().filter(|leaf| leaf.1.is_some()).collect()
}

/// The batch of a block with this transaction alone, which ends where `revm` says.
fn batch_of(executed: &Executed) -> Result<SegmentInput, TreeError> {
    let context = &executed.block;
    let parent = executed.parent;
    let block = BlockInput {
        number: context.number,
        timestamp: context.timestamp,
        gas_limit: context.gas_limit,
        base_fee: context.base_fee,
        coinbase: context.coinbase,
        prev_randao: context.prevrandao,
        transactions: vec![executed.signed.clone()],
    };
    // When the block began, the parent's hash went here (EIP-2935).
    let slot = (HISTORY_ADDRESS, history_slot(parent.number));
    let hash = U256::from_be_bytes(parent.hash().0);
    let mut before = executed.touched.clone();
    before.storage.entry(slot).or_default();
    let mut after = executed.touched.clone();
    after.storage.insert(slot, hash);
    for (address, _, account) in &executed.changes.accounts {
        after.accounts.insert(*address, *account);
    }
    for (slot, _, word) in &executed.changes.storage {
        after.storage.insert(*slot, *word);
    }
    let state = small_state(&before)?;
    let root = tree::update(&MemoryStore::new(), EMPTY, &present(after.leaves()))?.root;
    let roots = [state.root, field::to_bytes(&root)];
    let receipts = vec![executed.receipt()];
    let (statement, _) = statement(context.chain_id, &parent, block.clone(), receipts, roots);
    let mut input = segment(context.chain_id, statement.hash(), parent, block, state);
    input.to = Some(statement.end());
    Ok(input)
}

/// What the machine cannot do at all with these receivers.
fn receivers(executed: &Executed) -> Result<(), Unprovable> {
    match executed.signed.transaction.to {
        None => return Err(Unprovable::Creation),
        Some(to) if rules::is_precompile(to) => return Err(Unprovable::Precompile(to)),
        _ => {}
    }
    let delegated: Option<Address> = executed.delegated();
    delegated.map_or(Ok(()), |address| Err(Unprovable::Delegated(address)))
}

fn without_microcode(byte: u8) -> Unprovable {
    let name = opcode(byte).map_or_else(|| format!("{byte:#04x}"), |o| o.name.into());
    Unprovable::Opcode(name)
}

impl ProvabilityCheck for Door {
    fn provable(&self, executed: &Executed, max_rows: u64) -> Result<u64, Unprovable> {
        receivers(executed)?;
        let input = batch_of(executed).map_err(|error| Unprovable::Other(error.to_string()))?;
        let most = usize::try_from(max_rows).unwrap_or(usize::MAX);
        let measured = MainMachine::get().measure_within(&input, most);
        let measured = measured.map_err(|error| match (error.opcode, error.too_many) {
            (Some(byte), _) => without_microcode(byte),
            (_, Some(rows)) => Unprovable::TooManyRows {
                rows: rows as u64,
                max: max_rows,
            },
            _ => Unprovable::Other(format!(
                "the machine does not execute it as revm does: {error}"
            )),
        })?;
        let transaction = executed.signed.transaction.encode_for_signing();
        let keys = executed.touched.accounts.len() + executed.touched.storage.len();
        let rows = without_payload(measured.rows, &input).saturating_sub(self.empty)
            + payload_rows(transaction_encoded_len(transaction.len()))
            + keys * END_LEVELS * LEVEL_ROWS
            + MARGIN;
        Ok(rows as u64)
    }

    fn provable_unsigned(&self, executed: &Executed) -> Result<(), Unprovable> {
        receivers(executed)?;
        let machine = MainMachine::get();
        let mut missing = executed
            .opcodes
            .iter()
            .filter(|byte| !machine.has_opcode(**byte));
        missing
            .next()
            .map_or(Ok(()), |byte| Err(without_microcode(*byte)))
    }

    fn block_rows(&self) -> u64 {
        self.block_rows as u64
    }

    fn batch_rows(&self) -> u64 {
        self.batch_rows as u64
    }

    fn level_rows(&self) -> u64 {
        LEVEL_ROWS as u64
    }
}
