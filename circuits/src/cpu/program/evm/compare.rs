//! How words compare: entries that prove it, and choices between them.

use super::ask;
use crate::cpu::{
    asm::{Asm, Micro, Next, Operand, Target, Var},
    isa::{Op, Service},
};
use alloy_primitives::U256;
use std::cmp::Ordering;

/// The entry that proves `a = b`.
pub(super) fn same(a: impl Into<Operand>, b: impl Into<Operand>) -> Micro {
    Micro {
        ops: vec![Op::Own, Op::Equal],
        a: a.into(),
        b: b.into(),
        ..Micro::default()
    }
}

/// The entry that proves `a < b`.
pub(super) fn less(a: impl Into<Operand>, b: impl Into<Operand>) -> Micro {
    ask(Service::Less, a.into(), b.into(), Target::Unread)
}

/// Goes on at the first place if a word is 0, else at the second.
pub(super) fn is_zero(p: &mut Asm, a: Var, [zero, other]: [Next; 2]) {
    let ways = vec![
        same(a, Operand::Zero).then(zero),
        less(Operand::Zero, a).then(other),
    ];
    p.pick(ways, move |v| usize::from(v.word(a) != U256::ZERO));
}

/// Goes on at the first place if two words are equal, else at the second.
pub(super) fn are_equal(p: &mut Asm, [a, b]: [Var; 2], [equal, other]: [Next; 2]) {
    let ways = vec![
        less(a, b).then(other),
        same(a, b).then(equal),
        less(b, a).then(other),
    ];
    p.pick(ways, move |v| match v.word(a).cmp(&v.word(b)) {
        Ordering::Less => 0,
        Ordering::Equal => 1,
        Ordering::Greater => 2,
    });
}

/// Goes on at the first place if `a` is at least `b`, else at the second.
pub(super) fn at_least(p: &mut Asm, [a, b]: [Var; 2], [reaches, below]: [Next; 2]) {
    let ways = vec![
        ask(Service::Sub, a.into(), b.into(), Target::Unread).then(reaches),
        less(a, b).then(below),
    ];
    p.pick(ways, move |v| usize::from(v.word(a) < v.word(b)));
}
