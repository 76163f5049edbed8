//! What an attacker would try. Every forgery is carried through: all that follows from the lie is recomputed.

use super::{columns::modulus_minus_two, *};
use crate::framework::checker::{self, Failure};
use protocol::{
    field::to_word,
    hash::{Tag, leaf, node},
    tree::Node,
};

/// 2^254 as an element, that is 2^254 - p as an integer: what a key must be below to have a second path.
fn second_path_limit() -> U256 {
    to_word(&crate::framework::pow2(254))
}

/// The failure of a workload whose single steps were changed by `forge`, which must find something to change.
fn forged(
    rig: &Rig,
    mut w: Workload,
    mut forge: impl FnMut(&mut Step, &mut Plan) -> bool,
) -> Failure {
    let mut changed = false;
    for (step, plan) in &mut w.steps {
        changed = changed || forge(step, plan);
    }
    assert!(changed, "nothing to forge");
    assert_fails(&rig.machine, &rig.table(&w))
}

/// Workloads that contain the case.
fn with_case(name: &str) -> Workload {
    (0..400)
        .map(random_workload)
        .find(|w| w.steps.iter().any(|(s, p)| case(s, p) == name))
        .expect("a workload of this case")
}

/// The forgery is tried on a step of the case, and must fail by the relation named.
fn refused(name: &str, relation: &str, forge: impl Fn(&mut Step, &mut Plan)) {
    let rig = rig();
    let f = forged(&rig, with_case(name), |s, p| {
        let hit = case(s, p) == name;
        if hit {
            forge(s, p);
        }
        hit
    });
    assert!(f.relation.starts_with(relation), "{f}");
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let rig = rig();
    for seed in covering() {
        let table = rig.table(&random_workload(seed));
        let outcome = mutate(&rig.machine, &table, 12);
        assert!(
            outcome.survivors.is_empty(),
            "seed {seed}: {:#?}",
            outcome.survivors
        );
        assert_eq!(outcome.tried, outcome.killed);
        assert!(outcome.free.is_empty());
    }
}

#[test]
fn wrong_sibling() {
    for name in [
        "update",
        "absent beside a leaf",
        "insertion at an empty place",
    ] {
        refused(name, "bus tree", |_, p| p.siblings[0] += Fr::ONE);
    }
}

#[test]
fn swapped_children() {
    // With the bit flipped alone the path is another key's; with the rest adapted, the rest is out of range.
    refused("update", "the path is the key", |_, p| p.bits[0] ^= true);
    refused("update", "rest", |_, p| {
        p.bits[0] ^= true;
        let top = U256::ONE << 253;
        let moved = if p.bits[0] {
            p.rest.wrapping_sub(top)
        } else {
            p.rest + top
        };
        p.rest = moved;
    });
}

#[test]
fn bits_that_are_no_bits() {
    let rig = rig();
    let w = with_case("update");
    let good = rig.table(&w);
    let c = &rig.tree.level_cells;
    for name in ["bit", "join", "drop", "common", "mode"] {
        let cell = rig.machine.kinds[rig.tree.level.0].cell(name).unwrap();
        for row in good.heads_of(rig.tree.level) {
            let mut table = good.clone();
            table.set(row, cell, Fr::from(2));
            assert_fails(&rig.machine, &table);
        }
    }
    // A bit of 1/2 makes both children the mean of sibling and path; the children are recomputed.
    let row = good.heads_of(rig.tree.level)[0];
    let half = Fr::from(2).invert().unwrap();
    let mut table = good.clone();
    table.set(row, c.bit, half);
    let s = table.cell(row, c.sibling);
    for (left, below) in [
        (c.long_left, table.cell(row, c.handed.above().long)),
        (c.short_left, table.cell(row, c.below)),
    ] {
        table.set(row, left, (s + below) * half);
    }
    let failures = checker::check(&rig.machine, &table, 100).unwrap_err();
    assert!(
        failures.iter().any(|f| f.relation == "bit is boolean"),
        "{failures:?}"
    );
}

