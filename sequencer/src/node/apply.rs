//! Applying a block: everything about it in one write transaction.

use alloy_primitives::Address;
use protocol::Account;

use crate::{
    block::BuiltBlock,
    error::{NodeError, StoreError},
    pool::Pool,
    store::{
        ACCOUNT_HISTORY, ACCOUNTS, BLOCK_NUMBERS, BLOCKS, BlockRecord, CODES, Db, POOL, STORAGE,
        STORAGE_HISTORY, TRANSACTIONS, Writer, encode, number_key, slot_key, suffixed,
    },
};

/// Makes a block durable, and takes its transactions out of the stored pool.
pub(super) fn apply(db: &Db, built: &BuiltBlock, pool: &Pool) -> Result<(), NodeError> {
    let writer = db.write()?;
    apply_to(&writer, built, pool)?;
    writer.commit()?;
    Ok(())
}

/// The same in a write transaction that the caller commits.
pub(super) fn apply_to(writer: &Writer, built: &BuiltBlock, pool: &Pool) -> Result<(), NodeError> {
    let header = &built.block.header;
    for (address, before, after) in &built.changes.accounts {
        set_account(writer, header.number, *address, before, after)?;
    }
    for ((address, slot), before, after) in &built.changes.storage {
        let key = slot_key(*address, *slot);
        writer.put(
            STORAGE_HISTORY,
            &suffixed(&key, header.number),
            &before.to_be_bytes::<32>(),
        )?;
        if after.is_zero() {
            writer.delete(STORAGE, &key)?;
        } else {
            writer.put(STORAGE, &key, &after.to_be_bytes::<32>())?;
        }
    }
    for (hash, code) in &built.changes.codes {
        writer.put(CODES, hash.as_slice(), code)?;
    }
    writer.add_touched(&built.touched)?;
    let record = BlockRecord {
        header: *header,
        transactions: built.records.iter().map(|(hash, _)| *hash).collect(),
        payload_bytes: built.payload_bytes as u64,
        rows: built.rows,
        logs: built
            .records
            .iter()
            .map(|(_, record)| record.receipt.logs.len() as u64)
            .sum(),
    };
    writer.put_record(BLOCKS, &number_key(header.number), &record)?;
    writer.put(
        BLOCK_NUMBERS,
        header.hash().as_slice(),
        &number_key(header.number),
    )?;
    for (hash, record) in &built.records {
        writer.put_record(TRANSACTIONS, hash.as_slice(), record)?;
    }
    remove_from_pool(writer, built, pool)?;
    Ok(())
}

/// Takes the transactions that turned out to be invalid out of the stored pool.
pub(super) fn drop_invalid(db: &Db, built: &BuiltBlock, pool: &Pool) -> Result<(), NodeError> {
    let writer = db.write()?;
    remove_from_pool(&writer, built, pool)?;
    writer.commit()?;
    Ok(())
}

fn remove_from_pool(writer: &Writer, built: &BuiltBlock, pool: &Pool) -> Result<(), StoreError> {
    let mined = built.records.iter().map(|(hash, _)| hash);
    for hash in mined.chain(built.dropped.iter().map(|(hash, _)| hash)) {
        if let Some(pooled) = pool.get(*hash) {
            writer.delete(POOL, &number_key(pooled.arrival))?;
        }
    }
    Ok(())
}

fn set_account(
    writer: &Writer,
    block: u64,
    address: Address,
    before: &Account,
    after: &Account,
) -> Result<(), NodeError> {
    let key = address.as_slice();
    let history = encode(before).map_err(NodeError::Inconsistent)?;
    writer.put(ACCOUNT_HISTORY, &suffixed(key, block), &history)?;
    if after.is_empty() {
        writer.delete(ACCOUNTS, key)?;
    } else {
        writer.put(
            ACCOUNTS,
            key,
            &encode(after).map_err(NodeError::Inconsistent)?,
        )?;
    }
    Ok(())
}
