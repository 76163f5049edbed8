//! Rows of the `tree` chip, from the openings that the protocol's batch update gives.

use super::{
    TreeChip,
    columns::{Digest, HALF_BITS, Handed, Number},
    constraints::empty_values,
};
use crate::{
    Fr,
    framework::{
        Cell,
        trace::{Row, Trace},
    },
    hash::Permutations,
    tables::RANGE_BITS,
};
use alloy_primitives::{Address, U256};
use ff::Field;
use protocol::{
    account::Account,
    field::{self, Path, to_word},
    hash::{self, Tag},
    tree::{Access, Change, EMPTY, MAX_DEPTH, Node, PathEnd},
};

/// A state key with its record before, and the last token of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// An account.
    Account {
        /// Nonce, balance halves, code commitment.
        before: [Fr; 4],
        /// The `account` token that the run consumes.
        last: [Fr; 9],
    },
    /// A storage slot.
    Storage {
        /// Halves of the word.
        before: [Fr; 2],
        /// The `storage` token that the run consumes.
        last: [Fr; 9],
    },
}

fn account_fields(account: &Account) -> [Fr; 4] {
    let (high, low) = field::split_word(account.balance);
    let [_, _, code] = account.elements();
    [Fr::from(account.nonce), high, low, code]
}

impl Record {
    /// An account with its last `touched`, `created` and `time`.
    pub fn account(address: Address, before: &Account, after: &Account, marks: [u64; 3]) -> Self {
        let [nonce, high, low, code] = account_fields(after);
        let [touched, created, time] = marks.map(Fr::from);
        let (address, zero) = (field::from_address(address), Fr::ZERO);
        Self::Account {
            before: account_fields(before),
            last: [
                address, nonce, high, low, code, touched, created, zero, time,
            ],
        }
    }

    /// A slot with its last `original` word, `touched` and `time`.
    pub fn storage(
        address: Address,
        slot: U256,
        before: U256,
        after: U256,
        original: U256,
        marks: [u64; 2],
    ) -> Self {
        let halves = |w| <[Fr; 2]>::from(field::split_word(w));
        let ([s1, s2], [v1, v2], [o1, o2]) = (halves(slot), halves(after), halves(original));
        let [touched, time] = marks.map(Fr::from);
        let address = field::from_address(address);
        Self::Storage {
            before: halves(before),
            last: [address, touched, v1, v2, s1, s2, o1, o2, time],
        }
    }

    /// The `account` or `storage` token that the run makes at time 0.
    pub fn first(&self) -> [Fr; 9] {
        let zero = Fr::ZERO;
        match *self {
            Self::Account {
                before: [n, h, l, c],
                last,
            } => [last[0], n, h, l, c, zero, zero, zero, zero],
            Self::Storage {
                before: [h, l],
                last: [a, _, _, _, s1, s2, ..],
            } => [a, zero, h, l, s1, s2, h, l, zero],
        }
    }

    /// The key and its leaf's value after, for [`protocol::tree::open`].
    pub fn change(&self) -> Change {
        let (empty_slot, empty_account) = empty_values();
        let (key, value, empty) = match *self {
            Self::Account {
                last: [a, n, h, l, c, ..],
                ..
            } => {
                let packed = n * crate::framework::pow2(128) + h;
                (
                    hash::hash(Tag::KeyAccount, &[a]),
                    hash::hash(Tag::Account, &[packed, l, c]),
                    empty_account,
                )
            }
            Self::Storage {
                last: [a, _, h, l, s1, s2, ..],
                ..
            } => (
                hash::hash(Tag::KeyStorage, &[a, s1, s2]),
                hash::hash(Tag::Storage, &[h, l]),
                empty_slot,
            ),
        };
        (key, (value != empty).then_some(value))
    }
}

/// One key: its record and its opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The record before, and the token consumed.
    pub record: Record,
    /// The opening, from [`protocol::tree::open`] over all keys of the segment.
    pub access: Access,
}

