use std::collections::BTreeMap;

use ff::Field;
use proptest::prelude::*;

use super::*;
use crate::{field::Path, hash};

/// Keys that share long prefixes, so that leaves move over many levels: a few high bits and a few low ones vary.
fn keys() -> impl Strategy<Value = Fr> {
    prop_oneof![
        (0u64..8).prop_map(Fr::from),
        (0u64..8, 0u64..4).prop_map(|(high, low)| Fr::from_raw([low, 0, 0, high << 58])),
        any::<[u64; 4]>().prop_map(Fr::from_raw),
        (0u64..4).prop_map(|low| -Fr::from(low)),
    ]
}

fn values() -> impl Strategy<Value = Fr> {
    prop_oneof![
        (0u64..3).prop_map(Fr::from),
        any::<[u64; 4]>().prop_map(Fr::from_raw)
    ]
}

fn maps() -> impl Strategy<Value = BTreeMap<Fr, Fr>> {
    prop::collection::btree_map(keys(), values(), 0..24)
}

fn change_sets() -> impl Strategy<Value = BTreeMap<Fr, Option<Fr>>> {
    prop::collection::btree_map(keys(), prop::option::of(values()), 0..24)
}

/// The root by its definition, from the set alone.
fn reference_root(leaves: &[(Fr, Fr)], depth: usize) -> Fr {
    match leaves {
        [] => EMPTY,
        [(key, value)] => hash::leaf(*key, *value),
        _ => {
            let (left, right): (Vec<_>, Vec<_>) = leaves
                .iter()
                .copied()
                .partition(|(key, _)| !Path::new(key).bit(depth));
            hash::node(
                reference_root(&left, depth + 1),
                reference_root(&right, depth + 1),
            )
        }
    }
}

fn root_of(map: &BTreeMap<Fr, Fr>) -> Fr {
    reference_root(&map.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>(), 0)
}

fn insertions(map: &BTreeMap<Fr, Fr>) -> Vec<Change> {
    map.iter()
        .map(|(key, value)| (*key, Some(*value)))
        .collect()
}

fn built(map: &BTreeMap<Fr, Fr>) -> (MemoryStore, Fr) {
    let mut store = MemoryStore::new();
    let update = update(&store, EMPTY, &insertions(map)).unwrap();
    store.insert(update.nodes);
    (store, update.root)
}

fn changed(map: &BTreeMap<Fr, Fr>, changes: &BTreeMap<Fr, Option<Fr>>) -> BTreeMap<Fr, Fr> {
    let mut map = map.clone();
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(*key, *value),
            None => map.remove(key),
        };
    }
    map
}

fn list(changes: &BTreeMap<Fr, Option<Fr>>) -> Vec<Change> {
    changes.iter().map(|(key, value)| (*key, *value)).collect()
}

#[test]
fn small_trees_by_hand() {
    let [a, b] = [Fr::ZERO, Fr::ONE];
    let (store, root) = built(&BTreeMap::from([(a, Fr::ONE)]));
    assert_eq!(root, hash::leaf(a, Fr::ONE));
    assert_eq!(store.len(), 1);
    // 0 and 1 differ in the last bit only: 253 empty siblings above the two leaves.
    let (store, root) = built(&BTreeMap::from([(a, Fr::ONE), (b, Fr::ZERO)]));
    let two = hash::node(hash::leaf(a, Fr::ONE), hash::leaf(b, Fr::ZERO));
    assert_eq!(
        root,
        (0..253).fold(two, |below, _| hash::node(below, EMPTY))
    );
    assert_eq!(store.len(), 256);
    let access = open(&store, root, &[(b, None)]).unwrap().remove(0);
    assert_eq!(access.siblings.len(), 254);
    assert_eq!(access.new_root, hash::leaf(a, Fr::ONE));
    access.verify().unwrap();
    // The mirror: an insert beside that leaf.
    let access = open(&store, access.new_root, &[(b, Some(Fr::ZERO))])
        .unwrap()
        .remove(0);
    assert_eq!(
        access.end,
        PathEnd::Other {
            key: a,
            value: Fr::ONE
        }
    );
    assert!(access.siblings.is_empty());
    assert_eq!(access.new_root, root);
    access.verify().unwrap();
}

