//! Reading, and batch updates on all cores.

use super::{Change, EMPTY, MAX_DEPTH, Node, NodeStore, TreeError, check_sorted, load};
use crate::{Fr, field::Path};

/// Below this many changes a subtree is updated by one thread: handing over costs more than it saves.
const PARALLEL_FROM: usize = 8;

/// The outcome of a batch update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new root.
    pub root: Fr,
    /// Every node of the new tree that the old one does not have, each once, children before parents.
    pub nodes: Vec<(Fr, Node)>,
}

/// The value of a key under a root, `None` if the key is absent.
///
/// # Errors
/// [`TreeError`] when the store fails or lacks a node of the path.
pub fn get<S: NodeStore + ?Sized>(store: &S, root: Fr, key: Fr) -> Result<Option<Fr>, TreeError> {
    let path = Path::new(&key);
    let mut hash = root;
    for depth in 0..=MAX_DEPTH {
        if hash == EMPTY {
            return Ok(None);
        }
        match load(store, hash, depth)? {
            Node::Leaf { key: found, value } => return Ok((found == key).then_some(value)),
            Node::Inner { left, right } => hash = if path.bit(depth) { right } else { left },
        }
    }
    Err(TreeError::Corrupt { depth: MAX_DEPTH })
}

/// The root after setting or removing keys, and the nodes to store for it.
///
/// `changes` has strictly increasing keys. Removing an absent key and setting a value that is there already are no
/// changes. The subtrees are spread over rayon's threads; each new node is hashed once.
///
/// # Errors
/// [`TreeError`] when the keys are out of order, or the store fails or lacks a node.
pub fn update<S: NodeStore + ?Sized>(
    store: &S,
    root: Fr,
    changes: &[Change],
) -> Result<Update, TreeError> {
    check_sorted(changes, |(key, _)| *key)?;
    let changes: Vec<_> = changes
        .iter()
        .map(|(key, value)| (Path::new(key), *key, *value))
        .collect();
    let mut nodes = Vec::new();
    let root = apply(store, root, 0, &changes, &mut nodes)?.hash();
    Ok(Update { root, nodes })
}

type PathChange = (Path, Fr, Option<Fr>);
type Nodes = Vec<(Fr, Node)>;

/// A subtree whose keys may still have to be moved up.
#[derive(Clone, Copy)]
enum Subtree {
    Empty,
    Leaf(Fr),
    Inner(Fr),
    /// Not touched, so its kind has not been looked up.
    Unread(Fr),
}

impl Subtree {
    fn hash(self) -> Fr {
        match self {
            Self::Empty => EMPTY,
            Self::Leaf(hash) | Self::Inner(hash) | Self::Unread(hash) => hash,
        }
    }
}

fn split(changes: &[PathChange], depth: usize) -> (&[PathChange], &[PathChange]) {
    changes.split_at(changes.partition_point(|(path, ..)| !path.bit(depth)))
}

fn both<A: Send>(
    parallel: bool,
    nodes: &mut Nodes,
    left: impl FnOnce(&mut Nodes) -> A + Send,
    right: impl FnOnce(&mut Nodes) -> A + Send,
) -> (A, A) {
    if !parallel {
        return (left(nodes), right(nodes));
    }
    let mut right_nodes = Vec::new();
    let results = rayon::join(|| left(nodes), || right(&mut right_nodes));
    nodes.append(&mut right_nodes);
    results
}