/// The token of the `tree` bus: how many runs there were, the root, the last key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Runs so far; 0 at the start.
    pub count: u64,
    /// State root.
    pub root: Fr,
    /// The last run's key; 0 at the start.
    pub key: Fr,
}

impl Chain {
    /// The first token over a state root.
    pub fn start(root: Fr) -> Self {
        Self {
            count: 0,
            root,
            key: Fr::ZERO,
        }
    }
    /// The message.
    pub fn values(&self) -> [Fr; 3] {
        [Fr::from(self.count), self.root, self.key]
    }
}

/// Low and high half of an element's canonical integer.
pub(super) fn halves(v: Fr) -> (Fr, Fr) {
    let word = to_word(&v);
    (element(low_half(word)), element(word >> HALF_BITS as usize))
}

fn low_half(word: U256) -> U256 {
    word & ((U256::ONE << HALF_BITS as usize) - U256::ONE)
}

fn element(word: U256) -> Fr {
    Fr::from_raw(*word.as_limbs())
}

fn limb(word: U256, i: usize) -> Fr {
    let word: U256 = (word >> (RANGE_BITS as usize * i)) & U256::from((1u64 << RANGE_BITS) - 1);
    element(word)
}

impl Number {
    fn fill(&self, row: &mut Row<'_>, value: U256) {
        for (i, cell) in self.low.iter().chain(&self.high).enumerate() {
            row.set(*cell, limb(value, i));
        }
    }
}

fn fill_limbs(row: &mut Row<'_>, cells: &[Cell], value: Fr) {
    let word = to_word(&value);
    for (i, cell) in cells.iter().enumerate() {
        row.set(*cell, limb(word, i));
    }
}

/// State before the last permutation, and the digest.
fn digest(permutations: &mut Permutations, tag: Tag, inputs: &[Fr]) -> [Fr; 4] {
    let mut state = [Fr::ZERO, Fr::ZERO, tag.iv(inputs.len() as u64)];
    for (i, pair) in inputs.chunks(2).enumerate() {
        if i > 0 {
            state = permutations.permute(state);
        }
        for (word, input) in state.iter_mut().zip(pair) {
            *word += input;
        }
    }
    let [first, second, capacity] = state;
    let digest = permutations.compress(capacity, first, second);
    [first, second, capacity, digest]
}

/// What a run claims about its path. Honest plans come from an opening; tests make others.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Siblings on the longer side, the root's child first.
    pub(super) siblings: Vec<Fr>,
    /// The key's bits, one for each sibling.
    pub(super) bits: Vec<bool>,
    /// The key's bits below them.
    pub(super) rest: U256,
    /// The other key's bits below the join.
    pub(super) other_rest: U256,
    /// Preimage parts of the other node.
    pub(super) other: (Fr, Fr),
    /// The other node is a leaf that is joined.
    pub(super) join: bool,
    /// The other node is a leaf that shows absence.
    pub(super) beside: bool,
    /// The other node is an inner one beside a deleted leaf.
    pub(super) drop: bool,
    /// The deleted leaf is the only one.
    pub(super) clear: bool,
    /// How many levels, from the end up, only the longer side has.
    pub(super) lifted: usize,
    /// Whether a row shows that the other key is canonical.
    pub(super) checks_other: bool,
}