#[test]
fn large_batch_runs_in_parallel_and_agrees() {
    let map: BTreeMap<Fr, Fr> = (0..3000u64)
        .map(|i| {
            (
                hash::hash(hash::Tag::KeyAccount, &[Fr::from(i)]),
                Fr::from(i),
            )
        })
        .collect();
    let (mut store, root) = built(&map);
    assert_eq!(root, root_of(&map));
    let changes: BTreeMap<Fr, Option<Fr>> = map
        .iter()
        .enumerate()
        .map(|(i, (k, v))| (*k, (i % 3 != 0).then(|| *v + Fr::ONE)))
        .collect();
    let result = update(&store, root, &list(&changes)).unwrap();
    assert_eq!(result.root, root_of(&changed(&map, &changes)));
    // Each new node once, and none that was there.
    let mut hashes: Vec<_> = result.nodes.iter().map(|(hash, _)| *hash).collect();
    assert!(
        hashes
            .iter()
            .all(|hash| store.node(hash).unwrap().is_none())
    );
    let count = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), count);
    // The root before stays readable.
    store.insert(result.nodes);
    for (key, value) in map.iter().step_by(100) {
        assert_eq!(get(&store, root, *key).unwrap(), Some(*value));
        assert_eq!(get(&store, result.root, *key).unwrap(), changes[key]);
    }
}

proptest! {
    // Keys with long common prefixes make deep paths: a case costs thousands of hashes.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn root_is_the_definition(map in maps()) {
        prop_assert_eq!(built(&map).1, root_of(&map));
    }

    #[test]
    fn root_is_independent_of_insertion_order(entries in prop::collection::vec((keys(), values()), 0..20), seed: u64) {
        let map: BTreeMap<Fr, Fr> = entries.into_iter().collect();
        let mut order: Vec<_> = map.iter().map(|(k, v)| (*k, *v)).collect();
        let length = order.len().max(1);
        order.rotate_left(seed as usize % length);
        order.sort_by_key(|(key, _)| hash::leaf(*key, Fr::from(seed)));
        let mut store = MemoryStore::new();
        let mut root = EMPTY;
        for (key, value) in order {
            let step = update(&store, root, &[(key, Some(value))]).unwrap();
            store.insert(step.nodes);
            root = step.root;
        }
        prop_assert_eq!(root, root_of(&map));
    }

    #[test]
    fn delete_undoes_insert(map in maps(), key in keys(), value in values()) {
        let (mut store, root) = built(&map);
        let before = map.get(&key).copied();
        let there = update(&store, root, &[(key, Some(value))]).unwrap();
        store.insert(there.nodes);
        let back = update(&store, there.root, &[(key, before)]).unwrap();
        prop_assert_eq!(back.root, root);
    }

    #[test]
    fn batch_update_is_the_set_update(map in maps(), changes in change_sets()) {
        let (mut store, root) = built(&map);
        let after = changed(&map, &changes);
        let result = update(&store, root, &list(&changes)).unwrap();
        prop_assert_eq!(result.root, root_of(&after));
        store.insert(result.nodes);
        for key in map.keys().chain(changes.keys()) {
            prop_assert_eq!(get(&store, root, *key).unwrap(), map.get(key).copied());
            prop_assert_eq!(get(&store, result.root, *key).unwrap(), after.get(key).copied());
        }
        // All nodes of the new tree are stored: it can be emptied again.
        let removals: Vec<Change> = after.keys().map(|key| (*key, None)).collect();
        prop_assert_eq!(update(&store, result.root, &removals).unwrap().root, EMPTY);
    }

    #[test]
    fn openings_verify_and_chain(map in maps(), changes in change_sets(), reads in prop::collection::vec(keys(), 0..10)) {
        let (store, root) = built(&map);
        let mut changes = changes;
        for key in reads {
            changes.entry(key).or_insert_with(|| map.get(&key).copied());
        }
        let accesses = open(&store, root, &list(&changes)).unwrap();
        let mut current = root;
        for access in &accesses {
            prop_assert_eq!(access.old_root, current);
            prop_assert_eq!(access.old, map.get(&access.key).copied());
            prop_assert_eq!(access.new, changes[&access.key]);
            access.verify().unwrap();
            current = access.new_root;
        }
        prop_assert_eq!(current, update(&store, root, &list(&changes)).unwrap().root);
    }

    #[test]
    fn proofs_verify(map in maps(), others in prop::collection::vec(keys(), 0..10)) {
        let (store, root) = built(&map);
        for key in map.keys().chain(&others) {
            let proof = prove(&store, root, *key).unwrap();
            prop_assert_eq!(proof.verify(root, *key).unwrap(), map.get(key).copied());
        }
    }

    #[test]
    fn node_bytes_are_inverse(a in keys(), b in values(), inner: bool) {
        let node = if inner { Node::Inner { left: a, right: b } } else { Node::Leaf { key: a, value: b } };
        prop_assert_eq!(Node::from_bytes(&node.to_bytes()), Some(node));
    }
}