/// The key's own leaf is in the left half; the integer `key + p` leads into the right half, where it is not.
#[test]
fn non_canonical_path() {
    let rig = rig();
    for key in [Fr::from(5), Fr::from(1 << 40)] {
        assert!(to_word(&key) < second_path_limit());
        let neighbour = -Fr::ONE;
        let honest = placed(&[(key, 3, 3), (neighbour, 4, 4)]);
        assert_holds(&rig.machine, &rig.table(&honest));
        let mut w = honest.clone();
        w.steps.truncate(1);
        let (step, plan) = &mut w.steps[0];
        // Claimed absent: `key + p` ends at the neighbour's leaf.
        let long = to_word(&key) + to_word(&-Fr::ONE) + U256::ONE;
        let (own, other) = (step.access.old.unwrap(), placed_value(4));
        step.access.old = None;
        step.access.new = None;
        step.record = record(Id::Account(1), 0, 0);
        plan.beside = true;
        plan.other = (neighbour, other);
        plan.siblings = vec![leaf(key, own)];
        plan.bits = vec![true];
        plan.rest = long - (U256::ONE << 253);
        let f = assert_fails(&rig.machine, &rig.table(&w));
        assert!(f.relation.starts_with("top in table"), "{f}");
    }
}

fn placed_value(v: u64) -> Fr {
    record(Id::Account(1), 0, v).change().1.unwrap()
}

/// The only leaf has a small key; a new key is put to its left, as if the small key were `key + p`.
#[test]
fn the_only_leaf_cannot_be_displaced() {
    let rig = rig();
    // The integer 5 + p begins with the bits 11, 5 with 00.
    for (new, bits) in [
        (Fr::from_raw([0, 0, 0, 1 << 58]), vec![false]),
        (Fr::from_raw([0, 0, 0, 1 << 61]), vec![true, false]),
    ] {
        let key = Fr::from(5);
        let honest = placed(&[(key, 3, 3), (new, 0, 4)]);
        // Without the read of the small key.
        let insertion = |mut w: Workload| {
            w.steps.retain(|(s, _)| s.access.key == new);
            w
        };
        let good = insertion(honest);
        assert!(good.steps[0].1.checks_other);
        assert_holds(&rig.machine, &rig.table(&good));

        let mut w = good.clone();
        let plan = &mut w.steps[0].1;
        let levels = bits.len();
        let weight = U256::ONE << (254 - levels);
        let place = to_word(&key) + to_word(&-Fr::ONE) + U256::ONE;
        plan.siblings = vec![tree::EMPTY; levels];
        plan.siblings[levels - 1] = leaf(key, placed_value(3));
        plan.bits = bits;
        plan.rest = to_word(&new) & (weight - U256::ONE);
        plan.other_rest = place & (weight - U256::ONE);
        plan.lifted = levels;
        let f = assert_fails(&rig.machine, &rig.table(&w));
        assert!(f.relation.starts_with("top in table"), "{f}");
        // Nor may the check be left out.
        for mut w in [w, good.clone()] {
            w.steps[0].1.checks_other = false;
            let f = assert_fails(&rig.machine, &rig.table(&w));
            assert!(
                f.relation.starts_with("an insertion beside the only leaf"),
                "{f}"
            );
        }
    }
}

#[test]
fn keys_twice_or_out_of_order() {
    let rig = rig();
    let good = with_case("read");
    let twice = |w: &Workload| {
        let mut w = w.clone();
        let at = w
            .steps
            .iter()
            .position(|(s, p)| case(s, p) == "read")
            .unwrap();
        w.steps.insert(at, w.steps[at].clone());
        w
    };
    let f = assert_fails(&rig.machine, &rig.table(&twice(&good)));
    assert!(f.relation.ends_with("halves"), "{f}");
    // Reads of two keys, in the wrong order: each run is right by itself.
    let state: BTreeMap<_, _> = (0..6).map(|a| (Id::Account(a), 3)).collect();
    let mut w = workload(&state, &state);
    assert_holds(&rig.machine, &rig.table(&w));
    w.steps.swap(2, 3);
    let mut table = rig.table(&w);
    let f = assert_fails(&rig.machine, &table);
    assert!(f.relation.ends_with("halves"), "{f}");
    // The numbers add up to 2 p - 2 instead of p - 2: with a carry of any size the halves would hold.
    let c = &rig.tree.root_cells;
    let highs = c.previous.high() + c.step.high() + c.slack.high();
    let carry = modulus_minus_two().1 - highs.eval(&|cell| table.cell(f.row, cell));
    table.set(f.row, c.carry, carry);
    let f = assert_fails(&rig.machine, &table);
    assert_eq!(f.relation, "carry", "{f}");
}

