//! Block headers, blocks, receipts, and the hash chains over a block's transactions and receipts.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use ff::Field;
use serde::{Deserialize, Serialize};

use crate::{
    BatchStatement, Fr, Payload, field,
    hash::{self, Tag},
    payload::BlockInput,
    transaction::SignedTransaction,
};

/// Words of an encoded [`BlockHeader`].
pub const HEADER_WORDS: usize = 11;

/// A block's header. It has no state root: that is committed per batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockHeader {
    /// Hash of the parent's header.
    pub parent_hash: B256,
    /// Block number, the parent's plus 1.
    pub number: u64,
    /// Seconds since 1970, not before the parent's.
    pub timestamp: u64,
    /// Gas limit, that of genesis.
    pub gas_limit: u64,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Base fee in wei per gas.
    pub base_fee: u64,
    /// Receiver of the priority fees.
    pub coinbase: Address,
    /// What PREVRANDAO gives.
    pub prev_randao: B256,
    /// [`TransactionsChain`] after the last transaction; a canonical field element.
    pub transactions_hash: B256,
    /// [`ReceiptsChain`] after the last transaction; a canonical field element.
    pub receipts_hash: B256,
    /// Rolling hash of the L1 messages consumed so far; 0 in this version.
    pub queue_hash: B256,
}

impl BlockHeader {
    /// The fields as 32-byte big-endian words, in the order of the struct.
    pub fn words(&self) -> [B256; HEADER_WORDS] {
        [
            self.parent_hash,
            word(self.number),
            word(self.timestamp),
            word(self.gas_limit),
            word(self.gas_used),
            word(self.base_fee),
            self.coinbase.into_word(),
            self.prev_randao,
            self.transactions_hash,
            self.receipts_hash,
            self.queue_hash,
        ]
    }

    /// Block hash: keccak-256 of the words.
    pub fn hash(&self) -> B256 {
        keccak256(self.words().concat())
    }
}

/// An integer as a 32-byte big-endian word.
pub fn word(value: u64) -> B256 {
    B256::from(U256::from(value))
}

/// A log that a contract emitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// Zero to four topics.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
}

impl Log {
    /// The item of the log chain: hash of address, number of topics, topic halves, data length in bytes, data hash.
    pub fn item(&self) -> Fr {
        let mut inputs = vec![
            field::from_address(self.address),
            Fr::from(self.topics.len() as u64),
        ];
        for topic in &self.topics {
            let (hi, lo) = field::split_bytes(*topic);
            inputs.extend([hi, lo]);
        }
        inputs.extend([
            Fr::from(self.data.len() as u64),
            hash::hash_bytes(Tag::LogData, &self.data),
        ]);
        hash::hash(Tag::Log, &inputs)
    }
}

/// Outcome of a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// Whether execution succeeded.
    pub success: bool,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// Logs in the order of emission; none of a failed transaction.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// The log chain: starts at 0 in each transaction, each log makes it `H(Logs, previous, item)`.
    pub fn log_chain(&self) -> Fr {
        self.logs.iter().fold(Fr::ZERO, |previous, log| {
            hash::hash(Tag::Logs, &[previous, log.item()])
        })
    }

    /// The item of the receipts chain: hash of status, cumulative gas, number of logs, log chain.
    pub fn item(&self) -> Fr {
        hash::hash(
            Tag::Receipt,
            &[
                Fr::from(u64::from(self.success)),
                Fr::from(self.cumulative_gas_used),
                Fr::from(self.logs.len() as u64),
                self.log_chain(),
            ],
        )
    }
}

/// The item of the transactions chain: hash of the signing hash's halves, `parity * 2^128 + r_hi`, `r_lo`, and the
/// halves of s.
pub fn transaction_item(transaction: &SignedTransaction) -> Fr {
    let signature = &transaction.signature;
    let (hash_hi, hash_lo) = field::split_bytes(transaction.transaction.signing_hash());
    let r = signature.r.as_limbs();
    let (_, r_lo) = field::split_word(signature.r);
    let (s_hi, s_lo) = field::split_word(signature.s);
    let parity_and_r_hi = Fr::from_raw([r[2], r[3], u64::from(signature.y_parity), 0]);
    hash::hash(
        Tag::Transaction,
        &[hash_hi, hash_lo, parity_and_r_hi, r_lo, s_hi, s_lo],
    )
}

/// A block's transactions hash while it grows: 0 before the first transaction, then `H(Transactions, previous, item)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionsChain(pub Fr);

impl Default for TransactionsChain {
    fn default() -> Self {
        Self(Fr::ZERO)
    }
}

impl TransactionsChain {
    /// Adds a transaction.
    pub fn push(&mut self, transaction: &SignedTransaction) {
        self.0 = hash::hash(Tag::Transactions, &[self.0, transaction_item(transaction)]);
    }

    /// The chain over a block's transactions.
    pub fn over<'a>(transactions: impl IntoIterator<Item = &'a SignedTransaction>) -> Self {
        transactions
            .into_iter()
            .fold(Self::default(), |mut chain, transaction| {
                chain.push(transaction);
                chain
            })
    }
}

/// A block's receipts hash while it grows: 0 before the first transaction, then `H(Receipts, previous, item)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptsChain(pub Fr);

impl Default for ReceiptsChain {
    fn default() -> Self {
        Self(Fr::ZERO)
    }
}

impl ReceiptsChain {
    /// Adds a receipt.
    pub fn push(&mut self, receipt: &Receipt) {
        self.0 = hash::hash(Tag::Receipts, &[self.0, receipt.item()]);
    }

    /// The chain over a block's receipts.
    pub fn over<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Self {
        receipts
            .into_iter()
            .fold(Self::default(), |mut chain, receipt| {
                chain.push(receipt);
                chain
            })
    }
}

/// A block that was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Block {
    /// Header.
    pub header: BlockHeader,
    /// Transactions in their order.
    pub transactions: Vec<SignedTransaction>,
    /// Their receipts, one for each.
    pub receipts: Vec<Receipt>,
}

impl Block {
    /// Seals an executed block: its header follows from the input, the parent's hash and the receipts.
    pub fn seal(input: BlockInput, parent_hash: B256, receipts: Vec<Receipt>) -> Self {
        let header = BlockHeader {
            parent_hash,
            number: input.number,
            timestamp: input.timestamp,
            gas_limit: input.gas_limit,
            gas_used: receipts
                .last()
                .map_or(0, |receipt| receipt.cumulative_gas_used),
            base_fee: input.base_fee,
            coinbase: input.coinbase,
            prev_randao: input.prev_randao,
            transactions_hash: field::to_bytes(&TransactionsChain::over(&input.transactions).0),
            receipts_hash: field::to_bytes(&ReceiptsChain::over(&receipts).0),
            queue_hash: B256::ZERO,
        };
        Self {
            header,
            transactions: input.transactions,
            receipts,
        }
    }

    /// What a payload says about the block.
    pub fn input(&self) -> BlockInput {
        BlockInput {
            number: self.header.number,
            timestamp: self.header.timestamp,
            gas_limit: self.header.gas_limit,
            base_fee: self.header.base_fee,
            coinbase: self.header.coinbase,
            prev_randao: self.header.prev_randao,
            transactions: self.transactions.clone(),
        }
    }
}

/// A sealed batch: what goes to L1 and what is proven about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The public statement; its payload hash is that of `payload`.
    pub statement: BatchStatement,
    /// The payload.
    pub payload: Payload,
}

#[cfg(test)]
mod tests;
