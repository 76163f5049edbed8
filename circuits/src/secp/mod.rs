//! The chip `secp`: recovery of an ECDSA public key on secp256k1.
//!
//! It provides the fact `ecdsa` twice, `(z, r, s, parity, qx)` and `(z, r, s, parity + 2, qy)`, words as (high, low) halves
//! of 128 bits: `1 <= r, s < n`;
//! `R` is the point of the curve with x = `r` whose y, below p, has this parity; `Q = (s R - z G) / r` is not the point at
//! infinity and its coordinates are below p. `z` is any 256-bit value. So the key is unique.
//!
//! # Everything is a statement
//!
//! No row depends on where it stands, and no run has a number: each row offers a statement that is *true by itself*, given the
//! statements it asks for, and no statement rests on itself, because each derivation raises a counter (multiple or
//! place). Rows of different signatures cannot be mixed, since a statement names the point `R` it speaks of.
//!
//! | bus | statement | row |
//! |---|---|---|
//! | `secp.mul` | `o` is in `[-2^255, 2^255)` and `o b - a (a + e) + c = 0` modulo p or n | `secp.mul`, 2 rows |
//! | `secp.word` | `hi 2^128 + lo` is below p or n, and `x` are its limbs (or those of it minus p) | `secp.word`, 2 rows |
//! | `secp.partial` | a point is `k1 R + k2 λ R + g0 G + g1 2^128 G + h H`, the place says which h | `secp.step`, 2 rows; for `R` itself `secp.signature`, 3 rows |
//!
//! The first two are used once for each time they are proven, so they are tokens and need no counter of uses.
//! A point's label is its x with the parity of its y on top: `secp.signature` offers `R` under it only after x is proven below n,
//! y below p, the parity right and the point on the curve, so a label names one point.
//!
//! # One relation
//!
//! Numbers are three limbs, 91 + 91 + 74 bits; what the chip computes is centred, in `[-2^255, 2^255)`. The product of limbs i and j
//! belongs to position i + j, so `E = o b - a d + c - q m` with `d = a + e` has five positions of 91 bits each. Four equations say
//! that `E` is 0 as an integer: positions 0, 1 and 2 leave carries of 104 bits for the next one, and positions 3 and 4 with the last carry are 0.
//!
//! No side of them wraps in the native field. `o` and `q` have limbs of 91 bits, and a top one of at most `2^73` and `2^77` in size. All
//! other operands have limbs 0 and 1 below `2^106`, a top one below `2^78`, and parts of `c` below `2^200`; so positions 0 to 2 are below
//! `2^214`, carries times `2^91` below `2^196`, and `2^91` times position 4 below `2^250`. (Limbs 0 and 1 of a word may be off by a carry
//! of 13 bits that its prover chose badly, the number being the same; otherwise `2^93` would do.)
//! The 64 look-ups of a relation: 20 for `o`, 20 for `q`, 24 for carries. `q` has room up to `2^259`, and `|o b - a d + c| <= 3 * 2^511 + 2^300` needs `3 * 2^255`.
//!
//! | step | relations |
//! |---|---|
//! | addition | `slope (x2 - x1) = y2 - y1`, `x3 = slope^2 - x1 - x2`, `y3 = slope (x1 - x3) - y1` |
//! | doubling | `2 slope y1 = 3 x1^2`, the others alike |
//! | addition of an image | also `x2 = β x` for the x of a multiple |
//!
//! In an addition `D = x1 - x2` is at most `3 * 2^255` in size, so D is 0 modulo p only if it is 0, p or -p: the native inverse of
//! `D (D^2 - p^2)` excludes all three, and no slope is ever free. In a doubling y1 is not 0, since the group's order is odd.
//!
//! # The run
//!
//! Multiples `H + j R`, j = 1 .. 16, are built by 16 additions; the image of a multiple under `(x, y) -> (β x, y)` is made where it is
//! added. The accumulator begins
//! as one of them; 32 iterations each double it four times, add a multiple, an image, and a point of the fixed table
//! (`a G + b 2^128 G`, a and b from 1 to 16); at last the offset is removed. Digits count from 1 to 16, so no entry is the point at
//! infinity, and the scalars are sums of digits: `k1 + λ k2 = u`, `u r = s`, `g0 + 2^128 g1 = v`, `v r = -z` modulo n.
//! A prover may choose other digits for the same scalars, never other scalars: what an added multiple contains is in its own statement.
//!
//! The fixed table `secp.schedule` says, for each place and offset, what a step does there and where its second point stands; the result
//! stands one place further. Place 0 is R, place 1 any multiple, place 226 the key. So a place fixes how often `H` is contained, and
//! which offset is added and removed.
//!
//! # Offsets
//!
//! `H` is one of two points hashed to the curve; the prover chooses. An addition of points with equal x has no row, so whoever makes
//! a signature that meets one makes it unprovable, never forged. In each addition `H` occurs with different multiplicities in the two
//! points, so such a signature's R solves a linear relation between R, H and G with `H` present; one R that solves it for both
//! offsets gives a relation between the two offsets and G, which is a discrete logarithm that nobody knows. A native value that
//! vanishes by accident (`D` a multiple of the native prime) has no better chance to do so under both offsets.
//!
//! # Cost
//!
//! 241 steps, 761 relations, 5 words: 2,017 rows a signature. `golden/secp.txt` holds the figures.
//!
//! # What it does not constrain
//!
//! Low s (the transaction's rules do), and which of the two points that R.x + n could also name: recovery ids 2 and 3 do not occur in
//! transactions. The second y of a doubling, which nothing reads. z's halves are proven below 2^130 only: an asker who gives larger ones than 2^128
//! learns of `z = hi 2^128 + lo`. A signature that recovers nothing has no row yet. Outcome 0 has room in the fact: a row of its own would show that
//! r or s is out of range by the complement of `secp.word`, or that `-y^2 = r^3 + 7` (as -1 is no square modulo p), or that the last
//! accumulator equals the offset's multiple, so that the sum is the point at infinity; key 0 goes with it.

