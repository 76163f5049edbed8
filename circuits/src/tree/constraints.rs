//! Kinds, constraints and messages of the `tree` chip.

use super::columns::{
    Digest, EndCells, HALF_BITS, Handed, LevelCells, RecordCells, RootCells, modulus_minus_two, sum,
};
use crate::{
    Fr,
    buses::Buses,
    framework::{Cell, Expr, KindBuilder, KindId, MachineBuilder, State, TableId, pow2},
    tables::{self, RANGE_BITS},
};
use ff::Field;
use protocol::{
    account::Account,
    hash::{self, Tag},
    tree::MAX_DEPTH,
};

/// Handles of the `tree` chip.
#[derive(Clone, Debug)]
pub struct TreeChip {
    /// Kind of the first row of a run: the record and its tokens.
    pub record: KindId,
    /// Its cells.
    pub record_cells: RecordCells,
    /// Kind of the row at the end of the path.
    pub end: KindId,
    /// Its cells.
    pub end_cells: EndCells,
    /// Kind of the row of one level.
    pub level: KindId,
    /// Its cells.
    pub level_cells: LevelCells,
    /// Kind of the last row: both roots and the order of keys.
    pub root: KindId,
    /// Its cells.
    pub root_cells: RootCells,
}

/// Adds the chip to a machine.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> TreeChip {
    let range = tables::range13(b);
    let states = States {
        record: b.state(),
        path: b.state(),
        checked: b.state(),
    };
    let (record, record_cells) = record(b, buses, range, states);
    let (end, end_cells) = end(b, buses, range, states);
    let (level, level_cells) = level(b, buses, states);
    let (root, root_cells) = root(b, buses, range, states);
    TreeChip {
        record,
        record_cells,
        end,
        end_cells,
        level,
        level_cells,
        root,
        root_cells,
    }
}

#[derive(Clone, Copy)]
struct States {
    /// Below a record.
    record: State,
    /// Below the path's end or a level.
    path: State,
    /// Below a root row that checked the other leaf.
    checked: State,
}

/// Values of the leaves that empty records would have: (slot, account).
pub(super) fn empty_values() -> (Fr, Fr) {
    (
        hash::hash(Tag::Storage, &[Fr::ZERO; 2]),
        hash::hash(Tag::Account, &Account::default().elements()),
    )
}

/// `compress (capacity, first, second, digest)`.
fn require_digest(k: &mut KindBuilder<'_>, buses: &Buses, d: &Digest) {
    let values = [d.capacity, d.first, d.second, d.digest].map(Expr::from);
    k.require(buses.compress, 1, values.to_vec());
}

/// The sponge's first permutation for three inputs, where `on`: what it leaves, `third` added, is the state of `d`.
fn require_first(
    k: &mut KindBuilder<'_>,
    buses: &Buses,
    on: Expr,
    tag: Tag,
    inputs: [Expr; 3],
    d: &Digest,
) {
    let [one, two, three] = inputs;
    let iv = tag.iv(3);
    k.require(
        buses.permute,
        on,
        vec![
            one,
            two,
            iv.into(),
            d.first - three,
            d.second.expr(),
            d.capacity - Expr::from(iv),
        ],
    );
}

