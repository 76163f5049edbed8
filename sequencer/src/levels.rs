//! How deep in the state tree the open batch opens its keys: what a proof needs rows for besides the transactions themselves.
//!
//! A key's path is never longer than in the tree that has every leaf of the sealed state and every key that the batch looks at.
//! There it is as long as the longest prefix that the key shares with another one, plus one.

use std::collections::BTreeMap;

use protocol::{
    Fr,
    field::{self, Path},
    tree::{self, TreeError},
};

use crate::{
    error::StoreError,
    store::{ChainRead, Read, TreeNodes},
};

/// The state tree of the last sealed batch, or of genesis.
pub(crate) trait SealedTree {
    /// Length of a key's path, with a leaf for the key.
    fn levels(&self, key: Fr) -> Result<u64, StoreError>;
}

/// The sealed tree in a store.
#[derive(Debug)]
pub(crate) struct Sealed<'a, R> {
    store: &'a R,
    root: Fr,
}

impl<'a, R: Read> Sealed<'a, R> {
    pub(crate) fn new(store: &'a R) -> Result<Self, StoreError> {
        let root = field::from_bytes(store.sealed_root()?)
            .ok_or_else(|| store.corrupt("the last state root is no field element"))?;
        Ok(Self { store, root })
    }
}

impl<R: Read + Sync> SealedTree for Sealed<'_, R> {
    fn levels(&self, key: Fr) -> Result<u64, StoreError> {
        let proof =
            tree::prove(&TreeNodes(self.store), self.root, key).map_err(|error| match error {
                TreeError::Store(error) => self.store.corrupt(error.to_string()),
                error => self.store.corrupt(format!("the state tree: {error}")),
            })?;
        Ok(match proof.leaf {
            Some((other, _)) if other != key => levels_beside(key, other),
            _ => proof.siblings.len() as u64,
        })
    }
}

/// Length of the paths of two keys that share no longer prefix with others.
fn levels_beside(key: Fr, other: Fr) -> u64 {
    Path::new(&key).common_prefix(&Path::new(&other)) as u64 + 1
}

/// The keys that the open batch looks at, each with the most levels that its path can have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    keys: BTreeMap<Fr, u64>,
}

/// What opening keys did to [`Levels`].
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Levels more than before, those by which other keys' paths became longer included.
    pub(crate) levels: u64,
    before: Vec<(Fr, Option<u64>)>,
}

impl Levels {
    /// Opens keys; those that are open already cost nothing.
    pub(crate) fn open(
        &mut self,
        sealed: &dyn SealedTree,
        keys: impl IntoIterator<Item = Fr>,
    ) -> Result<Opened, StoreError> {
        let mut opened = Opened::default();
        for key in keys {
            if self.keys.contains_key(&key) {
                continue;
            }
            let mut levels = sealed.levels(key)?;
            let below = self.keys.range(..key).next_back();
            let above = self.keys.range(key..).next();
            // Keys further away share no longer prefix than these neighbours do.
            for (other, known) in [below, above]
                .map(|n| n.map(|(k, v)| (*k, *v)))
                .into_iter()
                .flatten()
            {
                let beside = levels_beside(key, other);
                levels = levels.max(beside);
                if beside > known {
                    opened.set(&mut self.keys, other, beside);
                }
            }
            opened.set(&mut self.keys, key, levels);
        }
        Ok(opened)
    }

    /// Takes back the last opening.
    pub(crate) fn undo(&mut self, opened: Opened) {
        for (key, before) in opened.before.into_iter().rev() {
            match before {
                Some(levels) => self.keys.insert(key, levels),
                None => self.keys.remove(&key),
            };
        }
    }
}

impl Opened {
    fn set(&mut self, keys: &mut BTreeMap<Fr, u64>, key: Fr, levels: u64) {
        let before = keys.insert(key, levels);
        self.levels += levels - before.unwrap_or_default();
        self.before.push((key, before));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::tree::{EMPTY, MemoryStore, PathEnd};

    use super::*;

    struct Memory(MemoryStore, Fr);

    impl SealedTree for Memory {
        fn levels(&self, key: Fr) -> Result<u64, StoreError> {
            let proof = tree::prove(&self.0, self.1, key).unwrap();
            Ok(match proof.leaf {
                Some((other, _)) if other != key => levels_beside(key, other),
                _ => proof.siblings.len() as u64,
            })
        }
    }

    /// Keys that share long prefixes: few differing bits, anywhere.
    fn keys(most: usize) -> impl Strategy<Value = Vec<Fr>> {
        let key = (0u64..4, 0u32..60, 0u64..4)
            .prop_map(|(low, shift, high)| Fr::from_raw([low << shift, 0, high << shift, 0]));
        prop::collection::vec(key, 0..most)
    }

    proptest! {
        #[test]
        fn paths_are_never_longer_than_counted(
            sealed in keys(12), batches in prop::collection::vec(keys(6), 1..5), removed in any::<u32>()
        ) {
            let leaves: BTreeMap<_, _> = sealed.iter().map(|key| (*key, Some(Fr::from(7)))).collect();
            let leaves: Vec<_> = leaves.into_iter().collect();
            let update = tree::update(&MemoryStore::new(), EMPTY, &leaves).unwrap();
            let mut store = MemoryStore::new();
            store.insert(update.nodes);
            let memory = Memory(store, update.root);
            let (mut levels, mut sum) = (Levels::default(), 0);
            for keys in &batches {
                let before = levels.clone();
                let opened = levels.open(&memory, keys.iter().copied()).unwrap();
                // Taken back and done again, it is the same.
                let added = opened.levels;
                let after = levels.clone();
                levels.undo(opened);
                prop_assert_eq!(&levels, &before);
                prop_assert_eq!(levels.open(&memory, keys.iter().copied()).unwrap().levels, added);
                prop_assert_eq!(&levels, &after);
                sum += added;
            }
            prop_assert_eq!(sum, levels.keys.values().sum::<u64>());
            // One key after the other is written or removed, as a proof does it.
            let changes: Vec<_> = levels
                .keys
                .keys()
                .zip(0..)
                .map(|(key, n)| (*key, (removed >> (n % 32) & 1 == 0).then(|| Fr::from(9))))
                .collect();
            for access in tree::open(&memory.0, memory.1, &changes).unwrap() {
                let length = match access.end {
                    PathEnd::Other { key, .. } if access.new.is_some() => levels_beside(access.key, key),
                    _ => access.siblings.len() as u64,
                };
                prop_assert!(length <= levels.keys[&access.key]);
            }
        }
    }
}