#[test]
fn absence_of_a_present_key() {
    // By its own leaf.
    refused("read", "the other key differs", |s, p| {
        p.beside = true;
        p.other = (s.access.key, s.access.old.unwrap());
        hide(s);
    });
    // By an empty subtree.
    refused("read", "bus tree", |s, _| hide(s));
}

/// Lets a step claim that its key is absent.
fn hide(step: &mut Step) {
    step.access.old = None;
    step.access.new = None;
    step.record = match step.record {
        Record::Account { last, .. } => {
            let mut empty = record(Id::Account(0), 0, 0).first();
            let before = [1, 2, 3, 4].map(|i| empty[i]);
            empty[0] = last[0];
            empty[5..].copy_from_slice(&last[5..]);
            Record::Account {
                before,
                last: empty,
            }
        }
        Record::Storage { last, .. } => {
            let mut empty = last;
            empty[2..4].fill(Fr::ZERO);
            Record::Storage {
                before: [Fr::ZERO; 2],
                last: empty,
            }
        }
    };
}

#[test]
fn only_leaves_are_lifted() {
    // The inner node's children as key and value of a leaf; its hash differs from the sibling.
    refused("deletion beside an inner node", "the other key", |_, p| {
        (p.join, p.drop, p.lifted) = (true, false, 1);
    });
    // A leaf left in place, opened as an inner node.
    for name in ["deletion beside a leaf", "deletion that lifts far"] {
        refused(name, "the other node is the sibling", |_, p| {
            (p.join, p.drop, p.lifted) = (false, true, 0);
        });
        // With the sibling's hash adapted, the old root is another one.
        refused(name, "bus tree", |_, p| {
            (p.join, p.drop, p.lifted) = (false, true, 0);
            *p.siblings.last_mut().unwrap() = node(p.other.0, p.other.1);
        });
        // Left in place without being opened.
        refused(name, "a deletion joins, drops or clears", |_, p| {
            (p.join, p.lifted) = (false, 0);
        });
        refused(name, "clear is at the root", |_, p| {
            (p.join, p.lifted, p.clear) = (false, 0, true);
        });
    }
}

#[test]
fn a_leaf_is_lifted_as_far_as_it_goes() {
    refused(
        "deletion that lifts far",
        "lifting ends at a sibling",
        |_, p| p.lifted -= 1,
    );
    refused(
        "deletion beside a leaf",
        "lifting passes empty siblings",
        |_, p| p.lifted += 1,
    );
    refused(
        "insertion beside a leaf",
        "lifting passes empty siblings",
        |_, p| p.lifted += 1,
    );
    refused(
        "insertion far below a leaf",
        "lifting ends at a sibling",
        |_, p| p.lifted -= 1,
    );
}

#[test]
fn an_insertion_keeps_its_neighbour_in_its_place() {
    let name = "insertion beside a leaf";
    // As if the place were empty.
    refused(name, "bus tree", |s, p| {
        p.join = false;
        p.siblings = s.access.siblings.clone();
        p.bits.truncate(p.siblings.len());
        let bit = |i: usize| to_word(&s.access.key).bit(253 - i);
        assert!((0..p.bits.len()).all(|i| p.bits[i] == bit(i)));
        p.rest = to_word(&s.access.key) & ((U256::ONE << (254 - p.siblings.len())) - U256::ONE);
        p.other = (Fr::ZERO, Fr::ZERO);
        p.lifted = 0;
    });
    // As absence that is there after all.
    refused(name, "other is absence", |_, p| {
        (p.join, p.beside, p.lifted) = (false, true, 0);
    });
    // One level too deep: the join is beyond the first bit that differs.
    refused(name, "the other key branches off", |s, p| {
        let levels = p.siblings.len();
        p.siblings.insert(levels - 1, tree::EMPTY);
        p.bits.push(to_word(&s.access.key).bit(253 - levels));
        let below = (U256::ONE << (253 - levels)) - U256::ONE;
        p.rest = to_word(&s.access.key) & below;
        p.other_rest = to_word(&p.other.0) & below;
        p.lifted += 1;
    });
    // The other leaf's value changed on the way.
    refused(name, "bus tree", |_, p| {
        p.other.1 += Fr::ONE;
        *p.siblings.last_mut().unwrap() = leaf(p.other.0, p.other.1);
    });
}