fn record(
    b: &mut MachineBuilder,
    buses: &Buses,
    range: TableId,
    states: States,
) -> (KindId, RecordCells) {
    let mut k = b.kind("tree.record", 2);
    let c = RecordCells::declare(&mut k, range);
    let (account, slot) = (c.is_account.expr(), c.is_account.expr().not());
    let [x1, x2, x3, x4, x5, x6, x7] = c.before;
    let [y1, y2, y3, y4, y5, ..] = c.after;

    // The key: H(KeyAccount, [address]) or H(KeyStorage, [address, x4, x5]).
    let key = &c.key;
    k.constrain("account key 0", &account * (key.first - c.address));
    k.constrain("account key 1", &account * key.second);
    k.constrain(
        "account key 2",
        &account * (key.capacity - Tag::KeyAccount.iv(1)),
    );
    let inputs = [c.address.expr(), x4.expr(), x5.expr()];
    require_first(&mut k, buses, slot.clone(), Tag::KeyStorage, inputs, key);
    require_digest(&mut k, buses, key);

    // Values: H(Account, [nonce 2^128 + balance_hi, balance_lo, code]) or H(Storage, [hi, lo]).
    for (name, d, [f1, f2, f3, f4]) in [
        ("before", &c.value_before, [x1, x2, x3, x4]),
        ("after", &c.value_after, [y1, y2, y3, y4]),
    ] {
        k.constrain(&format!("slot {name} 0"), &slot * (d.first - f2));
        k.constrain(&format!("slot {name} 1"), &slot * (d.second - f3));
        k.constrain(
            &format!("slot {name} 2"),
            &slot * (d.capacity - Tag::Storage.iv(2)),
        );
        let inputs = [f1 * pow2(128) + f2, f3.expr(), f4.expr()];
        require_first(&mut k, buses, account.clone(), Tag::Account, inputs, d);
        require_digest(&mut k, buses, d);
    }
    // What a leaf's packed element holds is unique: the high half is below 2^128 and the nonce below 2^65.
    let shift = pow2(2);
    k.equal("balance limbs", sum(&c.balance), &account * x2);
    k.equal(
        "top balance limb",
        c.balance_top,
        c.balance[c.balance.len() - 1] * shift,
    );
    k.equal("nonce limbs", sum(&c.nonce), x1);

    // A record is empty exactly if its value is that of an empty one, and then it has no leaf.
    let (empty_slot, empty_account) = empty_values();
    let empty = &account * (empty_account - empty_slot) + empty_slot;
    let (old, new) = (c.present_before.expr(), c.present_after.expr());
    k.constrain(
        "no leaf before is an empty record",
        old.not() * (c.value_before.digest - &empty),
    );
    let difference = c.value_after.digest - empty;
    k.equal("a leaf after", &difference * c.inverse, &new);
    k.constrain(
        "no leaf after is an empty record",
        new.not() * (difference + c.inverse),
    );
    let leaf_iv = Expr::from(Tag::Leaf.iv(2));
    for (name, on, value, leaf) in [
        ("before", old, c.value_before.digest, c.leaf_before),
        ("after", new, c.value_after.digest, c.leaf_after),
    ] {
        k.constrain(&format!("no leaf {name} is 0"), on.not() * leaf);
        k.require(
            buses.compress,
            on,
            vec![
                leaf_iv.clone(),
                key.digest.expr(),
                value.expr(),
                leaf.expr(),
            ],
        );
    }

    // Tokens.
    k.constrain("a slot is not touched", &slot * x1);
    k.constrain("an account is not touched", &account * x5);
    k.constrain("original high half", x6 - &slot * x2);
    k.constrain("original low half", x7 - &slot * x3);
    k.constrain("slot high half stays", &slot * (y4 - x4));
    k.constrain("slot low half stays", &slot * (y5 - x5));
    let both = [buses.account, buses.storage];
    let [one, other] = both.map(|b| Fr::from(b.number()));
    let bus = account * one + slot * other;
    let made = [c.address, x1, x2, x3, x4, x5, x6, x7].map(Expr::from);
    let made = made.into_iter().chain([Expr::zero()]).collect();
    k.switched(bus.clone(), 1, &both, made);
    let taken = std::iter::once(c.address).chain(c.after);
    let taken = taken.map(Expr::from).collect();
    k.switched(bus, -Expr::one(), &both, taken);

    k.equal("rest", c.rest_value, c.rest.value());
    k.equal("rest high", c.rest_high, c.rest.high());
    let id = k.leave(states.record).finish();
    (id, c)
}

