//! The public input: batch hash, boundary states, segment hash.
//!
//! Every record is hashed as keccak-256 of 32-byte big-endian words, so that a contract computes it with
//! `keccak256(abi.encode(...))`.
//!
//! - [`BatchStatement`] says what a batch does. Its hash is opaque to the circuit.
//! - [`BoundaryState`] is the state of the machine between two segments. A batch of one segment has two: one at its
//!   start and one at its end, both computed by the contract from the statement's fields. A batch of several has one
//!   more at each cut, of which the contract learns the hash alone: it must end one segment and begin the next.
//! - The segment hash binds version, chain id, batch hash and the two boundary states of a segment. Its two 128-bit
//!   halves are the only public values of a proof.
//!
//! Every field of the statement is bound by a proof:
//!
//! | field | bound by |
//! |---|---|
//! | protocol version, chain id | segment hash |
//! | batch number, batch nonce | batch hash, which the contract computes and the segment hash contains |
//! | first block | `block_number` at the start, plus 1 |
//! | last block, last timestamp | `block_number`, `block_timestamp` at the end |
//! | state roots, block hashes of the tip | `state_root`, `tip_hash` at start and end |
//! | payload hash | `payload_sponge` at the end |
//! | queue index and hash before and after | `queue_index`, `queue_hash` at start and end |
//! | withdrawal root | `withdrawal_root` at the end |

use alloy_primitives::{Address, B256, b256, keccak256};
use ff::Field;
use serde::{Deserialize, Serialize};

use crate::{
    Fr, PROTOCOL_VERSION,
    block::word,
    field,
    hash::{self, Tag},
};

/// First word of the batch hash: keccak-256 of `hallmark.batch`.
pub const BATCH_DOMAIN: B256 =
    b256!("3a9668d8bb5464433a66a8aa423c6a64cf4951fefbb6db21f70607fda7907fa8");
/// First word of the segment hash: keccak-256 of `hallmark.segment`.
pub const SEGMENT_DOMAIN: B256 =
    b256!("090cad1c9fcc868361ef0123aa44dde20bc35339f7eb3d97c98e6bb0942478e1");

/// Words of an encoded [`BatchStatement`].
pub const STATEMENT_WORDS: usize = 18;
/// Words of an encoded [`BoundaryState`].
pub const BOUNDARY_WORDS: usize = 21;
/// Words of a segment's record.
pub const SEGMENT_WORDS: usize = 6;

/// Everything that a batch claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchStatement {
    /// Chain id of the L2.
    pub chain_id: u64,
    /// Number of the batch, from 1.
    pub batch_number: u64,
    /// How often a batch was committed before this one, reverted ones included: a proof of a reverted batch does not
    /// fit the batch that takes its number.
    pub batch_nonce: u64,
    /// Number of the first block.
    pub first_block: u64,
    /// Number of the last block.
    pub last_block: u64,
    /// Timestamp of the last block.
    pub last_timestamp: u64,
    /// State root before.
    pub previous_state_root: B256,
    /// State root after.
    pub state_root: B256,
    /// Hash of the last block before the batch.
    pub previous_block_hash: B256,
    /// Hash of the batch's last block.
    pub block_hash: B256,
    /// keccak-256 of the payload.
    pub payload_hash: B256,
    /// Number of L1 messages consumed before the batch; 0 in this version.
    pub previous_queue_index: u64,
    /// Rolling hash of these messages; 0 in this version.
    pub previous_queue_hash: B256,
    /// Number of L1 messages consumed after the batch; 0 in this version.
    pub queue_index: u64,
    /// Rolling hash of these messages; 0 in this version.
    pub queue_hash: B256,
    /// Root of the withdrawal tree after the batch; 0 in this version.
    pub withdrawal_root: B256,
}

/// Why a statement cannot be proven in this version, whatever its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The batch has no block.
    #[error("the last block {last} is before the first {first}")]
    NoBlock {
        /// First block.
        first: u64,
        /// Last block.
        last: u64,
    },
    /// Block 0 is genesis and in no batch.
    #[error("block 0 is genesis and belongs to no batch")]
    Genesis,
    /// A field of a feature to come does not have its neutral value.
    #[error("{field} must be 0 in this version")]
    NotNeutral {
        /// The field's name.
        field: &'static str,
    },
}

