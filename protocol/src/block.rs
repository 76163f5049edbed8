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
mod tests {
    use super::*;
    use crate::testing::{signed, words};
    use proptest::prelude::*;

    fn receipts() -> impl Strategy<Value = Receipt> {
        let log = (
            any::<[u8; 20]>(),
            prop::collection::vec(any::<[u8; 32]>(), 0..5),
            prop::collection::vec(any::<u8>(), 0..60),
        )
            .prop_map(|(address, topics, data)| Log {
                address: address.into(),
                topics: topics.into_iter().map(B256::from).collect(),
                data: data.into(),
            });
        (
            any::<bool>(),
            any::<u64>(),
            prop::collection::vec(log, 0..4),
        )
            .prop_map(|(success, cumulative_gas_used, logs)| Receipt {
                success,
                cumulative_gas_used,
                logs,
            })
    }

    #[test]
    fn header_words_are_abi_words() {
        let header = BlockHeader {
            number: 5,
            coinbase: Address::repeat_byte(0xab),
            queue_hash: B256::repeat_byte(9),
            ..BlockHeader::default()
        };
        let bytes = header.words().concat();
        assert_eq!(bytes.len(), 32 * HEADER_WORDS);
        assert_eq!(bytes[32..64], U256::from(5).to_be_bytes::<32>());
        assert_eq!(bytes[6 * 32..6 * 32 + 12], [0; 12]);
        assert_eq!(bytes[6 * 32 + 12..7 * 32], [0xab; 20]);
        assert_eq!(header.hash(), keccak256(bytes));
    }

    #[test]
    fn every_header_field_changes_the_hash() {
        let one = B256::repeat_byte(1);
        let base = BlockHeader::default();
        let variants = [
            base,
            BlockHeader {
                parent_hash: one,
                ..base
            },
            BlockHeader { number: 1, ..base },
            BlockHeader {
                timestamp: 1,
                ..base
            },
            BlockHeader {
                gas_limit: 1,
                ..base
            },
            BlockHeader {
                gas_used: 1,
                ..base
            },
            BlockHeader {
                base_fee: 1,
                ..base
            },
            BlockHeader {
                coinbase: Address::repeat_byte(1),
                ..base
            },
            BlockHeader {
                prev_randao: one,
                ..base
            },
            BlockHeader {
                transactions_hash: one,
                ..base
            },
            BlockHeader {
                receipts_hash: one,
                ..base
            },
            BlockHeader {
                queue_hash: one,
                ..base
            },
        ];
        let mut hashes = variants.map(|header| header.hash());
        hashes.sort();
        assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_part_of_a_log_changes_its_item() {
        let base = Log {
            address: Address::repeat_byte(1),
            topics: vec![B256::ZERO],
            data: vec![0].into(),
        };
        let variants = [
            base.clone(),
            Log {
                address: Address::repeat_byte(2),
                ..base.clone()
            },
            Log {
                topics: vec![],
                ..base.clone()
            },
            Log {
                topics: vec![B256::ZERO; 2],
                ..base.clone()
            },
            Log {
                topics: vec![B256::repeat_byte(1)],
                ..base.clone()
            },
            Log {
                data: vec![].into(),
                ..base.clone()
            },
            Log {
                data: vec![0, 0].into(),
                ..base.clone()
            },
            Log {
                data: vec![1].into(),
                ..base
            },
        ];
        let mut items: Vec<Fr> = variants.iter().map(Log::item).collect();
        items.sort();
        assert!(items.windows(2).all(|pair| pair[0] != pair[1]));
    }

    proptest! {
        #[test]
        fn sealed_blocks_give_their_input_back(
            transactions in prop::collection::vec(signed(), 0..4),
            receipts in prop::collection::vec(receipts(), 0..4),
            number: u64,
        ) {
            let input = BlockInput { number, transactions, base_fee: 7, ..BlockInput::default() };
            let block = Block::seal(input.clone(), B256::repeat_byte(1), receipts.clone());
            prop_assert_eq!(block.input(), input);
            prop_assert_eq!(block.header.gas_used, receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used));
            let config = bincode::config::standard();
            let bytes = bincode::serde::encode_to_vec(&block, config).unwrap();
            prop_assert_eq!(bincode::serde::decode_from_slice::<Block, _>(&bytes, config).unwrap().0, block);
        }

        #[test]
        fn chains_depend_on_every_item_and_on_the_order(
            transactions in prop::collection::vec(signed(), 2..5),
            receipts in prop::collection::vec(receipts(), 2..5),
        ) {
            let whole = TransactionsChain::over(&transactions);
            prop_assert_ne!(whole, TransactionsChain::over(&transactions[1..]));
            prop_assert_ne!(whole, TransactionsChain::over(&transactions[..transactions.len() - 1]));
            if transactions[0] != transactions[1] {
                let mut swapped = transactions;
                swapped.swap(0, 1);
                prop_assert_ne!(whole, TransactionsChain::over(&swapped));
            }
            let whole = ReceiptsChain::over(&receipts);
            prop_assert_ne!(whole, ReceiptsChain::over(&receipts[1..]));
            if receipts[0] != receipts[1] {
                let mut swapped = receipts.clone();
                swapped.swap(0, 1);
                prop_assert_ne!(whole, ReceiptsChain::over(&swapped));
            }
            let mut other = receipts;
            other[0].success = !other[0].success;
            prop_assert_ne!(whole, ReceiptsChain::over(&other));
            other[0].success = !other[0].success;
            other[0].cumulative_gas_used ^= 1;
            prop_assert_ne!(whole, ReceiptsChain::over(&other));
        }

        #[test]
        fn signature_parts_change_the_transaction_item(transaction in signed(), bit in 0usize..256, word in words()) {
            let item = transaction_item(&transaction);
            let flip = U256::from(1) << bit;
            let mut other = transaction.clone();
            other.signature.y_parity = !other.signature.y_parity;
            prop_assert_ne!(item, transaction_item(&other));
            other = transaction.clone();
            other.signature.r ^= flip;
            prop_assert_ne!(item, transaction_item(&other));
            other = transaction.clone();
            other.signature.s ^= flip;
            prop_assert_ne!(item, transaction_item(&other));
            if word != transaction.transaction.value {
                other = transaction;
                other.transaction.value = word;
                prop_assert_ne!(item, transaction_item(&other));
            }
        }
    }
}