fn end(
    b: &mut MachineBuilder,
    buses: &Buses,
    range: TableId,
    states: States,
) -> (KindId, EndCells) {
    let mut k = b.kind("tree.end", 2);
    let c = EndCells::declare(&mut k, range);
    let own = c.handed;
    // The record's last row has other meanings for some of the columns.
    let Handed {
        long: leaf_before,
        short: leaf_after,
        rest,
        key,
        mode: present_after,
        swap: present_before,
        bits: rest_high,
        ..
    } = own.above();
    let (old, new) = (present_before.expr(), present_after.expr());
    let (join, weight) = (c.join(), own.weight);
    k.equal("rest is copied", own.rest, rest);
    k.equal("key is copied", own.key, key);

    // rest < weight and other_rest < weight, all integers: with weight = 2^w, weight - 1 has the low half
    // 2^130 - 1 and the high half 2^(w - 130) - 1 if w >= 130, and no high half else. No carry can occur.
    let half = pow2(HALF_BITS);
    let inverse_half = half.invert().unwrap_or(Fr::ZERO);
    let low = weight - 1 + c.heavy * (Expr::from(half) - weight);
    let high = c.heavy * (weight * inverse_half - 1);
    k.equal("rest low", c.slack.low() + rest - rest_high * half, &low);
    k.equal("rest high", c.slack.high() + rest_high, &high);
    k.equal("other low", c.other_rest.low() + c.other_slack.low(), low);
    k.equal(
        "other high",
        c.other_rest.high() + c.other_slack.high(),
        high,
    );

    // The other node: a leaf, or the inner node beside a deleted leaf.
    let [leaf_iv, node_iv] = [Tag::Leaf, Tag::Node].map(|t| t.iv(2));
    k.require(
        buses.compress,
        1,
        vec![
            c.drop * (node_iv - leaf_iv) + leaf_iv,
            c.left.expr(),
            c.right.expr(),
            c.node.expr(),
        ],
    );

    // Which case it is. mode = 1 (common), 2 or 4 (join, the key's bit 0 or 1), 8 (drop).
    k.constrain("join is boolean", join * (join - 1));
    let two_bit = own.mode - 1 - join - c.drop * 7;
    k.constrain("mode", &two_bit * (&two_bit - join * 2));
    k.constrain("join changes presence", join * (&old + &new - 1));
    k.constrain("swap", own.swap - join * &new);
    k.constrain("other is absence", c.other * (&old + &new));
    k.constrain(
        "drop and clear are deletions",
        (c.drop + c.clear) * (old.not() + &new),
    );
    k.constrain("join or drop", join * c.drop);
    k.constrain(
        "clear is at the root",
        c.clear * (weight - pow2(MAX_DEPTH as u32)),
    );
    k.constrain(
        "a deletion joins, drops or clears",
        &old * new.not() * (join.expr().not() - c.drop - c.clear),
    );
    // inverse = 1 / (left - key) if other, else 0.
    k.constrain(
        "the other key differs",
        c.inverse * (c.other * (c.left - key - 1) + 1) - c.other,
    );
    // left and key share the bits above the join and differ in that of the join:
    // left - key = (1 - 2 bit) weight + other_rest - rest.
    k.constrain(
        "the other key branches off at the join",
        join * (c.left - key - weight + &two_bit * weight - c.other_rest.value() + rest),
    );
    k.equal(
        "longer side",
        own.long,
        join * leaf_after + c.other * c.node + leaf_before,
    );
    k.equal(
        "shorter side",
        own.short,
        (c.other + join + c.drop) * c.node - join * leaf_after + leaf_after,
    );
    let id = k.enter(&[states.record]).leave(states.path).finish();
    (id, c)
}

fn level(b: &mut MachineBuilder, buses: &Buses, states: States) -> (KindId, LevelCells) {
    let mut k = b.kind("tree.level", 1);
    let c = LevelCells::declare(&mut k);
    let (own, below) = (c.handed, c.handed.above());
    let (common, s) = (own.mode, c.sibling);
    let join_bit = c.join * c.bit;
    let double = Fr::from(2);

    // mode below = 0 (lifting), 1 (common), 2 or 4 (join), 8 (drop).
    k.constrain("mode is boolean", common * (common - 1));
    k.equal(
        "mode below",
        below.mode,
        (c.join + &join_bit) * double + c.drop * Fr::from(8) + c.common,
    );
    k.constrain("a join is on one side", c.join * common);
    let stays = c.common + c.drop;
    k.constrain("common stays common", &stays * (common - 1));
    // A leaf is lifted as far as it goes: the deepest common level above has another sibling than an empty one.
    let turn = common - stays;
    k.constrain(
        "lifting ends at a sibling",
        c.inverse * (&turn * (s - 1) + 1) - turn,
    );
    k.constrain(
        "lifting passes empty siblings",
        (common.expr().not() - c.join) * s,
    );
    k.constrain(
        "the other node is the sibling",
        (c.join + c.drop) * (s - below.short),
    );

    // Children on either side, chosen by the bit.
    k.equal(
        "longer left",
        c.long_left,
        c.bit * (s - below.long) + below.long,
    );
    k.equal("dropped", c.below, below.short - c.drop * below.short);
    k.equal(
        "shorter left",
        c.short_left,
        c.bit * (s - c.below) + c.below,
    );
    let node_iv = Expr::from(Tag::Node.iv(2));
    k.require(
        buses.compress,
        1,
        vec![
            node_iv.clone(),
            c.long_left.expr(),
            below.long + s - c.long_left,
            own.long.expr(),
        ],
    );
    k.require(
        buses.compress,
        common,
        vec![
            node_iv,
            c.short_left.expr(),
            c.below + s - c.short_left,
            own.short.expr(),
        ],
    );
    k.constrain(
        "shorter side is lifted",
        common.expr().not() * (own.short - below.short),
    );

    k.equal("rest", own.rest, c.bit * below.weight + below.rest);
    k.equal("weight", own.weight, below.weight * double);
    k.equal("key is copied", own.key, below.key);
    k.equal("swap is copied", own.swap, below.swap);
    // bit + 2 (bit xor join)
    k.equal(
        "bits",
        own.bits,
        c.bit * Fr::from(3) + c.join * double - join_bit * Fr::from(4),
    );
    let id = k.enter(&[states.path]).leave(states.path).finish();
    (id, c)
}