impl BatchStatement {
    /// The record: domain, protocol version, then the fields in the order of the struct.
    pub fn words(&self) -> [B256; STATEMENT_WORDS] {
        [
            BATCH_DOMAIN,
            word(PROTOCOL_VERSION),
            word(self.chain_id),
            word(self.batch_number),
            word(self.batch_nonce),
            word(self.first_block),
            word(self.last_block),
            word(self.last_timestamp),
            self.previous_state_root,
            self.state_root,
            self.previous_block_hash,
            self.block_hash,
            self.payload_hash,
            word(self.previous_queue_index),
            self.previous_queue_hash,
            word(self.queue_index),
            self.queue_hash,
            self.withdrawal_root,
        ]
    }

    /// Batch hash: keccak-256 of the words.
    pub fn hash(&self) -> B256 {
        keccak256(self.words().concat())
    }

    /// Checks what this version fixes: at least one block, neutral values of features to come.
    ///
    /// # Errors
    /// [`StatementError`] for the first field that is wrong.
    pub fn check(&self) -> Result<(), StatementError> {
        if self.first_block == 0 {
            return Err(StatementError::Genesis);
        }
        if self.last_block < self.first_block {
            return Err(StatementError::NoBlock {
                first: self.first_block,
                last: self.last_block,
            });
        }
        let neutral = [
            ("the previous queue index", self.previous_queue_index == 0),
            (
                "the previous queue hash",
                self.previous_queue_hash.is_zero(),
            ),
            ("the queue index", self.queue_index == 0),
            ("the queue hash", self.queue_hash.is_zero()),
            ("the withdrawal root", self.withdrawal_root.is_zero()),
        ];
        match neutral.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(StatementError::NotNeutral { field }),
            None => Ok(()),
        }
    }

    /// The boundary state at the batch's start. `previous_timestamp` is that of the block before the batch; a contract
    /// has it as the last timestamp of the batch before.
    pub fn start(&self, previous_timestamp: u64) -> BoundaryState {
        BoundaryState {
            state_root: self.previous_state_root,
            tip_hash: self.previous_block_hash,
            block_number: self.first_block.wrapping_sub(1),
            block_timestamp: previous_timestamp,
            queue_index: self.previous_queue_index,
            queue_hash: self.previous_queue_hash,
            ..BoundaryState::default()
        }
    }

    /// The boundary state at the batch's end.
    pub fn end(&self) -> BoundaryState {
        BoundaryState {
            state_root: self.state_root,
            tip_hash: self.block_hash,
            block_number: self.last_block,
            block_timestamp: self.last_timestamp,
            queue_index: self.queue_index,
            queue_hash: self.queue_hash,
            withdrawal_root: self.withdrawal_root,
            payload_sponge: self.payload_hash,
            ..BoundaryState::default()
        }
    }

    /// Hash of the segment between two boundary states of this batch.
    pub fn segment_hash(&self, from: &BoundaryState, to: &BoundaryState) -> B256 {
        segment_hash(self.chain_id, self.hash(), from.hash(), to.hash())
    }
}

/// The state of the machine between two segments.
///
/// A cut lies between two transactions of a block, before its first, or after its last: there a block is always open.
/// Fields of the second and third group are 0 at a batch's start and end, those of the fourth always in this version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BoundaryState {
    /// State root.
    pub state_root: B256,
    /// Hash of the last closed block.
    pub tip_hash: B256,
    /// Number of the open block, or of the last closed one if none is open.
    pub block_number: u64,
    /// Timestamp of the same block.
    pub block_timestamp: u64,
    /// Number of L1 messages consumed.
    pub queue_index: u64,
    /// Rolling hash of these messages.
    pub queue_hash: B256,
    /// Root of the withdrawal tree; 0 before the batch's end.
    pub withdrawal_root: B256,
    /// 0 at the batch's start, the payload hash at its end, between them [`sponge_commitment`] of the keccak sponge.
    pub payload_sponge: B256,

    /// Bytes of the payload read so far.
    pub payload_offset: u64,
    /// Transactions of the batch executed so far.
    pub transaction_number: u64,

    /// Whether a block is open.
    pub block_open: bool,
    /// The open block's gas limit.
    pub gas_limit: u64,
    /// The open block's base fee in wei per gas.
    pub base_fee: u64,
    /// The open block's coinbase.
    pub coinbase: Address,
    /// The open block's PREVRANDAO.
    pub prev_randao: B256,
    /// Transactions of the open block still to come.
    pub transactions_left: u64,
    /// Gas used so far in the open block.
    pub gas_used: u64,
    /// Transactions chain of the open block so far.
    pub transactions_hash: B256,
    /// Receipts chain of the open block so far.
    pub receipts_hash: B256,

    /// Digest of what a transaction that is cut hands over.
    pub suspended: B256,
    /// Sponge of the work left to another table.
    pub deferred: B256,
}

