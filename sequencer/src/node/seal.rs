//! Sealing a batch: payload, statement and witness of a run of blocks, in one write transaction.

use alloy_primitives::{B256, Bytes, keccak256};
use protocol::{
    BatchStatement, Payload, SignedTransaction, field,
    payload::{BlockInput, MAX_PAYLOAD_BYTES},
    tree,
};

use crate::{
    batch::SealedBatch,
    error::NodeError,
    state::{StateView, Touched, leaves},
    store::{
        BATCHES, BlockRecord, ChainRead, Db, Latest, NODES, Read, Snapshot, TOUCHED, TreeNodes,
        WITNESSES, number_key,
    },
    witness::{BatchWitness, Recorder},
};

/// Seals the blocks `first..=last` as the next batch, which without them has `batch_rows` rows.
pub(super) fn seal(
    db: &Db,
    chain_id: u64,
    batch_rows: u64,
    first: u64,
    last: u64,
) -> Result<SealedBatch, NodeError> {
    let snapshot = db.read()?;
    let parent = snapshot.expect_block(first.saturating_sub(1))?.header;
    let blocks = (first..=last)
        .map(|number| snapshot.expect_block(number))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(tip) = blocks.last().map(|block| block.header) else {
        return Err(NodeError::Inconsistent("a batch without blocks".to_owned()));
    };
    let inputs = blocks
        .iter()
        .map(|block| block_input(&snapshot, block))
        .collect::<Result<Vec<_>, _>>()?;
    let payload: Bytes = Payload { blocks: inputs }.encode().into();
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(NodeError::Inconsistent(format!(
            "the payload of blocks {first} to {last} has {} bytes, more than {MAX_PAYLOAD_BYTES}",
            payload.len()
        )));
    }

    let touched = snapshot.touched()?;
    let previous_state_root = snapshot.sealed_root()?;
    let (state_root, nodes, mut witness) = update_tree(&snapshot, previous_state_root, touched)?;

    let number = snapshot.latest_batch()? + 1;
    let batch_nonce = match snapshot.batch(number - 1)? {
        Some(previous) => previous.statement.batch_nonce + 1,
        None => 0,
    };
    let statement = BatchStatement {
        chain_id,
        batch_number: number,
        batch_nonce,
        first_block: first,
        last_block: last,
        last_timestamp: tip.timestamp,
        previous_state_root,
        state_root,
        previous_block_hash: parent.hash(),
        block_hash: tip.hash(),
        payload_hash: keccak256(&payload),
        ..BatchStatement::default()
    };
    witness.statement = statement;
    witness.payload = payload.clone();
    witness.parent = parent;
    let batch = SealedBatch {
        statement,
        payload,
        transactions: blocks
            .iter()
            .map(|block| block.transactions.len() as u64)
            .sum(),
        rows: blocks
            .iter()
            .fold(batch_rows, |sum, block| sum.saturating_add(block.rows)),
    };
    let witness = witness
        .to_bytes()
        .map_err(|error| NodeError::Inconsistent(error.to_string()))?;

    let writer = db.write()?;
    for (hash, node) in nodes {
        writer.put(NODES, field::to_bytes(&hash).as_slice(), &node.to_bytes())?;
    }
    writer.put_record(BATCHES, &number_key(number), &batch)?;
    writer.put(WITNESSES, &number_key(number), &witness)?;
    writer.clear(TOUCHED)?;
    writer.commit()?;
    Ok(batch)
}

/// What a payload says about a stored block.
fn block_input(snapshot: &Snapshot, block: &BlockRecord) -> Result<BlockInput, NodeError> {
    let transactions = block
        .transactions
        .iter()
        .map(|hash| {
            let record = snapshot.expect_transaction(*hash)?;
            SignedTransaction::decode_2718(&record.raw)
                .map_err(|error| snapshot.corrupt(format!("transaction {hash}: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let header = &block.header;
    Ok(BlockInput {
        number: header.number,
        timestamp: header.timestamp,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee,
        coinbase: header.coinbase,
        prev_randao: header.prev_randao,
        transactions,
    })
}

type Nodes = Vec<(protocol::Fr, tree::Node)>;

/// The root after the open batch, the nodes that are new under it, and the witness's part about
/// the state.
fn update_tree(
    snapshot: &Snapshot,
    previous_root: B256,
    touched: Touched,
) -> Result<(B256, Nodes, BatchWitness), NodeError> {
    let inconsistent = |error: tree::TreeError| NodeError::Inconsistent(error.to_string());
    let root = field::from_bytes(previous_root)
        .ok_or_else(|| snapshot.corrupt("the last state root is no field element"))?;
    let latest = Latest(snapshot);
    let accounts_after = touched
        .accounts
        .keys()
        .map(|address| Ok((*address, latest.account(*address)?)))
        .collect::<Result<Vec<_>, NodeError>>()?;
    let storage_after = touched
        .storage
        .keys()
        .map(|(address, slot)| Ok((*address, *slot, latest.storage(*address, *slot)?)))
        .collect::<Result<Vec<_>, NodeError>>()?;
    let after = leaves(
        accounts_after
            .iter()
            .map(|(address, account)| (*address, account)),
        storage_after.iter().copied(),
    );
    let before = touched.leaves();

    let changes: Vec<_> = after.iter().map(|(key, value)| (*key, *value)).collect();
    let recorder = Recorder::new(TreeNodes(snapshot));
    let accesses = tree::open(&recorder, root, &changes).map_err(inconsistent)?;
    if accesses
        .iter()
        .any(|access| before.get(&access.key) != Some(&access.old))
    {
        return Err(snapshot
            .corrupt(
                "the state before the open batch is not the one that the state root commits to",
            )
            .into());
    }
    let update = tree::update(&TreeNodes(snapshot), root, &changes).map_err(inconsistent)?;
    if accesses
        .last()
        .is_some_and(|access| access.new_root != update.root)
    {
        return Err(NodeError::Inconsistent(
            "two ways to update the tree disagree".to_owned(),
        ));
    }
    let witness = BatchWitness {
        statement: BatchStatement::default(),
        payload: Bytes::new(),
        parent: protocol::BlockHeader::default(),
        accounts: touched.accounts.into_iter().collect(),
        storage: touched
            .storage
            .into_iter()
            .map(|((address, slot), word)| (address, slot, word))
            .collect(),
        codes: touched.codes.into_values().collect(),
        nodes: recorder.into_nodes(),
        leaves_after: changes
            .iter()
            .map(|(key, value)| (field::to_bytes(key), value.as_ref().map(field::to_bytes)))
            .collect(),
    };
    Ok((field::to_bytes(&update.root), update.nodes, witness))
}
