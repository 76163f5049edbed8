//! Nodes and where they are kept.

use std::collections::HashMap;

use alloy_primitives::B256;

use crate::{Fr, field, hash};

/// Any error of a node store's backend.
pub type StoreError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Bytes of an encoded [`Node`].
pub const NODE_BYTES: usize = 65;

/// A node of the tree: the preimage of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// The only key of its subtree.
    Leaf {
        /// The full key.
        key: Fr,
        /// The value, an account's or a storage word's commitment.
        value: Fr,
    },
    /// A subtree with at least two keys.
    Inner {
        /// Hash of the child on bit 0.
        left: Fr,
        /// Hash of the child on bit 1.
        right: Fr,
    },
}

impl Node {
    /// The node's hash, one permutation.
    pub fn hash(&self) -> Fr {
        match *self {
            Self::Leaf { key, value } => hash::leaf(key, value),
            Self::Inner { left, right } => hash::node(left, right),
        }
    }

    /// A byte for the kind (0 leaf, 1 inner) and the two elements, big-endian.
    pub fn to_bytes(&self) -> [u8; NODE_BYTES] {
        let (kind, a, b) = match self {
            Self::Leaf { key, value } => (0, key, value),
            Self::Inner { left, right } => (1, left, right),
        };
        let mut bytes = [kind; NODE_BYTES];
        for (to, from) in bytes
            .iter_mut()
            .skip(1)
            .zip(field::to_bytes(a).iter().chain(field::to_bytes(b).iter()))
        {
            *to = *from;
        }
        bytes
    }

    /// Inverse of [`Self::to_bytes`]; `None` for a wrong length, kind, or element.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, elements) = bytes.split_first()?;
        let (a, b) = elements.split_at_checked(32)?;
        let a = field::from_bytes(B256::try_from(a).ok()?)?;
        let b = field::from_bytes(B256::try_from(b).ok()?)?;
        match kind {
            0 => Some(Self::Leaf { key: a, value: b }),
            1 => Some(Self::Inner { left: a, right: b }),
            _ => None,
        }
    }
}

/// Read access to nodes by their hash.
pub trait NodeStore: Sync {
    /// The node with the given hash, `None` if it is not stored.
    ///
    /// # Errors
    /// Whatever the backend reports.
    fn node(&self, hash: &Fr) -> Result<Option<Node>, StoreError>;
}

impl<S: NodeStore + ?Sized> NodeStore for &S {
    fn node(&self, hash: &Fr) -> Result<Option<Node>, StoreError> {
        (**self).node(hash)
    }
}

/// A node store in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    nodes: HashMap<Fr, Node>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds nodes under the given hashes, which must be theirs.
    pub fn insert(&mut self, nodes: impl IntoIterator<Item = (Fr, Node)>) {
        self.nodes.extend(nodes);
    }

    /// Adds all nodes of another store.
    pub fn merge(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
    }

    /// Number of stored nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no node is stored.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl NodeStore for MemoryStore {
    fn node(&self, hash: &Fr) -> Result<Option<Node>, StoreError> {
        Ok(self.nodes.get(hash).copied())
    }
}

/// New nodes in memory over a store that is only read.
#[derive(Debug)]
pub struct Overlay<S> {
    base: S,
    new: MemoryStore,
}

impl<S: NodeStore> Overlay<S> {
    /// An overlay without new nodes.
    pub fn new(base: S) -> Self {
        Self {
            base,
            new: MemoryStore::new(),
        }
    }

    /// Adds nodes under the given hashes, which must be theirs.
    pub fn insert(&mut self, nodes: impl IntoIterator<Item = (Fr, Node)>) {
        self.new.insert(nodes);
    }

    /// The new nodes alone.
    pub fn into_new(self) -> MemoryStore {
        self.new
    }
}

impl<S: NodeStore> NodeStore for Overlay<S> {
    fn node(&self, hash: &Fr) -> Result<Option<Node>, StoreError> {
        match self.new.node(hash)? {
            Some(node) => Ok(Some(node)),
            None => self.base.node(hash),
        }
    }
}
