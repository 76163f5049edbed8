//! A batch of one block, as the machine takes it: the door and the state tests ask about one transaction so.

use alloy_primitives::{Address, B256, Bytes, U256};
use circuits::witness::SegmentInput;
use protocol::{
    Account, BatchStatement, Block, BlockHeader, BlockInput, BoundaryState, Payload, Receipt,
    tree::MemoryStore,
};
use std::collections::BTreeMap;

/// A state before a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateBefore {
    /// Root of its tree, as bytes.
    pub(crate) root: B256,
    /// Accounts; those that the batch looks at must be here.
    pub(crate) accounts: BTreeMap<Address, Account>,
    /// Slots; those that the batch looks at must be here.
    pub(crate) storage: BTreeMap<(Address, U256), U256>,
    /// Codes by keccak hash.
    pub(crate) codes: BTreeMap<B256, Bytes>,
    /// Tree nodes on the paths of these accounts and slots.
    pub(crate) nodes: MemoryStore,
}

/// The segment of the batch of this block alone. It ends where its execution leads.
pub(crate) fn segment(
    chain_id: u64,
    batch_hash: B256,
    parent: BlockHeader,
    block: BlockInput,
    state: StateBefore,
) -> SegmentInput {
    SegmentInput {
        chain_id,
        batch_hash,
        from: BoundaryState {
            state_root: state.root,
            tip_hash: parent.hash(),
            block_number: parent.number,
            block_timestamp: parent.timestamp,
            ..BoundaryState::default()
        },
        to: None,
        cut: None,
        parent,
        payload: Payload {
            blocks: vec![block],
        }
        .encode(),
        accounts: state.accounts,
        storage: state.storage,
        codes: state.codes,
        nodes: state.nodes,
    }
}

/// The statement of the batch of this block alone, with the state roots before and after, and the block's header.
pub(crate) fn statement(
    chain_id: u64,
    parent: &BlockHeader,
    block: BlockInput,
    receipts: Vec<Receipt>,
    roots: [B256; 2],
) -> (BatchStatement, BlockHeader) {
    let [previous_state_root, state_root] = roots;
    let payload = Payload {
        blocks: vec![block.clone()],
    };
    let header = Block::seal(block, parent.hash(), receipts).header;
    let statement = BatchStatement {
        chain_id,
        batch_number: 1,
        first_block: header.number,
        last_block: header.number,
        last_timestamp: header.timestamp,
        previous_state_root,
        state_root,
        previous_block_hash: parent.hash(),
        block_hash: header.hash(),
        payload_hash: payload.hash(),
        ..BatchStatement::default()
    };
    (statement, header)
}