impl BoundaryState {
    /// The record: the fields in the order of the struct. It needs no domain: no other record has its length, and its
    /// 672 bytes take five keccak permutations where one more word would take six.
    pub fn words(&self) -> [B256; BOUNDARY_WORDS] {
        [
            self.state_root,
            self.tip_hash,
            word(self.block_number),
            word(self.block_timestamp),
            word(self.queue_index),
            self.queue_hash,
            self.withdrawal_root,
            self.payload_sponge,
            word(self.payload_offset),
            word(self.transaction_number),
            word(u64::from(self.block_open)),
            word(self.gas_limit),
            word(self.base_fee),
            self.coinbase.into_word(),
            self.prev_randao,
            word(self.transactions_left),
            word(self.gas_used),
            self.transactions_hash,
            self.receipts_hash,
            self.suspended,
            self.deferred,
        ]
    }

    /// keccak-256 of the words.
    pub fn hash(&self) -> B256 {
        keccak256(self.words().concat())
    }
}

/// Groups of 8 bytes that keccak-256 absorbs before each permutation.
pub const SPONGE_GROUPS: usize = 17;
/// Elements under a [`sponge_commitment`].
pub const SPONGE_ELEMENTS: usize = 14 + 1 + (SPONGE_GROUPS - 1);

/// Commitment to a keccak-256 sponge in the middle of the payload.
///
/// `lanes` is the 1600-bit state after the last whole block of 136 bytes, lane `x + 5 y` as an integer whose byte 0 is
/// the least significant; all zero before the first. `partial` are the payload's groups of 8 bytes after that block, as
/// big-endian integers, at most 16. The commitment is `H(Sponge, 31 elements)`: the halves of the seven words that the
/// state's 200 bytes and 24 zero bytes make, the number of groups, and the groups, filled up with zeros.
pub fn sponge_commitment(lanes: &[u64; 25], partial: &[u64]) -> Fr {
    let halves = lanes.chunks(2).map(|pair| {
        let lane = |i: usize| pair.get(i).map_or(0, |l| u128::from(l.swap_bytes()));
        field::from_u128(lane(0) << 64 | lane(1))
    });
    let mut elements: Vec<Fr> = halves.collect();
    elements.push(Fr::ZERO);
    elements.push(Fr::from(partial.len() as u64));
    elements.extend(partial.iter().map(|group| Fr::from(*group)));
    elements.resize(elements.len().max(SPONGE_ELEMENTS), Fr::ZERO);
    hash::hash(Tag::Sponge, &elements)
}

/// Segment hash: keccak-256 of domain, protocol version, chain id, batch hash, and the hashes of the boundary states
/// before and after.
pub fn segment_hash(chain_id: u64, batch_hash: B256, from: B256, to: B256) -> B256 {
    let words: [B256; SEGMENT_WORDS] = [
        SEGMENT_DOMAIN,
        word(PROTOCOL_VERSION),
        word(chain_id),
        batch_hash,
        from,
        to,
    ];
    keccak256(words.concat())
}

/// The public values of a segment's proof: the high and the low 128 bits of the segment hash.
pub fn public_values(segment_hash: B256) -> [Fr; 2] {
    let (hi, lo) = field::split_bytes(segment_hash);
    [hi, lo]
}

#[cfg(test)]
mod tests;
