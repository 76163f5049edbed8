//! The store: everything that survives the process, in one embedded database file.
//!
//! | table | key | value |
//! |---|---|---|
//! | meta | name | schema version, genesis, newest finalised batch |
//! | accounts, storage, codes | address; address and slot; keccak hash | the latest state |
//! | account history, storage history | as above, and a block number | the value before that block |
//! | nodes | node hash | nodes of the state tree, under every batch's root |
//! | blocks, block numbers | number; hash | header and transaction hashes; number |
//! | transactions | hash | bytes, sender, place, receipt |
//! | pool | arrival number | bytes of an accepted transaction that is in no block |
//! | touched | kind and key | values before the open batch of what it has touched |
//! | batches, witnesses, proofs | batch number; for proofs also segment | sealed batches |
//!
//! Each step of the node (accepting transactions, applying a block, sealing a batch, recording a
//! proof) is one write transaction, durable when the step is acknowledged.

mod chain;
mod codec;
mod db;
mod views;

pub(crate) use chain::{BlockRecord, ChainRead, ReceiptRecord, TransactionRecord, proof_key};
pub(crate) use codec::{decode, encode, key_number, key_slot, number_key, slot_key, suffixed};
pub(crate) use db::{Db, Read, Snapshot, Table, Writer};
pub(crate) use views::{Latest, TreeNodes, ViewAt};

/// Version of the tables; a store of another version is refused.
pub(crate) const SCHEMA_VERSION: u32 = 1;

pub(crate) const META: Table = Table::new("meta");
pub(crate) const ACCOUNTS: Table = Table::new("accounts");
pub(crate) const STORAGE: Table = Table::new("storage");
pub(crate) const CODES: Table = Table::new("codes");
pub(crate) const ACCOUNT_HISTORY: Table = Table::new("account history");
pub(crate) const STORAGE_HISTORY: Table = Table::new("storage history");
pub(crate) const NODES: Table = Table::new("nodes");
pub(crate) const BLOCKS: Table = Table::new("blocks");
pub(crate) const BLOCK_NUMBERS: Table = Table::new("block numbers");
pub(crate) const TRANSACTIONS: Table = Table::new("transactions");
pub(crate) const POOL: Table = Table::new("pool");
pub(crate) const TOUCHED: Table = Table::new("touched");
pub(crate) const BATCHES: Table = Table::new("batches");
pub(crate) const WITNESSES: Table = Table::new("witnesses");
pub(crate) const PROOFS: Table = Table::new("proofs");

/// Names in the table `meta`.
pub(crate) mod meta {
    pub(crate) const SCHEMA: &[u8] = b"schema version";
    /// Hash of everything in the genesis.
    pub(crate) const GENESIS: &[u8] = b"genesis";
    /// State root of the genesis.
    pub(crate) const GENESIS_ROOT: &[u8] = b"genesis root";
    /// Newest batch such that L1 has accepted it and all before it.
    pub(crate) const FINALIZED: &[u8] = b"finalized batch";
}