fn apply<S: NodeStore + ?Sized>(
    store: &S,
    hash: Fr,
    depth: usize,
    changes: &[PathChange],
    nodes: &mut Nodes,
) -> Result<Subtree, TreeError> {
    if changes.is_empty() {
        return Ok(if hash == EMPTY {
            Subtree::Empty
        } else {
            Subtree::Unread(hash)
        });
    }
    if hash == EMPTY {
        let leaves: Vec<_> = changes
            .iter()
            .filter_map(|(path, key, value)| Some((*path, *key, (*value)?)))
            .collect();
        return build(&leaves, None, depth, nodes);
    }
    match load(store, hash, depth)? {
        Node::Leaf { key, value } => {
            let path = Path::new(&key);
            let mut leaves: Vec<_> = changes
                .iter()
                .filter_map(|(path, key, value)| Some((*path, *key, (*value)?)))
                .collect();
            if let Err(position) = changes.binary_search_by_key(&path, |(path, ..)| *path) {
                let position = changes
                    .iter()
                    .take(position)
                    .filter(|(.., value)| value.is_some())
                    .count();
                leaves.insert(position, (path, key, value));
            }
            build(&leaves, Some((key, value, hash)), depth, nodes)
        }
        Node::Inner { left, right } => {
            if depth >= MAX_DEPTH {
                return Err(TreeError::Corrupt { depth });
            }
            let (left_changes, right_changes) = split(changes, depth);
            let parallel = left_changes.len().min(right_changes.len()) >= PARALLEL_FROM;
            let (new_left, new_right) = both(
                parallel,
                nodes,
                |nodes| apply(store, left, depth + 1, left_changes, nodes),
                |nodes| apply(store, right, depth + 1, right_changes, nodes),
            );
            let (new_left, new_right) = (new_left?, new_right?);
            if new_left.hash() == left && new_right.hash() == right {
                return Ok(Subtree::Inner(hash));
            }
            combine(store, new_left, new_right, depth, nodes)
        }
    }
}

/// The subtree over two children, one of which may have lost its keys.
fn combine<S: NodeStore + ?Sized>(
    store: &S,
    left: Subtree,
    right: Subtree,
    depth: usize,
    nodes: &mut Nodes,
) -> Result<Subtree, TreeError> {
    let only = match (left, right) {
        (Subtree::Empty, other) | (other, Subtree::Empty) => Some(other),
        _ => None,
    };
    match only {
        Some(leaf @ (Subtree::Leaf(_) | Subtree::Empty)) => return Ok(leaf),
        Some(Subtree::Unread(hash)) => {
            if let Node::Leaf { .. } = load(store, hash, depth + 1)? {
                return Ok(Subtree::Leaf(hash));
            }
        }
        Some(Subtree::Inner(_)) | None => {}
    }
    Ok(inner(left.hash(), right.hash(), nodes))
}

fn inner(left: Fr, right: Fr, nodes: &mut Nodes) -> Subtree {
    let node = Node::Inner { left, right };
    let hash = node.hash();
    nodes.push((hash, node));
    Subtree::Inner(hash)
}

/// The subtree of the given leaves, sorted by path; `known` is a leaf whose hash and node exist already.
fn build(
    leaves: &[(Path, Fr, Fr)],
    known: Option<(Fr, Fr, Fr)>,
    depth: usize,
    nodes: &mut Nodes,
) -> Result<Subtree, TreeError> {
    match leaves {
        [] => Ok(Subtree::Empty),
        [(_, key, value)] => {
            if let Some((known_key, known_value, hash)) = known
                && known_key == *key
                && known_value == *value
            {
                return Ok(Subtree::Leaf(hash));
            }
            let node = Node::Leaf {
                key: *key,
                value: *value,
            };
            let hash = node.hash();
            nodes.push((hash, node));
            Ok(Subtree::Leaf(hash))
        }
        _ if depth >= MAX_DEPTH => Err(TreeError::Corrupt { depth }),
        _ => {
            let (left, right) =
                leaves.split_at(leaves.partition_point(|(path, ..)| !path.bit(depth)));
            let (left, right) = both(
                left.len().min(right.len()) >= PARALLEL_FROM,
                nodes,
                |nodes| build(left, known, depth + 1, nodes),
                |nodes| build(right, known, depth + 1, nodes),
            );
            Ok(inner(left?.hash(), right?.hash(), nodes))
        }
    }
}