impl Plan {
    pub(super) fn of(access: &Access) -> Self {
        let path = Path::new(&access.key);
        let mut plan = Self {
            siblings: access.siblings.clone(),
            bits: vec![],
            rest: U256::ZERO,
            other_rest: U256::ZERO,
            other: (Fr::ZERO, Fr::ZERO),
            join: false,
            beside: false,
            drop: false,
            clear: false,
            lifted: 0,
            checks_other: false,
        };
        match (access.end, access.new, access.sibling) {
            (PathEnd::Other { key, value }, Some(_), _) => {
                let shared = path.common_prefix(&Path::new(&key));
                plan.other = (key, value);
                plan.join = true;
                plan.siblings.resize(shared, EMPTY);
                plan.siblings.push(hash::leaf(key, value));
            }
            (PathEnd::Other { key, value }, None, _) => {
                plan.other = (key, value);
                plan.beside = true;
            }
            (PathEnd::Own, None, Some(Node::Leaf { key, value })) => {
                plan.other = (key, value);
                plan.join = true;
            }
            (PathEnd::Own, None, Some(Node::Inner { left, right })) => {
                plan.other = (left, right);
                plan.drop = true;
            }
            (PathEnd::Own, None, None) => plan.clear = true,
            (PathEnd::Own | PathEnd::Empty, ..) => {}
        }
        let levels = plan.siblings.len();
        plan.bits = (0..levels).map(|depth| path.bit(depth)).collect();
        let below = plan.weight() - U256::ONE;
        plan.rest = to_word(&access.key) & below;
        if plan.join {
            plan.other_rest = to_word(&plan.other.0) & below;
            let above = plan.siblings.iter().rev().skip(1);
            plan.lifted = 1 + above.take_while(|s| **s == EMPTY).count();
        }
        plan.checks_other = plan.join && access.new.is_some() && plan.lifted == levels;
        plan
    }

    /// `2^(254 - levels)`; for tests of paths too long, 1.
    fn weight(&self) -> U256 {
        U256::ONE << MAX_DEPTH.saturating_sub(self.siblings.len())
    }
}

/// Values of the handed columns, by name.
#[derive(Clone, Copy)]
struct State {
    long: Fr,
    short: Fr,
    rest: Fr,
    weight: Fr,
    mode: u64,
    swap: bool,
    bits: u64,
}

impl State {
    fn fill(&self, row: &mut Row<'_>, cells: &Handed, key: Fr) {
        let values = [
            self.long,
            self.short,
            self.rest,
            self.weight,
            key,
            Fr::from(self.mode),
            Fr::from(u64::from(self.swap)),
            Fr::from(self.bits),
        ];
        row.set_all(&cells.all(), values);
    }
}

fn flag(on: bool) -> Fr {
    Fr::from(u64::from(on))
}

impl TreeChip {
    /// Appends the runs of all keys, in the order of their keys, and gives the token that the last one makes.
    ///
    /// It never fails: a step that contradicts itself or its neighbours is left to the checker, which says where.
    pub fn fill(
        &self,
        trace: &mut Trace<'_>,
        permutations: &mut Permutations,
        start: Chain,
        steps: &[Step],
    ) -> Chain {
        steps.iter().fold(start, |chain, step| {
            let plan = Plan::of(&step.access);
            self.run(trace, permutations, chain, step, &plan)
        })
    }

    /// Appends one run that follows a plan.
    pub(super) fn run(
        &self,
        trace: &mut Trace<'_>,
        permutations: &mut Permutations,
        chain: Chain,
        step: &Step,
        plan: &Plan,
    ) -> Chain {
        let access = &step.access;
        let leaf_iv = Tag::Leaf.iv(2);
        let mut leaf = |value: Option<Fr>| {
            value.map_or(EMPTY, |v| permutations.compress(leaf_iv, access.key, v))
        };
        let leaves = (leaf(access.old), leaf(access.new));
        self.record_row(trace, permutations, step, leaves, plan.rest);
        let mut state = self.end_row(trace, permutations, access, plan, leaves);
        let levels = plan.siblings.iter().zip(&plan.bits).rev();
        for (i, (sibling, bit)) in levels.enumerate() {
            let lifts = i < plan.lifted;
            state = self.level_row(
                trace,
                permutations,
                access.key,
                state,
                (*bit, *sibling, lifts),
            );
        }
        if plan.checks_other {
            state = self.root_row(trace, access.key, state, Fr::ZERO, Some(plan.other));
        }
        let old_root = if state.swap { state.short } else { state.long };
        let head = trace.rows();
        self.root_row(trace, access.key, state, chain.key, None);
        let c = &self.root_cells;
        trace
            .row_mut(head)
            .set(c.first, old_root)
            .set(c.second, Fr::from(chain.count));
        Chain {
            count: chain.count + 1,
            root: state.long + state.short - old_root,
            key: access.key,
        }
    }

