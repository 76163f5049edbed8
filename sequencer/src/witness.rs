//! What a prover needs to prove a batch, in one self-contained record.

use std::{collections::BTreeMap, sync::Mutex};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use protocol::{
    Account, BatchStatement, BlockHeader, Fr, Payload, field,
    tree::{self, Change, MemoryStore, NODE_BYTES, Node, NodeStore},
};
use serde::{Deserialize, Serialize};

use crate::{
    state::leaves,
    store::{decode, encode},
};

/// Everything from which the trace of a batch can be built, without the chain it comes from.
///
/// It needs no trust: [`Self::check`] holds it against the statement, and a proof built from a wrong
/// one does not verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchWitness {
    /// What is to be proven: chain id, batch number and nonce, roots, block hashes.
    pub statement: BatchStatement,
    /// The payload, as it goes to L1.
    pub payload: Bytes,
    /// Header of the block before the batch.
    pub parent: BlockHeader,
    /// Every account that the batch looks at, as it is before the batch; an empty record means
    /// that the tree has no leaf for it. Sorted by address.
    pub accounts: Vec<(Address, Account)>,
    /// Every slot that the batch looks at, with its word before the batch. Sorted.
    pub storage: Vec<(Address, U256, U256)>,
    /// Codes that were loaded to run, or to be looked at.
    pub codes: Vec<Bytes>,
    /// Nodes of the state tree under the root before the batch, as [`Node::to_bytes`]: all those
    /// on the paths of the keys above, and the siblings that removals open.
    pub nodes: Vec<Bytes>,
    /// The leaves after the batch: key and value as 32 big-endian bytes, `None` for an absent
    /// leaf, one for each account and slot above, in increasing order of keys.
    pub leaves_after: Vec<(B256, Option<B256>)>,
}

/// Why a witness does not fit its statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// Not a witness file, or one of another version, or damaged.
    #[error("the batch file cannot be read: {0}; make it again from the node's store")]
    Encoding(String),
    /// A part does not fit another.
    #[error("the batch file contradicts itself: {0}")]
    Inconsistent(String),
}

/// First bytes of a witness file.
const MAGIC: &[u8; 8] = b"HMBATCH\x01";

impl BatchWitness {
    /// The bytes of a batch file: a magic word, a version byte, the record in bincode.
    ///
    /// # Errors
    /// When the record cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WitnessError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(encode(self).map_err(WitnessError::Encoding)?);
        Ok(bytes)
    }

    /// Reads a batch file. Lengths are bounded; nothing in it is trusted, see [`Self::check`].
    ///
    /// # Errors
    /// [`WitnessError::Encoding`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WitnessError> {
        let body = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| WitnessError::Encoding("it is no batch file".to_owned()))?;
        decode(body).map_err(WitnessError::Encoding)
    }

    /// The decoded payload.
    ///
    /// # Errors
    /// When it does not decode.
    pub fn decode_payload(&self) -> Result<Payload, WitnessError> {
        Payload::decode(&self.payload)
            .map_err(|error| WitnessError::Inconsistent(error.to_string()))
    }

    /// The nodes of the tree before the batch, by hash.
    ///
    /// # Errors
    /// When one does not decode.
    pub fn tree(&self) -> Result<MemoryStore, WitnessError> {
        let mut store = MemoryStore::new();
        for bytes in &self.nodes {
            let node = Node::from_bytes(bytes)
                .ok_or_else(|| WitnessError::Inconsistent("a tree node is damaged".to_owned()))?;
            store.insert([(node.hash(), node)]);
        }
        Ok(store)
    }

    /// The keys that the batch looks at with their leaves after it, as [`tree::open`] takes them.
    ///
    /// # Errors
    /// When one is no field element.
    pub fn changes(&self) -> Result<Vec<Change>, WitnessError> {
        let element = |bytes: &B256| {
            field::from_bytes(*bytes)
                .ok_or_else(|| WitnessError::Inconsistent("a leaf is no field element".to_owned()))
        };
        self.leaves_after
            .iter()
            .map(|(key, value)| Ok((element(key)?, value.as_ref().map(element).transpose()?)))
            .collect()
    }

    /// The code with the given keccak hash.
    pub fn code(&self, keccak: B256) -> Option<&Bytes> {
        self.codes.iter().find(|code| keccak256(code) == keccak)
    }

    /// Checks everything that can be checked without executing: payload and header against the
    /// statement, the values before the batch against the tree, the leaves after it against the new root.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), WitnessError> {
        let wrong = |what: &str| Err(WitnessError::Inconsistent(what.to_owned()));
        let statement = &self.statement;
        statement
            .check()
            .map_err(|error| WitnessError::Inconsistent(error.to_string()))?;
        if keccak256(&self.payload) != statement.payload_hash {
            return wrong("the payload does not have the stated hash");
        }
        let payload = self.decode_payload()?;
        let numbers = payload.blocks.first().zip(payload.blocks.last());
        if numbers.map(|(first, last)| (first.number, last.number, last.timestamp))
            != Some((
                statement.first_block,
                statement.last_block,
                statement.last_timestamp,
            ))
        {
            return wrong("the payload's blocks are not the stated ones");
        }
        if self.parent.hash() != statement.previous_block_hash
            || self.parent.number.checked_add(1) != Some(statement.first_block)
        {
            return wrong("the parent's header is not that of the block before the batch");
        }
        let Some(root) = field::from_bytes(statement.previous_state_root) else {
            return wrong("the state root before is no field element");
        };
        let accesses = tree::open(self.tree()?, root, &self.changes()?)
            .map_err(|error| WitnessError::Inconsistent(error.to_string()))?;
        let mut before = BTreeMap::new();
        for access in &accesses {
            access
                .verify()
                .map_err(|error| WitnessError::Inconsistent(error.to_string()))?;
            before.insert(access.key, access.old);
        }
        if before != self.leaves_before() {
            return wrong("the values before the batch are not those of the tree");
        }
        let after = accesses.last().map_or(root, |access| access.new_root);
        if field::to_bytes(&after) != statement.state_root {
            return wrong("the leaves after the batch do not give the stated root");
        }
        Ok(())
    }

    fn leaves_before(&self) -> BTreeMap<Fr, Option<Fr>> {
        leaves(
            self.accounts
                .iter()
                .map(|(address, account)| (*address, account)),
            self.storage
                .iter()
                .map(|(address, slot, word)| (*address, *slot, *word)),
        )
    }
}

/// A node store that remembers which nodes were read.
pub(crate) struct Recorder<S> {
    store: S,
    seen: Mutex<BTreeMap<Fr, [u8; NODE_BYTES]>>,
}

impl<S: NodeStore> Recorder<S> {
    pub(crate) fn new(store: S) -> Self {
        Self {
            store,
            seen: Mutex::default(),
        }
    }

    /// The nodes that were read, each once, in order of their hashes.
    pub(crate) fn into_nodes(self) -> Vec<Bytes> {
        let seen = self
            .seen
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        seen.into_values().map(Bytes::from).collect()
    }
}

impl<S: NodeStore> NodeStore for Recorder<S> {
    fn node(&self, hash: &Fr) -> Result<Option<Node>, tree::StoreError> {
        let node = self.store.node(hash)?;
        if let Some(node) = &node {
            let mut seen = self
                .seen
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            seen.insert(*hash, node.to_bytes());
        }
        Ok(node)
    }
}
