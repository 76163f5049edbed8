//! The Poseidon2 sponge, its domain tags, and the commitments built from it.
//!
//! # Sponge
//!
//! The state is `(s0, s1, s2)`: words 0 and 1 are the rate, word 2 the capacity. It starts as `(0, 0, IV)` with
//! `IV = tag + length * 2^64`. Inputs are added to words 0 and 1, two at a time; after each pair the permutation
//! runs; an odd last input is added to word 0 alone. Without any input the permutation runs once. The digest is word 0.
//!
//! `length` counts field elements, except for byte strings ([`hash_bytes`]), where it counts bytes. Tag and length in
//! the capacity keep strings of different kind or length apart, so padding needs no further rule.

use alloy_primitives::{Address, B256, U256, b256};
use ff::Field;

use crate::{Fr, field, poseidon2};

/// What a digest commits to: the low 64 bits of the sponge's initial capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Tag {
    /// Inner node of the state tree: left child, right child.
    Node = 1,
    /// Leaf of the state tree: key, value.
    Leaf = 2,
    /// Key of an account: address.
    KeyAccount = 3,
    /// Key of a storage slot: address, slot halves.
    KeyStorage = 4,
    /// Value of an account leaf.
    Account = 5,
    /// Value of a storage leaf: word halves.
    Storage = 6,
    /// Code record: size, keccak halves, Poseidon2 code hash.
    Code = 7,
    /// Bytes of a contract's code.
    CodeBytes = 8,
    /// Step of a block's transactions chain: previous, item.
    Transactions = 9,
    /// One transaction in the chain.
    Transaction = 10,
    /// Step of a block's receipts chain: previous, item.
    Receipts = 11,
    /// One receipt in the chain.
    Receipt = 12,
    /// Step of a transaction's log chain: previous, item.
    Logs = 13,
    /// One log in the chain.
    Log = 14,
    /// Bytes of a log's data.
    LogData = 15,
    /// State of the payload's keccak sponge at a segment boundary.
    Sponge = 16,
}

impl Tag {
    /// Every tag.
    pub const ALL: [Self; 16] = [
        Self::Node,
        Self::Leaf,
        Self::KeyAccount,
        Self::KeyStorage,
        Self::Account,
        Self::Storage,
        Self::Code,
        Self::CodeBytes,
        Self::Transactions,
        Self::Transaction,
        Self::Receipts,
        Self::Receipt,
        Self::Logs,
        Self::Log,
        Self::LogData,
        Self::Sponge,
    ];

    /// Initial capacity word for an input of the given length.
    pub const fn iv(self, length: u64) -> Fr {
        Fr::from_raw([self as u64, length, 0, 0])
    }
}

/// Bytes packed into one field element by [`hash_bytes`].
///
/// Half a word: a permutation takes the two halves of one 32-byte word, as the machine keeps words; 31 bytes would save half of the
/// permutations and cost the alignment.
pub const BYTES_PER_ELEMENT: usize = 16;

/// Digest of a sequence of field elements.
pub fn hash(tag: Tag, inputs: &[Fr]) -> Fr {
    absorb(tag.iv(inputs.len() as u64), inputs)
}

/// Digest of a byte string: elements of [`BYTES_PER_ELEMENT`] bytes, each read as a big-endian integer, the last one
/// filled up with zero bytes at its end; the sponge's length is the number of bytes.
pub fn hash_bytes(tag: Tag, bytes: &[u8]) -> Fr {
    absorb(tag.iv(bytes.len() as u64), &pack_bytes(bytes))
}

/// The field elements that [`hash_bytes`] absorbs.
pub fn pack_bytes(bytes: &[u8]) -> Vec<Fr> {
    bytes
        .chunks(BYTES_PER_ELEMENT)
        .map(|chunk| {
            let mut word = [0; 32];
            for (to, from) in word[32 - BYTES_PER_ELEMENT..].iter_mut().zip(chunk) {
                *to = *from;
            }
            Fr::from_raw(*U256::from_be_bytes(word).as_limbs())
        })
        .collect()
}

fn absorb(iv: Fr, inputs: &[Fr]) -> Fr {
    let mut state = [Fr::ZERO, Fr::ZERO, iv];
    if inputs.is_empty() {
        poseidon2::permute(&mut state);
    }
    for pair in inputs.chunks(2) {
        for (word, input) in state.iter_mut().zip(pair) {
            *word += input;
        }
        poseidon2::permute(&mut state);
    }
    state[0]
}

/// Inner node of the state tree, one permutation.
pub fn node(left: Fr, right: Fr) -> Fr {
    hash(Tag::Node, &[left, right])
}

/// Leaf of the state tree, one permutation.
pub fn leaf(key: Fr, value: Fr) -> Fr {
    hash(Tag::Leaf, &[key, value])
}

/// Tree key of an account.
pub fn account_key(address: Address) -> Fr {
    hash(Tag::KeyAccount, &[field::from_address(address)])
}

/// Tree key of a storage slot.
pub fn storage_key(address: Address, slot: U256) -> Fr {
    let (hi, lo) = field::split_word(slot);
    hash(Tag::KeyStorage, &[field::from_address(address), hi, lo])
}

/// Poseidon2 hash of a contract's code: what a proof opens when the code runs.
pub fn code_hash(code: &[u8]) -> Fr {
    hash_bytes(Tag::CodeBytes, code)
}

/// Commitment to a code record: size in bytes, keccak hash, Poseidon2 hash.
pub fn code_commitment(size: u64, keccak: B256, poseidon2: Fr) -> Fr {
    let (hi, lo) = field::split_bytes(keccak);
    hash(Tag::Code, &[Fr::from(size), hi, lo, poseidon2])
}

/// keccak-256 of the empty string: the code hash of an account without code.
pub const EMPTY_KECCAK: B256 =
    b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

/// [`code_hash`] of the empty string.
pub const EMPTY_CODE_HASH: Fr = Fr::from_raw([
    0x20b2_5eb5_a1ca_4682,
    0xe9b3_188c_06ea_fbf5,
    0xe88d_f17d_f170_81ba,
    0x1bec_a1e4_ecd1_d379,
]);