    fn record_row(
        &self,
        trace: &mut Trace<'_>,
        permutations: &mut Permutations,
        step: &Step,
        leaves: (Fr, Fr),
        rest: U256,
    ) {
        let c = &self.record_cells;
        let shift = crate::framework::pow2(128);
        let mut hashed = |tag, inputs: &[Fr]| digest(permutations, tag, inputs);
        let made = step.record.first();
        let (is_account, last, key, before, after) = match &step.record {
            Record::Account { last, .. } => {
                let mut value = |f: &[Fr]| hashed(Tag::Account, &[f[1] * shift + f[2], f[3], f[4]]);
                let (before, after) = (value(&made), value(last));
                let key = hashed(Tag::KeyAccount, &last[..1]);
                (true, last, key, before, after)
            }
            Record::Storage { last, .. } => {
                let mut value = |f: &[Fr]| hashed(Tag::Storage, &f[2..4]);
                let (before, after) = (value(&made), value(last));
                let key = hashed(Tag::KeyStorage, &[last[0], last[4], last[5]]);
                (false, last, key, before, after)
            }
        };
        let (empty_slot, empty_account) = empty_values();
        let difference = after[3]
            - if is_account {
                empty_account
            } else {
                empty_slot
            };
        let mut row = trace.push(self.record);
        row.set(c.is_account, flag(is_account))
            .set(c.address, last[0])
            .set_all(&c.before, made[1..8].iter().copied())
            .set_all(&c.after, last[1..].iter().copied())
            .set(c.present_before, flag(step.access.old.is_some()))
            .set(c.present_after, flag(step.access.new.is_some()))
            .set(c.inverse, difference.invert().unwrap_or(Fr::ZERO))
            .set(c.leaf_before, leaves.0)
            .set(c.leaf_after, leaves.1)
            .set(c.rest_value, element(rest))
            .set(c.rest_high, element(rest >> HALF_BITS as usize));
        let mut put = |d: &Digest, v: [Fr; 4]| _ = row.set_all(&d.cells(), v);
        put(&c.value_before, before);
        put(&c.value_after, after);
        put(&c.key, key);
        row.set(c.key.digest, step.access.key);
        c.rest.fill(&mut row, rest);
        if is_account {
            fill_limbs(&mut row, &c.nonce, made[1]);
            fill_limbs(&mut row, &c.balance, made[2]);
            row.set(
                c.balance_top,
                limb(to_word(&made[2]), c.balance.len() - 1) * Fr::from(4),
            );
        }
    }

    fn end_row(
        &self,
        trace: &mut Trace<'_>,
        permutations: &mut Permutations,
        access: &Access,
        plan: &Plan,
        (leaf_before, leaf_after): (Fr, Fr),
    ) -> State {
        let c = &self.end_cells;
        let (left, right) = plan.other;
        let tag = if plan.drop { Tag::Node } else { Tag::Leaf };
        let node = permutations.compress(tag.iv(2), left, right);
        let weight = plan.weight();
        let below = weight - U256::ONE;
        let bit = plan.join && plan.bits.last() == Some(&true);
        let swap = plan.join && access.new.is_some();
        let (long, short) = if plan.join {
            (leaf_before + leaf_after, node)
        } else if plan.beside {
            (node, node)
        } else if plan.drop {
            (leaf_before, node)
        } else {
            (leaf_before, leaf_after)
        };
        let mode = match (plan.join, plan.drop) {
            (true, _) => 2 + 2 * u64::from(bit),
            (_, true) => 8,
            _ => 1,
        };
        let state = State {
            long,
            short,
            rest: element(plan.rest),
            weight: element(weight),
            mode,
            swap,
            bits: u64::from(plan.join),
        };
        let mut row = trace.push(self.end);
        state.fill(&mut row, &c.handed, access.key);
        c.slack.fill(&mut row, below.wrapping_sub(plan.rest));
        c.other_rest.fill(&mut row, plan.other_rest);
        c.other_slack
            .fill(&mut row, below.wrapping_sub(plan.other_rest));
        let inverse = if plan.beside {
            (left - access.key).invert().unwrap_or(Fr::ZERO)
        } else {
            Fr::ZERO
        };
        row.set(c.left, left)
            .set(c.right, right)
            .set(c.node, node)
            .set(c.other, flag(plan.beside))
            .set(c.drop, flag(plan.drop))
            .set(c.clear, flag(plan.clear))
            .set(c.heavy, flag(weight >> HALF_BITS as usize != U256::ZERO))
            .set(c.inverse, inverse);
        state
    }

