//! One key after the other: the openings that a circuit follows.

use super::{Change, EMPTY, MAX_DEPTH, Node, NodeStore, Overlay, TreeError, check_sorted, load};
use crate::{Fr, field::Path, hash};

/// What a key's path ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEnd {
    /// The key's own leaf.
    Own,
    /// An empty subtree: the key is absent.
    Empty,
    /// The leaf of another key, alone under a prefix that both share: the key is absent.
    Other {
        /// That leaf's key.
        key: Fr,
        /// That leaf's value.
        value: Fr,
    },
}

/// The opening of one key of a batch, against the tree in which all smaller keys of the batch are changed already.
///
/// | `end` | `old` | `new` | what happens | new tree |
/// |---|---|---|---|---|
/// | `Own` | some | some | read or update | same siblings, leaf of the new value |
/// | `Empty`, `Other` | none | none | read of an absent key | unchanged |
/// | `Empty` | none | some | insert at an empty place | same siblings, the new leaf in the empty subtree's place |
/// | `Other` | none | some | insert beside a leaf | the path goes on with empty siblings to the first bit where the two keys differ; there they are siblings |
/// | `Own` | some | none | delete, `sibling` is `None` | the tree had one key and is empty now |
/// | `Own` | some | none | delete, `sibling` is an inner node | same siblings, an empty subtree in the leaf's place |
/// | `Own` | some | none | delete, `sibling` is a leaf | that leaf moves up past every empty sibling: mirror of an insert beside a leaf |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The key.
    pub key: Fr,
    /// Its value before, `None` if absent.
    pub old: Option<Fr>,
    /// Its value after, `None` if absent.
    pub new: Option<Fr>,
    /// Hashes of the siblings along the key's path in the tree before, the root's child first. Their number is the
    /// depth of the path's end.
    pub siblings: Vec<Fr>,
    /// What the path ends at in the tree before.
    pub end: PathEnd,
    /// For a delete, the preimage of the last sibling; `None` otherwise, and for a delete at the root.
    pub sibling: Option<Node>,
    /// Root before.
    pub old_root: Fr,
    /// Root after.
    pub new_root: Fr,
}

/// Why an [`Access`] is not a valid step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The path is longer than a key.
    #[error("the path has {0} siblings, more than a key has bits")]
    TooDeep(usize),
    /// `old` is present exactly if the path ends at the key's own leaf; here it is not.
    #[error("the old value does not fit what the path ends at")]
    OldValue,
    /// The other leaf has this key, or is not on its path.
    #[error("the other leaf does not show that the key is absent")]
    OtherLeaf,
    /// The sibling's preimage is missing, not needed, or does not hash to the last sibling.
    #[error("the preimage of the last sibling is wrong")]
    Sibling,
    /// The path does not lead to the old root.
    #[error("the opening does not lead to the old root")]
    OldRoot,
    /// The change does not lead to the new root.
    #[error("the change does not lead to the new root")]
    NewRoot,
}

/// Hash of the root over a subtree at the end of a path.
pub(super) fn climb(path: &Path, siblings: &[Fr], end: Fr) -> Fr {
    siblings
        .iter()
        .enumerate()
        .rev()
        .fold(end, |below, (depth, sibling)| {
            if path.bit(depth) {
                hash::node(*sibling, below)
            } else {
                hash::node(below, *sibling)
            }
        })
}

impl Access {
    /// Depth at which the sibling leaf ends up after a delete: past all empty siblings above it.
    fn lifted_depth(&self) -> usize {
        let above = self.siblings.len().saturating_sub(1);
        let empty = self
            .siblings
            .iter()
            .take(above)
            .rev()
            .take_while(|sibling| **sibling == EMPTY)
            .count();
        above - empty
    }

    /// Siblings and subtree at the end of the key's path after the change, from the opening alone.
    ///
    /// # Errors
    /// [`AccessError::OtherLeaf`] and [`AccessError::Sibling`].
    fn after(&self) -> Result<(Vec<Fr>, Fr), AccessError> {
        let mut siblings = self.siblings.clone();
        let delete = self.end == PathEnd::Own && self.new.is_none();
        if self.sibling.is_some() != (delete && !siblings.is_empty()) {
            return Err(AccessError::Sibling);
        }
        let end = match (self.end, self.new) {
            (PathEnd::Own | PathEnd::Empty, Some(value)) => hash::leaf(self.key, value),
            (PathEnd::Empty, None) => EMPTY,
            (PathEnd::Other { key, value }, None) => hash::leaf(key, value),
            (PathEnd::Other { key, value }, Some(new)) => {
                let shared = Path::new(&self.key).common_prefix(&Path::new(&key));
                if shared < siblings.len() || shared >= MAX_DEPTH {
                    return Err(AccessError::OtherLeaf);
                }
                siblings.resize(shared, EMPTY);
                siblings.push(hash::leaf(key, value));
                hash::leaf(self.key, new)
            }
            (PathEnd::Own, None) => match (self.sibling, siblings.last()) {
                (None, None) => EMPTY,
                (Some(node), Some(last)) if node.hash() == *last => match node {
                    Node::Inner { .. } => EMPTY,
                    Node::Leaf { .. } => {
                        siblings.truncate(self.lifted_depth());
                        node.hash()
                    }
                },
                _ => return Err(AccessError::Sibling),
            },
        };
        Ok((siblings, end))
    }