// NEGATIVE

#[test]
fn wrong_order_and_missing_nodes_are_errors() {
    let map: BTreeMap<Fr, Fr> = (0..10u64).map(|i| (Fr::from(i), Fr::from(i))).collect();
    let (store, root) = built(&map);
    let one = (Fr::ONE, None);
    let two = (Fr::from(2), None);
    for changes in [[one, one], [two, one]] {
        assert!(matches!(
            update(&store, root, &changes),
            Err(TreeError::UnsortedKeys { position: 1 })
        ));
        assert!(matches!(
            open(&store, root, &changes),
            Err(TreeError::UnsortedKeys { position: 1 })
        ));
    }
    let empty = MemoryStore::new();
    assert!(matches!(
        get(&empty, root, Fr::ONE),
        Err(TreeError::MissingNode { depth: 0, .. })
    ));
    assert!(matches!(
        update(&empty, root, &[one]),
        Err(TreeError::MissingNode { depth: 0, .. })
    ));
    assert!(matches!(
        open(&empty, root, &[one]),
        Err(TreeError::MissingNode { depth: 0, .. })
    ));
    assert!(matches!(
        prove(&empty, root, Fr::ONE),
        Err(TreeError::MissingNode { depth: 0, .. })
    ));
}

#[test]
fn corrupt_stores_end_with_an_error() {
    // A node that is its own child.
    let hash = Fr::from(77);
    let mut store = MemoryStore::new();
    store.insert([(
        hash,
        Node::Inner {
            left: hash,
            right: hash,
        },
    )]);
    assert!(matches!(
        get(&store, hash, Fr::ONE),
        Err(TreeError::Corrupt { .. })
    ));
    assert!(matches!(
        prove(&store, hash, Fr::ONE),
        Err(TreeError::Corrupt { .. })
    ));
    assert!(matches!(
        update(&store, hash, &[(Fr::ONE, None)]),
        Err(TreeError::Corrupt { .. })
    ));
    assert!(matches!(
        open(&store, hash, &[(Fr::ONE, None)]),
        Err(TreeError::Corrupt { .. })
    ));
    // A leaf off its path.
    let leaf = Fr::from(78);
    store.insert([(
        leaf,
        Node::Leaf {
            key: Fr::ONE,
            value: Fr::ONE,
        },
    )]);
    store.insert([(
        hash,
        Node::Inner {
            left: EMPTY,
            right: leaf,
        },
    )]);
    assert!(matches!(
        prove(&store, hash, -Fr::ONE),
        Err(TreeError::Corrupt { depth: 1 })
    ));
}

#[test]
fn malformed_node_bytes_are_refused() {
    let bytes = Node::Leaf {
        key: Fr::ONE,
        value: Fr::ONE,
    }
    .to_bytes();
    assert_eq!(Node::from_bytes(&bytes[..64]), None);
    assert_eq!(Node::from_bytes(&[bytes.as_slice(), &[0]].concat()), None);
    assert_eq!(Node::from_bytes(&[]), None);
    let mut wrong = bytes;
    wrong[0] = 2;
    assert_eq!(Node::from_bytes(&wrong), None);
    let mut wrong = bytes;
    wrong[1] = 0xff;
    assert_eq!(Node::from_bytes(&wrong), None);
}