    fn level_row(
        &self,
        trace: &mut Trace<'_>,
        permutations: &mut Permutations,
        key: Fr,
        below: State,
        (bit, sibling, lifts): (bool, Fr, bool),
    ) -> State {
        let c = &self.level_cells;
        let (join, drop, common) = (
            matches!(below.mode, 2 | 4),
            below.mode == 8,
            below.mode == 1,
        );
        let order = |on_path| {
            if bit {
                (sibling, on_path)
            } else {
                (on_path, sibling)
            }
        };
        let mut node = |(l, r): (Fr, Fr)| permutations.compress(Tag::Node.iv(2), l, r);
        let short_below = if drop { EMPTY } else { below.short };
        let (long_pair, short_pair) = (order(below.long), order(short_below));
        let other_bit = bit ^ join;
        let state = State {
            long: node(long_pair),
            short: if lifts { below.short } else { node(short_pair) },
            rest: if bit {
                below.rest + below.weight
            } else {
                below.rest
            },
            weight: below.weight.double(),
            mode: u64::from(!lifts),
            swap: below.swap,
            bits: u64::from(bit) + 2 * u64::from(other_bit),
        };
        let turn = !(lifts || common || drop);
        let mut row = trace.push(self.level);
        state.fill(&mut row, &c.handed, key);
        row.set(c.bit, flag(bit))
            .set(c.join, flag(join))
            .set(c.drop, flag(drop))
            .set(c.common, flag(common))
            .set(c.sibling, sibling)
            .set(c.long_left, long_pair.0)
            .set(c.below, short_below)
            .set(c.short_left, short_pair.0);
        if turn {
            row.set(c.inverse, sibling.invert().unwrap_or(Fr::ZERO));
        }
        state
    }

    /// The row that proves `previous < key < p`, or that another key is canonical.
    fn root_row(
        &self,
        trace: &mut Trace<'_>,
        key: Fr,
        below: State,
        previous: Fr,
        other: Option<(Fr, Fr)>,
    ) -> State {
        let c = &self.root_cells;
        let upper = other.map_or(key, |(key, _)| key);
        let numbers = [previous, upper - previous - Fr::ONE, -Fr::ONE - upper].map(|v| to_word(&v));
        let low: U256 = numbers.iter().map(|n| low_half(*n)).sum();
        let carry = low.wrapping_sub(low_half(to_word(&-Fr::from(2)))) >> HALF_BITS as usize;
        let state = State { mode: 1, ..below };
        let (bit, other_bit) = (below.bits & 1 == 1, below.bits & 2 == 2);
        let mut row = trace.push(self.root);
        state.fill(&mut row, &c.handed, key);
        for (cells, number) in [&c.previous, &c.step, &c.slack].into_iter().zip(numbers) {
            cells.fill(&mut row, number);
        }
        row.set(c.carry, element(carry))
            .set(c.bit, flag(bit))
            .set(c.other_bit, flag(other_bit))
            .set(c.checks_other, flag(other.is_some()));
        if if other.is_some() { other_bit } else { bit } {
            let top = limb(numbers[2], c.slack.low.len() + c.slack.high.len() - 1);
            row.set(c.top, Fr::from(64) - top);
        }
        if let Some((left, right)) = other {
            row.set(c.first, left).set(c.second, right);
        }
        state
    }
}