#[test]
fn truncated_and_lengthened_paths() {
    refused("update", "bus tree", |_, p| {
        // Without the lowest level.
        let bit = p.bits.pop().unwrap();
        p.siblings.pop();
        let weight = U256::ONE << (253 - p.bits.len());
        p.rest += if bit { weight } else { U256::ZERO };
    });
    refused("update", "the path is the key", |_, p| {
        // Without the topmost.
        p.bits.remove(0);
        p.siblings.remove(0);
    });
    refused("update", "rest", |_, p| {
        // A level too many, above the root.
        p.bits.insert(0, false);
        p.siblings.insert(0, tree::EMPTY);
    });
    // A path of 255 levels, beyond the last bit.
    let rig = rig();
    let mut w = placed(&[(Fr::from(2), 3, 4), (Fr::from(3), 4, 4)]);
    w.steps.truncate(1);
    let plan = &mut w.steps[0].1;
    assert_eq!(plan.siblings.len(), 254);
    plan.siblings.push(Fr::from(9));
    plan.bits.push(false);
    assert_fails(&rig.machine, &rig.table(&w));
}

#[test]
fn hashes_changed_midway() {
    let rig = rig();
    let w = with_case("update");
    let good = rig.table(&w);
    let c = &rig.tree.level_cells;
    let fresh = node(Fr::ONE, Fr::ONE);
    for row in good.heads_of(rig.tree.level) {
        for cells in [
            vec![c.handed.long],
            vec![c.handed.short],
            vec![c.handed.long, c.handed.short],
        ] {
            let mut table = good.clone();
            for cell in cells {
                table.set(row, cell, fresh);
            }
            assert_fails(&rig.machine, &table);
        }
        // Old for new.
        let mut table = good.clone();
        let (long, short) = (
            table.cell(row, c.handed.long),
            table.cell(row, c.handed.short),
        );
        table.set(row, c.handed.long, short);
        table.set(row, c.handed.short, long);
        if long != short {
            assert_fails(&rig.machine, &table);
        }
    }
}

#[test]
fn stale_or_foreign_tokens() {
    let rig = rig();
    let good = with_case("update");
    // A start from another root, a start counted on, an end before the last run.
    let table = rig.table(&good);
    let row = table.heads_of(rig.ends.0)[0];
    for i in 0..6 {
        let mut t = table.clone();
        t.set(row, rig.ends.1[i], t.cell(row, rig.ends.1[i]) + Fr::ONE);
        assert_fails(&rig.machine, &t);
    }
    // A run that starts from the old root again: the second step is opened under the root before the first.
    let state: BTreeMap<_, _> = (0..4).map(|a| (Id::Account(a), 3)).collect();
    let after: BTreeMap<_, _> = (0..4).map(|a| (Id::Account(a), 4)).collect();
    let mut w = workload(&state, &after);
    let reads = workload(&state, &state);
    w.steps[1].0.access.siblings = reads.steps[1].0.access.siblings.clone();
    w.steps[1].1.siblings = reads.steps[1].1.siblings.clone();
    let f = assert_fails(&rig.machine, &rig.table(&w));
    assert!(f.relation.starts_with("bus tree"), "{f}");
    // A token made from other fields than the leaf's.
    for i in 0..4 {
        let f = forged(&rig, workload(&state, &state), |s, _| {
            if let Record::Account { before, .. } = &mut s.record {
                before[i] += Fr::ONE;
            }
            true
        });
        assert!(f.relation.starts_with("bus"), "{f}");
    }
}