/// Every mutation of an opening that changes what it says must be noticed.
fn mutations(access: &Access) -> Vec<Access> {
    let mut all = Vec::new();
    let mut push = |change: &dyn Fn(&mut Access)| {
        let mut mutated = access.clone();
        change(&mut mutated);
        if mutated != *access {
            all.push(mutated);
        }
    };
    // That another key is absent too can be true.
    if access.old.is_some() || access.new.is_some() {
        push(&|a| a.key += Fr::ONE);
    }
    push(&|a| a.old = a.old.map(|v| v + Fr::ONE));
    push(&|a| a.old = if a.old.is_some() { None } else { Some(Fr::ONE) });
    push(&|a| a.new = a.new.map(|v| v + Fr::ONE));
    push(&|a| a.new = if a.new.is_some() { None } else { Some(Fr::ONE) });
    push(&|a| a.old_root += Fr::ONE);
    push(&|a| a.new_root += Fr::ONE);
    push(&|a| a.end = PathEnd::Empty);
    push(&|a| a.end = PathEnd::Own);
    push(&|a| {
        a.end = PathEnd::Other {
            key: a.key,
            value: a.old.unwrap_or(Fr::ONE),
        }
    });
    push(&|a| {
        a.end = PathEnd::Other {
            key: -a.key,
            value: Fr::ONE,
        }
    });
    push(&|a| {
        a.siblings.pop();
    });
    push(&|a| a.siblings.push(EMPTY));
    // All of a short path, some sixteen of a long one.
    for depth in (0..access.siblings.len()).step_by(1 + access.siblings.len() / 16) {
        push(&|a| a.siblings[depth] += Fr::ONE);
        push(&|a| a.siblings[depth] = EMPTY);
    }
    push(&|a| a.sibling = None);
    push(&|a| {
        a.sibling = Some(Node::Leaf {
            key: Fr::ONE,
            value: Fr::ONE,
        })
    });
    push(&|a| {
        a.sibling = match a.sibling {
            Some(Node::Leaf { key, value }) => Some(Node::Inner {
                left: key,
                right: value,
            }),
            Some(Node::Inner { left, right }) => Some(Node::Leaf {
                key: left,
                value: right,
            }),
            None => None,
        }
    });
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn mutated_openings_fail(map in maps(), changes in change_sets()) {
        let (store, root) = built(&map);
        for access in open(&store, root, &list(&changes)).unwrap() {
            for mutated in mutations(&access) {
                prop_assert!(mutated.verify().is_err(), "{:?} became {:?}", access, mutated);
            }
        }
    }

    #[test]
    fn mutated_proofs_fail(map in maps(), key in keys()) {
        let (store, root) = built(&map);
        let proof = prove(&store, root, key).unwrap();
        prop_assert!(proof.verify(root + Fr::ONE, key).is_err());
        let mut wrong = proof.clone();
        wrong.siblings.push(EMPTY);
        prop_assert!(wrong.verify(root, key).is_err());
        for depth in (0..proof.siblings.len()).step_by(1 + proof.siblings.len() / 16) {
            let mut wrong = proof.clone();
            wrong.siblings[depth] += Fr::ONE;
            prop_assert!(wrong.verify(root, key).is_err());
        }
        let mut wrong = proof.clone();
        wrong.leaf = match wrong.leaf {
            None => Some((key, Fr::ONE)),
            Some((found, value)) => Some((found, value + Fr::ONE)),
        };
        prop_assert!(wrong.verify(root, key).is_err());
        if proof.leaf.is_some() {
            let wrong = Proof { leaf: None, ..proof.clone() };
            prop_assert!(wrong.verify(root, key).is_err());
        }
    }
}

/// A present key shown as absent by its own leaf, with everything else consistent.
#[test]
fn own_leaf_is_no_other_leaf() {
    let (key, value) = (Fr::from(5), Fr::from(6));
    let root = hash::leaf(key, value);
    let end = PathEnd::Other { key, value };
    let forged = Access {
        key,
        old: None,
        new: None,
        siblings: vec![],
        end,
        sibling: None,
        old_root: root,
        new_root: root,
    };
    assert_eq!(forged.verify(), Err(AccessError::OtherLeaf));
}

/// A delete whose sibling is a leaf, shown as an inner node: the leaf would stay too deep.
#[test]
fn delete_needs_the_siblings_own_preimage() {
    let (left, right) = (Fr::ONE, -Fr::ONE);
    let (store, root) = built(&BTreeMap::from([(left, Fr::ONE), (right, Fr::ONE)]));
    let honest = open(&store, root, &[(left, None)]).unwrap().remove(0);
    honest.verify().unwrap();
    let mut forged = honest;
    forged.sibling = Some(Node::Inner {
        left: right,
        right: Fr::ONE,
    });
    forged.new_root = hash::node(EMPTY, hash::leaf(right, Fr::ONE));
    assert_eq!(forged.verify(), Err(AccessError::Sibling));
}
