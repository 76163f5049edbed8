//! Proofs of membership and absence for anyone who knows a root.

use serde::{Deserialize, Serialize};

use super::{
    EMPTY, MAX_DEPTH, NodeStore, PathEnd, TreeError,
    open::{climb, descend},
};
use crate::{Fr, field::Path, hash};

/// Shows what value a key has under a root, or that it has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Hashes of the siblings along the key's path, the root's child first; at most 254.
    #[serde(with = "crate::field::serde_vec")]
    pub siblings: Vec<Fr>,
    /// Key and value of the leaf at the path's end, `None` if an empty subtree is there.
    #[serde(with = "crate::field::serde_pair")]
    pub leaf: Option<(Fr, Fr)>,
}

/// Why a [`Proof`] shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The path is longer than a key.
    #[error("the path has {0} siblings, more than a key has bits")]
    TooDeep(usize),
    /// The leaf at the path's end does not belong there.
    #[error("the leaf at the path's end is not on the key's path")]
    WrongLeaf,
    /// The path does not lead to the root.
    #[error("the path does not lead to the root")]
    WrongRoot,
}

impl Proof {
    /// The key's value under the root, `None` if the proof shows that it is absent.
    ///
    /// # Errors
    /// [`ProofError`] when the proof shows neither.
    pub fn verify(&self, root: Fr, key: Fr) -> Result<Option<Fr>, ProofError> {
        if self.siblings.len() > MAX_DEPTH {
            return Err(ProofError::TooDeep(self.siblings.len()));
        }
        let path = Path::new(&key);
        let end = match self.leaf {
            None => EMPTY,
            Some((found, _)) if path.common_prefix(&Path::new(&found)) < self.siblings.len() => {
                return Err(ProofError::WrongLeaf);
            }
            Some((found, value)) => hash::leaf(found, value),
        };
        if climb(&path, &self.siblings, end) != root {
            return Err(ProofError::WrongRoot);
        }
        Ok(self
            .leaf
            .and_then(|(found, value)| (found == key).then_some(value)))
    }
}

/// The proof of a key's value, or of its absence, under a root.
///
/// # Errors
/// [`TreeError`] when the store fails or lacks a node of the path.
pub fn prove<S: NodeStore + ?Sized>(store: &S, root: Fr, key: Fr) -> Result<Proof, TreeError> {
    let (siblings, end, value) = descend(store, root, key)?;
    let leaf = match end {
        PathEnd::Own => value.map(|value| (key, value)),
        PathEnd::Empty => None,
        PathEnd::Other { key, value } => Some((key, value)),
    };
    Ok(Proof { siblings, leaf })
}