fn root(
    b: &mut MachineBuilder,
    buses: &Buses,
    range: TableId,
    states: States,
) -> (KindId, RootCells) {
    let mut k = b.kind("tree.root", 2);
    let c = RootCells::declare(&mut k, range);
    let (own, below) = (c.handed, c.handed.above());
    let (other, last) = (c.checks_other, c.checks_other.expr().not());
    k.equal(
        "whole path",
        below.weight,
        Expr::from(pow2(MAX_DEPTH as u32)),
    );
    k.equal("the path is the key", below.rest, below.key);
    k.constrain("mode below is boolean", below.mode * (below.mode - 1));
    k.constrain(
        "an insertion beside the only leaf has that leaf checked",
        &last * below.swap * (below.mode - 1),
    );
    k.equal("bits", below.bits, c.bit + c.other_bit * 2);
    k.equal("mode", own.mode, 1);
    for (name, a, b) in copies(own, below) {
        k.equal(&format!("{name} is copied"), a, b);
    }

    // previous + step + slack = p - 2 as integers, and previous + step + 1 is the key, so previous < key < p.
    let (low, high) = modulus_minus_two();
    k.equal(
        "low halves",
        c.previous.low() + c.step.low() + c.slack.low(),
        c.carry * pow2(HALF_BITS) + low,
    );
    k.equal(
        "high halves",
        c.previous.high() + c.step.high() + c.slack.high() + c.carry,
        Expr::from(high),
    );
    k.constrain("carry", c.carry * (c.carry - 1) * (c.carry - 2));
    k.equal(
        "key",
        c.previous.value() + c.step.value() + 1,
        other * (c.first - below.key) + below.key,
    );
    // A path with top bit 1 belongs to a key of at least 2^254 - p: its bits are those of the canonical key.
    k.equal(
        "top bit",
        c.top,
        (other * (c.other_bit - c.bit) + c.bit) * (-(c.slack.top() - 64)),
    );

    // The only leaf, opened.
    k.require(
        buses.compress,
        other,
        vec![
            Tag::Leaf.iv(2).into(),
            c.first.expr(),
            c.second.expr(),
            below.short.expr(),
        ],
    );
    // Roots: the longer side is the old one unless swapped.
    k.constrain(
        "old root",
        last.clone() * (c.first - below.long - below.swap * (below.short - below.long)),
    );
    k.receive(
        buses.tree,
        last.clone(),
        vec![c.second.expr(), c.first.expr(), c.previous.value()],
    );
    k.send(
        buses.tree,
        last,
        vec![
            c.second + 1,
            below.long + below.short - c.first,
            below.key.expr(),
        ],
    );
    let id = k
        .enter(&[states.path, states.checked])
        .leave_expr(other * states.checked.expr())
        .finish();
    (id, c)
}

/// Columns that a root row copies from above: all but the mode.
fn copies(own: Handed, below: Handed) -> impl Iterator<Item = (&'static str, Cell, Cell)> {
    let names = [
        "long", "short", "rest", "weight", "key", "mode", "swap", "bits",
    ];
    names
        .into_iter()
        .zip(own.all().into_iter().zip(below.all()))
        .filter(|(name, _)| *name != "mode")
        .map(|(name, (a, b))| (name, a, b))
}

const _: () = assert!(RANGE_BITS == 13, "the bounds on top limbs assume 13 bits");
