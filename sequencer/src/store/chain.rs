//! Blocks, transactions, batches and proofs as typed records.

use alloy_primitives::{Address, B256, Bytes, U256};
use protocol::{Account, BlockHeader, Log};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    BATCHES, BLOCK_NUMBERS, BLOCKS, META, PROOFS, Read, TOUCHED, TRANSACTIONS, Table, WITNESSES,
    Writer, decode, encode, key_number, key_slot, meta, number_key, slot_key,
};
use crate::{
    batch::{BatchProofs, SealedBatch},
    error::StoreError,
    state::Touched,
};

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockRecord {
    /// The header.
    pub(crate) header: BlockHeader,
    /// Hashes of the transactions in order.
    pub(crate) transactions: Vec<B256>,
    /// Bytes that the block takes in its batch's payload.
    pub(crate) payload_bytes: u64,
    /// Rows that it needs, by the provability check.
    pub(crate) rows: u64,
    /// Logs of all its transactions.
    pub(crate) logs: u64,
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TransactionRecord {
    /// The signed bytes as submitted.
    pub(crate) raw: Bytes,
    /// The recovered sender.
    pub(crate) sender: Address,
    /// The block.
    pub(crate) block: u64,
    /// Index in the block.
    pub(crate) index: u64,
    /// What it did.
    pub(crate) receipt: ReceiptRecord,
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceiptRecord {
    /// Whether it succeeded.
    pub(crate) success: bool,
    /// Gas used by it.
    pub(crate) gas_used: u64,
    /// Gas used in the block up to and with it.
    pub(crate) cumulative_gas: u64,
    /// Price paid, in wei per gas.
    pub(crate) effective_gas_price: u128,
    /// Address of the contract it created.
    pub(crate) created: Option<Address>,
    /// Logs in order.
    pub(crate) logs: Vec<Log>,
    /// Logs of the block before its own.
    pub(crate) first_log: u64,
}

const TOUCHED_ACCOUNT: u8 = 0;
const TOUCHED_SLOT: u8 = 1;
const TOUCHED_CODE: u8 = 2;

/// Typed reads on top of [`Read`].
pub(crate) trait ChainRead: Read + Sized {
    /// A record under a key.
    fn record<T: DeserializeOwned>(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.get(table, key)? else {
            return Ok(None);
        };
        let record = decode(&bytes)
            .map_err(|error| self.corrupt(format!("a record of the table {table}: {error}")))?;
        Ok(Some(record))
    }

    /// Number of the latest block; `None` in a store without genesis.
    fn latest_number(&self) -> Result<Option<u64>, StoreError> {
        let Some((key, _)) = self.last(BLOCKS)? else {
            return Ok(None);
        };
        key_number(&key)
            .map(Some)
            .ok_or_else(|| self.corrupt("a block number"))
    }

    /// A block.
    fn block(&self, number: u64) -> Result<Option<BlockRecord>, StoreError> {
        self.record(BLOCKS, &number_key(number))
    }

    /// A block that must exist.
    fn expect_block(&self, number: u64) -> Result<BlockRecord, StoreError> {
        self.block(number)?
            .ok_or_else(|| self.corrupt(format!("block {number} is missing")))
    }

    /// Number of the block with a hash.
    fn block_number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        let Some(bytes) = self.get(BLOCK_NUMBERS, hash.as_slice())? else {
            return Ok(None);
        };
        key_number(&bytes)
            .map(Some)
            .ok_or_else(|| self.corrupt("a block number"))
    }

    /// A transaction in a block.
    fn transaction(&self, hash: B256) -> Result<Option<TransactionRecord>, StoreError> {
        self.record(TRANSACTIONS, hash.as_slice())
    }

    /// A transaction that must exist.
    fn expect_transaction(&self, hash: B256) -> Result<TransactionRecord, StoreError> {
        self.transaction(hash)?
            .ok_or_else(|| self.corrupt(format!("transaction {hash} is missing")))
    }

    /// Number of the newest sealed batch, 0 if there is none.
    fn latest_batch(&self) -> Result<u64, StoreError> {
        let Some((key, _)) = self.last(BATCHES)? else {
            return Ok(0);
        };
        key_number(&key).ok_or_else(|| self.corrupt("a batch number"))
    }

    /// A sealed batch.
    fn batch(&self, number: u64) -> Result<Option<SealedBatch>, StoreError> {
        self.record(BATCHES, &number_key(number))
    }

    /// The encoded witness of a sealed batch.
    fn witness_bytes(&self, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(WITNESSES, &number_key(number))
    }

    /// Newest batch such that L1 has accepted it and all before it, 0 if there is none.
    fn finalized_batch(&self) -> Result<u64, StoreError> {
        let Some(bytes) = self.get(META, meta::FINALIZED)? else {
            return Ok(0);
        };
        key_number(&bytes).ok_or_else(|| self.corrupt("the number of the finalised batch"))
    }

    /// State root before the open batch.
    fn sealed_root(&self) -> Result<B256, StoreError> {
        match self.latest_batch()? {
            0 => self
                .get(META, meta::GENESIS_ROOT)?
                .and_then(|bytes| B256::try_from(bytes.as_slice()).ok())
                .ok_or_else(|| self.corrupt("the genesis root is missing")),
            number => Ok(self.expect_batch(number)?.statement.state_root),
        }
    }

    /// A batch that must exist.
    fn expect_batch(&self, number: u64) -> Result<SealedBatch, StoreError> {
        self.batch(number)?
            .ok_or_else(|| self.corrupt(format!("batch {number} is missing")))
    }

    /// The finished proofs of a batch.
    fn proofs(&self, number: u64) -> Result<BatchProofs, StoreError> {
        let from = proof_key(number, 0);
        let to = proof_key(number, u32::MAX);
        let segments = self.record(PROOFS, &to)?;
        let proofs = self
            .range(PROOFS, &from, &to, usize::MAX)?
            .into_iter()
            .map(|(key, proof)| {
                let index = key
                    .get(8..)
                    .and_then(|index| Some(u32::from_be_bytes(index.try_into().ok()?)))
                    .ok_or_else(|| self.corrupt("a proof's key"))?;
                Ok((index, proof.into()))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(BatchProofs { segments, proofs })
    }

    /// What the open batch has touched.
    fn touched(&self) -> Result<Touched, StoreError> {
        let mut touched = Touched::default();
        for (key, value) in self.range(TOUCHED, &[0], &[u8::MAX], usize::MAX)? {
            let damaged = || self.corrupt("a record of what the open batch touched");
            match key.split_first() {
                Some((&TOUCHED_ACCOUNT, key)) => {
                    let account: Account = decode(&value).map_err(|_| damaged())?;
                    let address = Address::try_from(key).map_err(|_| damaged())?;
                    touched.accounts.insert(address, account);
                }
                Some((&TOUCHED_SLOT, key)) => {
                    let word = <[u8; 32]>::try_from(value.as_slice()).map_err(|_| damaged())?;
                    let slot = key_slot(key).ok_or_else(damaged)?;
                    touched.storage.insert(slot, U256::from_be_bytes(word));
                }
                Some((&TOUCHED_CODE, key)) => {
                    touched
                        .codes
                        .insert(B256::try_from(key).map_err(|_| damaged())?, value.into());
                }
                _ => return Err(damaged()),
            }
        }
        Ok(touched)
    }
}

impl<R: Read> ChainRead for R {}

impl Writer {
    /// Puts a record under a key.
    pub(crate) fn put_record<T: Serialize>(
        &self,
        table: Table,
        key: &[u8],
        record: &T,
    ) -> Result<(), StoreError> {
        let bytes = encode(record).map_err(|error| {
            self.corrupt(format!(
                "cannot encode a record of the table {table}: {error}"
            ))
        })?;
        self.put(table, key, &bytes)
    }

    /// Notes what a block touched; values of keys that the batch touched before stay.
    pub(crate) fn add_touched(&self, touched: &Touched) -> Result<(), StoreError> {
        let put_new = |key: &[u8], value: &[u8]| match self.get(TOUCHED, key)? {
            Some(_) => Ok(()),
            None => self.put(TOUCHED, key, value),
        };
        for (address, account) in &touched.accounts {
            let value = encode(account).map_err(|error| self.corrupt(error))?;
            put_new(&[&[TOUCHED_ACCOUNT], address.as_slice()].concat(), &value)?;
        }
        for ((address, slot), word) in &touched.storage {
            let key = [&[TOUCHED_SLOT][..], &slot_key(*address, *slot)].concat();
            put_new(&key, &word.to_be_bytes::<32>())?;
        }
        for (hash, code) in &touched.codes {
            put_new(&[&[TOUCHED_CODE], hash.as_slice()].concat(), code)?;
        }
        Ok(())
    }
}

/// Key of a segment's proof; segment `u32::MAX` holds the number of segments.
pub(crate) fn proof_key(batch: u64, segment: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&batch.to_be_bytes());
    tail.copy_from_slice(&segment.to_be_bytes());
    key
}