    /// Checks the step from the opening alone: it is the specification of the tree chip.
    ///
    /// # Errors
    /// The [`AccessError`] of the first relation that does not hold.
    pub fn verify(&self) -> Result<(), AccessError> {
        if self.siblings.len() > MAX_DEPTH {
            return Err(AccessError::TooDeep(self.siblings.len()));
        }
        let path = Path::new(&self.key);
        let end = match (self.end, self.old) {
            (PathEnd::Own, Some(value)) => hash::leaf(self.key, value),
            (PathEnd::Empty, None) => EMPTY,
            (PathEnd::Other { key, value }, None) => {
                if key == self.key || path.common_prefix(&Path::new(&key)) < self.siblings.len() {
                    return Err(AccessError::OtherLeaf);
                }
                hash::leaf(key, value)
            }
            _ => return Err(AccessError::OldValue),
        };
        if climb(&path, &self.siblings, end) != self.old_root {
            return Err(AccessError::OldRoot);
        }
        let (siblings, end) = self.after()?;
        if climb(&path, &siblings, end) != self.new_root {
            return Err(AccessError::NewRoot);
        }
        Ok(())
    }
}

/// Changes keys one after the other and returns the opening of each.
///
/// `changes` has strictly increasing keys and gives each key's value after; a key that is only read is given with the
/// value it has. The root after all of them is the last opening's `new_root`.
///
/// # Errors
/// [`TreeError`] when the keys are out of order, or the store fails or lacks a node.
pub fn open<S: NodeStore>(
    store: S,
    root: Fr,
    changes: &[Change],
) -> Result<Vec<Access>, TreeError> {
    open_on(&mut Overlay::new(store), root, changes)
}

/// [`open`], which leaves the nodes of the new trees in the overlay.
///
/// # Errors
/// As [`open`].
pub fn open_on<S: NodeStore>(
    overlay: &mut Overlay<S>,
    root: Fr,
    changes: &[Change],
) -> Result<Vec<Access>, TreeError> {
    check_sorted(changes, |(key, _)| *key)?;
    let mut root = root;
    let mut accesses = Vec::with_capacity(changes.len());
    for (key, new) in changes {
        let access = step(overlay, root, *key, *new)?;
        root = access.new_root;
        accesses.push(access);
    }
    Ok(accesses)
}

/// Siblings and end of a key's path, and the key's value.
pub(super) fn descend<S: NodeStore + ?Sized>(
    store: &S,
    root: Fr,
    key: Fr,
) -> Result<(Vec<Fr>, PathEnd, Option<Fr>), TreeError> {
    let path = Path::new(&key);
    let mut siblings = Vec::new();
    let mut hash = root;
    loop {
        if hash == EMPTY {
            return Ok((siblings, PathEnd::Empty, None));
        }
        let depth = siblings.len();
        match load(store, hash, depth)? {
            Node::Leaf { key: found, value } if found == key => {
                return Ok((siblings, PathEnd::Own, Some(value)));
            }
            Node::Leaf { key: found, .. } if path.common_prefix(&Path::new(&found)) < depth => {
                return Err(TreeError::Corrupt { depth });
            }
            Node::Leaf { key, value } => {
                return Ok((siblings, PathEnd::Other { key, value }, None));
            }
            Node::Inner { .. } if depth >= MAX_DEPTH => return Err(TreeError::Corrupt { depth }),
            Node::Inner { left, right } => {
                let (on_path, sibling) = if path.bit(depth) {
                    (right, left)
                } else {
                    (left, right)
                };
                siblings.push(sibling);
                hash = on_path;
            }
        }
    }
}

fn step<S: NodeStore>(
    overlay: &mut Overlay<S>,
    root: Fr,
    key: Fr,
    new: Option<Fr>,
) -> Result<Access, TreeError> {
    let (siblings, end, old) = descend(overlay, root, key)?;
    let depth = siblings.len();
    let sibling = match siblings.last() {
        Some(last) if end == PathEnd::Own && new.is_none() => Some(load(overlay, *last, depth)?),
        _ => None,
    };
    let mut access = Access {
        key,
        old,
        new,
        siblings,
        end,
        sibling,
        old_root: root,
        new_root: root,
    };
    if old != new {
        let (siblings, end) = access.after().map_err(|_| TreeError::Corrupt { depth })?;
        if let Some(value) = new {
            overlay.insert([(end, Node::Leaf { key, value })]);
        }
        let path = Path::new(&key);
        access.new_root = siblings
            .iter()
            .enumerate()
            .rev()
            .fold(end, |below, (depth, sibling)| {
                let node = if path.bit(depth) {
                    Node::Inner {
                        left: *sibling,
                        right: below,
                    }
                } else {
                    Node::Inner {
                        left: below,
                        right: *sibling,
                    }
                };
                let hash = node.hash();
                overlay.insert([(hash, node)]);
                hash
            });
    }
    Ok(access)
}