/// Marks begin at 0 and a slot's original word is its word, whatever a neighbour takes.
#[test]
fn a_record_begins_untouched() {
    let rig = rig();
    let state = BTreeMap::from([(Id::Account(3), 2), (Id::Slot(3, 1), 2)]);
    let good = rig.table(&workload(&state, &state));
    let c = &rig.tree.record_cells;
    for (account, places) in [(true, &[5, 6, 7][..]), (false, &[1, 6, 7][..])] {
        let (kind, cells) = if account { &rig.account } else { &rig.storage };
        let neighbour = good.heads_of(*kind)[0];
        let is_it = |r: &&usize| good.cell(**r, c.is_account) == Fr::from(u64::from(account));
        let heads = good.heads_of(rig.tree.record);
        let row = *heads.iter().find(is_it).unwrap();
        for &place in places {
            let mut table = good.clone();
            let v = table.cell(neighbour, cells[place]) + Fr::ONE;
            table.set(neighbour, cells[place], v);
            table.set(row, c.before[place - 1], v);
            let relation = assert_fails(&rig.machine, &table).relation;
            let expected = match place {
                1 => ["a slot is not touched", "nonce limbs"],
                5 => ["an account is not touched"; 2],
                6 => ["original high half"; 2],
                _ => ["original low half"; 2],
            };
            assert!(expected.contains(&relation.as_str()), "{relation}");
        }
    }
}

/// The packed element `nonce 2^128 + balance_hi`, taken apart differently.
#[test]
fn a_packed_element_has_one_reading() {
    let rig = rig();
    let state = BTreeMap::from([(Id::Account(3), 2), (Id::Account(4), 3)]);
    let shift = crate::framework::pow2(128);
    for move_down in [Fr::ONE, -Fr::ONE, Fr::from(7)] {
        let f = forged(&rig, workload(&state, &state), |s, _| {
            if let Record::Account { before, .. } = &mut s.record {
                before[0] -= move_down;
                before[1] += move_down * shift;
            }
            true
        });
        assert!(
            ["balance limbs", "nonce limbs", "balance.top"]
                .iter()
                .any(|r| f.relation.starts_with(r)),
            "{f}"
        );
    }
}

#[test]
fn presence_is_that_of_the_record() {
    // A leaf for an empty record, and none for one that is not empty.
    for (name, relation) in [
        ("absent at an empty place", "a leaf after"),
        ("insertion at an empty place", "a leaf after"),
    ] {
        refused(name, relation, |s, p| {
            s.access.new = match s.access.new {
                Some(_) => None,
                None => Some(record_value(&s.record)),
            };
            *p = Plan::of(&s.access);
        });
    }
    refused("update", "a leaf after", |s, p| {
        s.access.new = None;
        s.access.sibling = Some(Node::Inner {
            left: Fr::ONE,
            right: Fr::ONE,
        });
        *p = Plan::of(&s.access);
    });
    refused("update", "no leaf before", |s, p| {
        s.access.old = None;
        s.access.end = PathEnd::Empty;
        *p = Plan::of(&s.access);
    });
}

fn record_value(record: &Record) -> Fr {
    let shift = crate::framework::pow2(128);
    match record {
        Record::Account { last, .. } => {
            protocol::hash::hash(Tag::Account, &[last[1] * shift + last[2], last[3], last[4]])
        }
        Record::Storage { last, .. } => protocol::hash::hash(Tag::Storage, &last[2..4]),
    }
}

#[test]
fn runs_are_whole() {
    let rig = rig();
    let w = with_case("update");
    let good = rig.table(&w);
    let t = &rig.tree;
    let without = |kind: KindId, rows: usize| {
        let at = good.heads_of(kind)[0];
        let mut table = good.clone();
        table.heads.drain(at..at + rows);
        table.state.drain(at..at + rows);
        table
            .data
            .drain(at * table.width..(at + rows) * table.width);
        table
    };
    for (kind, rows) in [
        (t.record, 2),
        (t.end, 2),
        (t.level, 1),
        (t.root, 2),
        (t.record, 1),
        (t.root, 1),
    ] {
        assert_fails(&rig.machine, &without(kind, rows));
    }
    // A level after a root row that checked the only leaf.
    let mut w = with_case("insertion beside the only leaf");
    w.steps
        .retain(|(s, p)| case(s, p) == "insertion beside the only leaf");
    w.root = w.steps[0].0.access.old_root;
    let good = rig.table(&w);
    assert_holds(&rig.machine, &good);
    let (checked, level) = (good.heads_of(t.root)[0], good.heads_of(t.level)[0]);
    let mut table = good.clone();
    let width = table.width;
    let row = table.data[level * width..(level + 1) * width].to_vec();
    let at = (checked + 2) * width;
    table.data.splice(at..at, row);
    table.heads.insert(checked + 2, table.heads[level]);
    table.state.insert(checked + 2, table.state[level]);
    assert_fails(&rig.machine, &table);
}
