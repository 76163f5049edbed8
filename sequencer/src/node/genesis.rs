//! The first commit of a store, and the check of a store that exists.

use alloy_primitives::{B256, keccak256};
use protocol::{Genesis, field, tree};

use crate::{
    error::{NodeError, StoreError},
    store::{
        ACCOUNTS, BLOCK_NUMBERS, BLOCKS, BlockRecord, CODES, ChainRead, Db, META, NODES, Read,
        SCHEMA_VERSION, STORAGE, encode, meta, number_key, slot_key,
    },
};

/// Writes the genesis into an empty store, or checks that the store was made from it.
pub(super) fn initialise(db: &Db, genesis: &Genesis) -> Result<(), NodeError> {
    let snapshot = db.read()?;
    let found = snapshot.get(META, meta::SCHEMA)?;
    let expected = fingerprint(genesis)?;
    let Some(version) = found else {
        if snapshot.latest_number()?.is_some() {
            return Err(snapshot
                .corrupt("it has blocks but no schema version")
                .into());
        }
        drop(snapshot);
        return write(db, genesis, expected);
    };
    let version = <[u8; 4]>::try_from(version.as_slice())
        .map(u32::from_be_bytes)
        .map_err(|_| snapshot.corrupt("its schema version cannot be read"))?;
    if version != SCHEMA_VERSION {
        return Err(StoreError::SchemaVersion {
            path: db.path().to_owned(),
            found: version,
            expected: SCHEMA_VERSION,
        }
        .into());
    }
    let found = snapshot
        .get(META, meta::GENESIS)?
        .and_then(|bytes| B256::try_from(bytes.as_slice()).ok())
        .ok_or_else(|| snapshot.corrupt("its genesis hash is missing"))?;
    if found != expected {
        return Err(StoreError::OtherGenesis {
            path: db.path().to_owned(),
            found,
            expected,
        }
        .into());
    }
    Ok(())
}

/// Hash of everything in a genesis, whose normal form has one encoding in JSON.
fn fingerprint(genesis: &Genesis) -> Result<B256, NodeError> {
    let json =
        serde_json::to_vec(genesis).map_err(|error| NodeError::Genesis(error.to_string()))?;
    Ok(keccak256(json))
}

fn write(db: &Db, genesis: &Genesis, fingerprint: B256) -> Result<(), NodeError> {
    let tree::Update { root, nodes } =
        tree::update(&tree::MemoryStore::new(), tree::EMPTY, &genesis.leaves())
            .map_err(|error| NodeError::Genesis(error.to_string()))?;
    let writer = db.write()?;
    for (address, account) in &genesis.accounts {
        let record = encode(&account.record()).map_err(NodeError::Inconsistent)?;
        writer.put(ACCOUNTS, address.as_slice(), &record)?;
        if !account.code.is_empty() {
            writer.put(
                CODES,
                account.record().code.keccak.as_slice(),
                &account.code,
            )?;
        }
        for (slot, word) in &account.storage {
            writer.put(
                STORAGE,
                &slot_key(*address, *slot),
                &word.to_be_bytes::<32>(),
            )?;
        }
    }
    for (hash, node) in &nodes {
        writer.put(NODES, field::to_bytes(hash).as_slice(), &node.to_bytes())?;
    }
    let header = genesis.header();
    let record = BlockRecord {
        header,
        transactions: Vec::new(),
        payload_bytes: 0,
        rows: 0,
        logs: 0,
    };
    writer.put_record(BLOCKS, &number_key(0), &record)?;
    writer.put(BLOCK_NUMBERS, header.hash().as_slice(), &number_key(0))?;
    writer.put(META, meta::SCHEMA, &SCHEMA_VERSION.to_be_bytes())?;
    writer.put(META, meta::GENESIS, fingerprint.as_slice())?;
    writer.put(META, meta::GENESIS_ROOT, field::to_bytes(&root).as_slice())?;
    writer.commit()?;
    Ok(())
}
