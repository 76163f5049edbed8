//! The state tree: a binary sparse Merkle tree over the BN254 scalar field.
//!
//! A key's path is its 254 bits, most significant first. A leaf sits at the shortest prefix that no other key shares.
//!
//! - An empty subtree has hash 0.
//! - A subtree with exactly one key is that key's leaf, `H(Leaf, key, value)`.
//! - Any other subtree is an inner node, `H(Node, left, right)`; one of its children may be empty, but then the other
//!   one is an inner node.
//!
//! So the root depends on the set of (key, value) pairs alone. Accounts and storage slots live in one tree.
//!
//! Nodes are stored under their hash ([`NodeStore`]); updating never removes a node, so every earlier root stays
//! readable. [`update`] computes the root after a set of changes on all cores, hashing each new node once.
//! [`open`] makes the same changes one key at a time and returns what a circuit needs to follow them.
//! [`prove`] and [`Proof::verify`] serve membership and absence to anyone who knows a root.

mod open;
mod proof;
mod store;
mod update;

pub use open::{Access, AccessError, PathEnd, open, open_on};
pub use proof::{Proof, ProofError, prove};
pub use store::{MemoryStore, NODE_BYTES, Node, NodeStore, Overlay, StoreError};
pub use update::{Update, get, update};

use crate::{Fr, field};

/// Depth of the deepest leaf: the number of bits of a key.
pub const MAX_DEPTH: usize = field::FIELD_BITS;

/// Hash of an empty subtree, and the root of an empty tree.
pub const EMPTY: Fr = Fr::from_raw([0, 0, 0, 0]);

/// A change of one key: the new value, or `None` to remove the key.
pub type Change = (Fr, Option<Fr>);

/// Why an operation on the tree failed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The node store failed.
    #[error("the node store failed: {0}")]
    Store(#[source] StoreError),
    /// A node that the root refers to is not in the store.
    #[error("node {} at depth {depth} is not in the store", field::to_bytes(.hash))]
    MissingNode {
        /// The node's hash.
        hash: Fr,
        /// Where it was looked for.
        depth: usize,
    },
    /// The keys of a batch are not strictly increasing.
    #[error("the keys are not strictly increasing at position {position}")]
    UnsortedKeys {
        /// Index of the first key that is not greater than the one before it.
        position: usize,
    },
    /// The store holds a leaf where its key cannot be, or an inner node below the deepest level.
    #[error("the store is corrupt: wrong node at depth {depth}")]
    Corrupt {
        /// Depth of the node.
        depth: usize,
    },
}

fn load<S: NodeStore + ?Sized>(store: &S, hash: Fr, depth: usize) -> Result<Node, TreeError> {
    store
        .node(&hash)
        .map_err(TreeError::Store)?
        .ok_or(TreeError::MissingNode { hash, depth })
}

fn check_sorted<T>(items: &[T], key: impl Fn(&T) -> Fr) -> Result<(), TreeError> {
    for (position, pair) in items.windows(2).enumerate() {
        if let [a, b] = pair
            && key(a) >= key(b)
        {
            return Err(TreeError::UnsortedKeys {
                position: position + 1,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
