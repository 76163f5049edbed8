//! The public input: batch hash, boundary states, segment hash.
//!
//! Every record is hashed as keccak-256 of 32-byte big-endian words, so that a contract computes it with
//! `keccak256(abi.encode(...))`.
//!
//! - [`BatchStatement`] says what a batch does. Its hash is opaque to the circuit.
//! - [`BoundaryState`] is the state of the machine between two segments. A batch of one segment has two: one at its
//!   start and one at its end, both computed by the contract from the statement's fields.
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
/// Fields of the second group are 0 at a batch's start and end, those of the third also wherever no block is open,
/// those of the fourth always in this version.
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
    /// 0 at the batch's start, the payload hash at its end, between them [`sponge_commitment`] of the keccak state.
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

/// Commitment to a keccak-256 sponge in the middle of the payload.
///
/// `lanes` is the 1600-bit state, lane `x + 5 y` as an integer, with the bytes of the block that is not full yet
/// added (exclusive or) to it already. Three lanes make an element, `l0 + l1 * 2^64 + l2 * 2^128`; the digest is
/// `H(Sponge, nine elements)`.
pub fn sponge_commitment(lanes: &[u64; 25]) -> Fr {
    let elements: Vec<Fr> = lanes
        .chunks(3)
        .map(|lanes| {
            let mut limbs = [0; 4];
            for (limb, lane) in limbs.iter_mut().zip(lanes) {
                *limb = *lane;
            }
            Fr::from_raw(limbs)
        })
        .collect();
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
mod tests {
    use super::*;
    use alloy_primitives::U256;

    fn statement() -> BatchStatement {
        BatchStatement {
            chain_id: 1,
            batch_number: 2,
            batch_nonce: 3,
            first_block: 4,
            last_block: 5,
            last_timestamp: 6,
            previous_state_root: B256::repeat_byte(7),
            state_root: B256::repeat_byte(8),
            previous_block_hash: B256::repeat_byte(9),
            block_hash: B256::repeat_byte(10),
            payload_hash: B256::repeat_byte(11),
            previous_queue_index: 12,
            previous_queue_hash: B256::repeat_byte(13),
            queue_index: 14,
            queue_hash: B256::repeat_byte(15),
            withdrawal_root: B256::repeat_byte(16),
        }
    }

    fn boundary() -> BoundaryState {
        BoundaryState {
            state_root: B256::repeat_byte(1),
            tip_hash: B256::repeat_byte(2),
            block_number: 3,
            block_timestamp: 4,
            queue_index: 5,
            queue_hash: B256::repeat_byte(6),
            withdrawal_root: B256::repeat_byte(7),
            payload_sponge: B256::repeat_byte(8),
            payload_offset: 9,
            transaction_number: 10,
            block_open: true,
            gas_limit: 12,
            base_fee: 13,
            coinbase: Address::repeat_byte(14),
            prev_randao: B256::repeat_byte(15),
            transactions_left: 16,
            gas_used: 17,
            transactions_hash: B256::repeat_byte(18),
            receipts_hash: B256::repeat_byte(19),
            suspended: B256::repeat_byte(20),
            deferred: B256::repeat_byte(21),
        }
    }

    #[test]
    fn domains_are_hashes_of_their_names() {
        assert_eq!(BATCH_DOMAIN, keccak256("hallmark.batch"));
        assert_eq!(SEGMENT_DOMAIN, keccak256("hallmark.segment"));
    }

    /// Each field has a word of its own: all words of a record with distinct fields are distinct, and in order.
    #[test]
    fn words_are_the_fields_in_order() {
        let expected = |value: u64| [word(value), B256::repeat_byte(value as u8)];
        for (index, found) in statement().words().iter().enumerate().skip(2) {
            assert!(expected(index as u64 - 1).contains(found), "word {index}");
        }
        assert_eq!(
            statement().words()[..2],
            [BATCH_DOMAIN, word(PROTOCOL_VERSION)]
        );
        for (index, found) in boundary().words().iter().enumerate() {
            let value = index as u64 + 1;
            let field = match index {
                10 => found == &word(1),
                13 => found == &Address::repeat_byte(14).into_word(),
                _ => expected(value).contains(found),
            };
            assert!(field, "word {index}");
        }
    }

    /// Records of different kinds have different lengths, so one cannot stand for another.
    #[test]
    fn records_have_lengths_of_their_own() {
        let mut lengths = [
            STATEMENT_WORDS,
            BOUNDARY_WORDS,
            SEGMENT_WORDS,
            crate::block::HEADER_WORDS,
        ];
        lengths.sort_unstable();
        assert!(lengths.windows(2).all(|pair| pair[0] < pair[1]));
        // The boundary record and keccak's padding fill five blocks of 136 bytes.
        assert_eq!((BOUNDARY_WORDS * 32 + 1).div_ceil(136), 5);
    }

    /// Every field that the batch hash has is in the segment hash by a way that does not go through the batch hash,
    /// but for number and nonce.
    #[test]
    fn boundaries_bind_the_statement() {
        let base = statement();
        let boundaries = |s: &BatchStatement| (s.chain_id, s.start(0).hash(), s.end().hash());
        let one = B256::repeat_byte(0xff);
        let bound = [
            BatchStatement {
                chain_id: 99,
                ..base
            },
            BatchStatement {
                first_block: 99,
                ..base
            },
            BatchStatement {
                last_block: 99,
                ..base
            },
            BatchStatement {
                last_timestamp: 99,
                ..base
            },
            BatchStatement {
                previous_state_root: one,
                ..base
            },
            BatchStatement {
                state_root: one,
                ..base
            },
            BatchStatement {
                previous_block_hash: one,
                ..base
            },
            BatchStatement {
                block_hash: one,
                ..base
            },
            BatchStatement {
                payload_hash: one,
                ..base
            },
            BatchStatement {
                previous_queue_index: 99,
                ..base
            },
            BatchStatement {
                previous_queue_hash: one,
                ..base
            },
            BatchStatement {
                queue_index: 99,
                ..base
            },
            BatchStatement {
                queue_hash: one,
                ..base
            },
            BatchStatement {
                withdrawal_root: one,
                ..base
            },
        ];
        for other in bound {
            assert_ne!(boundaries(&base), boundaries(&other), "{other:?}");
            assert_ne!(base.hash(), other.hash(), "{other:?}");
        }
        for other in [
            BatchStatement {
                batch_number: 99,
                ..base
            },
            BatchStatement {
                batch_nonce: 99,
                ..base
            },
        ] {
            assert_ne!(base.hash(), other.hash());
            assert_ne!(
                base.segment_hash(&base.start(0), &base.end()),
                other.segment_hash(&other.start(0), &other.end())
            );
        }
        assert_ne!(base.start(0).hash(), base.start(1).hash());
    }

    #[test]
    fn segment_hash_binds_each_part() {
        let [a, b, c, d] = [1, 2, 3, 4].map(B256::repeat_byte);
        let base = segment_hash(1, a, b, c);
        assert_eq!(
            base,
            keccak256([SEGMENT_DOMAIN, word(PROTOCOL_VERSION), word(1), a, b, c].concat())
        );
        for other in [
            segment_hash(2, a, b, c),
            segment_hash(1, d, b, c),
            segment_hash(1, a, d, c),
            segment_hash(1, a, b, d),
            segment_hash(1, a, c, b),
        ] {
            assert_ne!(base, other);
        }
        let [hi, lo] = public_values(base);
        assert_eq!(
            (field::to_word(&hi) << 128) | field::to_word(&lo),
            U256::from_be_bytes(base.0)
        );
        assert!(
            field::to_word(&hi) >> 128 == U256::ZERO && field::to_word(&lo) >> 128 == U256::ZERO
        );
    }

    #[test]
    fn boundaries_of_a_batch_have_nothing_in_progress() {
        for state in [statement().start(1), statement().end()] {
            assert_eq!(state.words()[9..], [B256::ZERO; 12]);
        }
        assert_eq!(statement().start(1).payload_sponge, B256::ZERO);
        assert_eq!(statement().end().payload_sponge, statement().payload_hash);
    }

    #[test]
    fn every_lane_changes_the_sponge_commitment() {
        let base = [7; 25];
        let mut digests = vec![sponge_commitment(&base)];
        for lane in 0..25 {
            for bit in [0, 63] {
                let mut lanes = base;
                lanes[lane] ^= 1 << bit;
                digests.push(sponge_commitment(&lanes));
            }
        }
        digests.sort();
        assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn binary_forms_are_inverse() {
        let config = bincode::config::standard();
        let bytes = bincode::serde::encode_to_vec((statement(), boundary()), config).unwrap();
        let (back, _): ((BatchStatement, BoundaryState), _) =
            bincode::serde::decode_from_slice(&bytes, config).unwrap();
        assert_eq!(back, (statement(), boundary()));
    }

    // NEGATIVE

    #[test]
    fn neutral_values_are_enforced() {
        let good = BatchStatement {
            previous_queue_index: 0,
            previous_queue_hash: B256::ZERO,
            queue_index: 0,
            queue_hash: B256::ZERO,
            withdrawal_root: B256::ZERO,
            ..statement()
        };
        assert_eq!(good.check(), Ok(()));
        let one = B256::repeat_byte(1);
        for wrong in [
            BatchStatement {
                previous_queue_index: 1,
                ..good
            },
            BatchStatement {
                previous_queue_hash: one,
                ..good
            },
            BatchStatement {
                queue_index: 1,
                ..good
            },
            BatchStatement {
                queue_hash: one,
                ..good
            },
            BatchStatement {
                withdrawal_root: one,
                ..good
            },
        ] {
            assert!(
                matches!(wrong.check(), Err(StatementError::NotNeutral { .. })),
                "{wrong:?}"
            );
        }
        assert_eq!(
            BatchStatement {
                first_block: 0,
                ..good
            }
            .check(),
            Err(StatementError::Genesis)
        );
        assert_eq!(
            BatchStatement {
                first_block: 6,
                ..good
            }
            .check(),
            Err(StatementError::NoBlock { first: 6, last: 5 })
        );
    }
}