mod columns;
mod constraints;
mod numbers;
mod run;
mod trace;

#[cfg(test)]
mod tests;

use crate::{
    Fr,
    buses::Buses,
    framework::{BusKind, KindId, MachineBuilder},
    tables,
};
use constraints::Inner;
pub use trace::{PublicKey, SecpError, Signature};

/// Kinds and cells of the chip.
#[derive(Clone, Debug)]
pub struct SecpChip {
    mul: (KindId, columns::Mul),
    step: (KindId, columns::Step),
    word: (KindId, columns::Word),
    signature: (KindId, columns::Signature),
}

/// Steps of a run: the multiples of R, then four doublings and three additions a window, then the correction.
const STEPS: usize = numbers::DIGITS + 7 * numbers::WINDOWS + 1;
/// Physical rows of a signature: steps of three relations (one that adds an image has one more, once a window), five words,
/// six relations of its own.
pub const SIGNATURE_ROWS: usize = 2 * STEPS + 2 * (3 * STEPS + numbers::WINDOWS + 6) + 2 * 5 + 3;

/// Declares the chip's kinds, its own buses and its fixed table.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> SecpChip {
    let ranges = columns::Ranges {
        long: tables::range13(b),
        short: b.table("secp.range11", || {
            (0..1u64 << columns::SHORT_BITS)
                .map(|v| vec![Fr::from(v)])
                .collect()
        }),
    };
    let points = b.table("secp.points", || {
        numbers::fixed_points()
            .iter()
            .map(|(key, p)| {
                let (x, y) = trace::centred_point(p);
                [&x.fr()[..], &y.fr(), &key.map(Fr::from)].concat()
            })
            .collect()
    });
    let schedule = b.table("secp.schedule", || {
        numbers::schedule()
            .iter()
            .map(|s| {
                let flags = [s.doubles, s.multiple, s.image].map(u64::from);
                [&flags[..], &[s.other, s.place]]
                    .concat()
                    .into_iter()
                    .map(Fr::from)
                    .collect()
            })
            .collect()
    });
    let inner = Inner {
        mul: b.bus("secp.mul", BusKind::Token, 15),
        word: b.bus("secp.word", BusKind::Token, 6),
        partial: b.bus("secp.partial", BusKind::Fact, 13),
        points,
        schedule,
    };
    let mul = {
        let mut k = b.kind("secp.mul", 2);
        let c = columns::Mul::place(&mut k, ranges);
        constraints::mul(&mut k, &c, inner.mul);
        (k.finish(), c)
    };
    let step = {
        let mut k = b.kind("secp.step", 2);
        let c = columns::Step::place(&mut k);
        constraints::step(&mut k, &c, &inner);
        (k.finish(), c)
    };
    let word = {
        let mut k = b.kind("secp.word", 2);
        let c = columns::Word::place(&mut k, ranges);
        constraints::word(&mut k, &c, inner.word);
        (k.finish(), c)
    };
    let signature = {
        let mut k = b.kind("secp.signature", 3);
        let c = columns::Signature::place(&mut k, ranges);
        constraints::signature(&mut k, &c, &inner, buses.ecdsa);
        (k.finish(), c)
    };
    SecpChip {
        mul,
        step,
        word,
        signature,
    }
}
