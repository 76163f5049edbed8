//! The chip `secp`: recovery of an ECDSA public key on secp256k1.
//!
//! It provides the fact `ecdsa` `(z, r, s, parity, qx, qy, ok = 1)`, words as (high, low) halves of 128 bits: `1 <= r, s < n`;
//! `R` is the point of the curve with x = `r` whose y, below p, has this parity; `Q = (s R - z G) / r` is not the point at
//! infinity and its coordinates are below p. `z` is any 256-bit value. So the key is unique.
//!
//! # Everything is a fact
//!
//! No row depends on where it stands, and no run has a number: each row offers a statement that is *true by itself*, given the
//! statements it asks for, and no statement rests on itself, because each derivation raises a counter (multiple, window or
//! phase). Rows of different signatures cannot be mixed, since a statement names the point `R` it speaks of.
//!
//! | bus | statement | row |
//! |---|---|---|
//! | `secp.mul` | `o` is in `[-2^255, 2^255)` and `o b + a d + c = 0` modulo p or n | `secp.mul`, 2 rows |
//! | `secp.word` | `hi 2^128 + lo` is below p or n, and `x` are its limbs (or those of it minus p) | `secp.word`, 2 rows |
//! | `secp.multiple` | a point is `H + j R`, or the image of that | `secp.step`, 2 rows |
//! | `secp.partial` | a point is `k1 R + k2 λ R + g0 G + g1 2^128 G + h H` | `secp.step`; for `R` itself `secp.signature`, 3 rows |
//!
//! A point's label is its x with the parity of its y on top: `secp.signature` offers `R` under it only after x is proven below n,
//! y below p, the parity right and the point on the curve, so a label names one point.
//!
//! # One relation
//!
//! Numbers are four limbs of 65 bits; what the chip computes is centred, in `[-2^255, 2^255)`, so that
//! `|o b + a d + c| <= 3 * 2^511 + 2^300` for all its uses: 3 x1^2 <= 3 * 2^510 beside 2 slope y1 <= 2^511 in a doubling, and
//! y^2 < 2^512 against t x in `±2^511` for the curve. With `E = o b + a d + c - q m` and `|q| <= 3 * 2^255`, `|E| < 3.001 * 2^512`.
//! Three equations say `E = 0`: modulo `2^130`, modulo `2^260` (carries of 78 bits; no side reaches `2^230`, so nothing wraps) and
//! modulo the native prime, `3.02 * 2^252`. Their product exceeds `|E|`. The 54 look-ups of a relation: 20 + 1 for `o`, 20 + 1
//! for `q` (the top digits are bounded twice), 12 for carries.
//!
//! | step | relations |
//! |---|---|
//! | addition | `slope (x2 - x1) = y2 - y1`, `x3 = slope^2 - x1 - x2`, `y3 = slope (x1 - x3) - y1` |
//! | doubling | `2 slope y1 = 3 x1^2`, the others alike |
//!
//! In an addition `D = x1 - x2` is at most `3 * 2^255` in size, so D is 0 modulo p only if it is 0, p or -p: the native inverse of
//! `D (D^2 - p^2)` excludes all three, and no slope is ever free. In a doubling y1 is not 0, since the group's order is odd.
//!
//! # The run
//!
//! Multiples `H + j R`, j = 1 .. 16, and their images under `(x, y) -> (β x, y)`, are built by 16 additions. The accumulator begins
//! as one of them; 32 iterations each double it four times, add a multiple, an image, and a point of the fixed table
//! (`a G + b 2^128 G`, a and b from 1 to 16; the offsets and corrections have indices that no two digits of a comb can give); at last the offset is removed. Digits count from 1 to 16, so no entry is the point at
//! infinity, and the scalars are sums of digits: `k1 + λ k2 = u`, `u r = s`, `g0 + 2^128 g1 = v`, `v r = -z` modulo n.
//! A prover may choose other digits for the same scalars, never other scalars.
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
//! 241 steps, 745 relations, 5 words: 1,985 rows a signature. `golden/secp.txt` holds the figures.
//!
//! # What it does not constrain
//!
//! Low s (the transaction's rules do), and which of the two points that R.x + n could also name: recovery ids 2 and 3 do not occur in
//! transactions. A signature that recovers nothing has no row yet. Outcome 0 has room in the fact: a row of its own would show that
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
/// Physical rows of a signature: steps of three relations (a multiple has one more), five words, six relations of its own.
pub const SIGNATURE_ROWS: usize = 2 * STEPS + 2 * (3 * STEPS + numbers::DIGITS + 6) + 2 * 5 + 3;

/// Declares the chip's kinds, its own buses and its fixed table.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> SecpChip {
    let range = tables::range13(b);
    let points = b.table("secp.points", || {
        numbers::fixed_points()
            .iter()
            .map(|(i, p)| {
                let (x, y) = trace::centred_point(p);
                std::iter::once(Fr::from(*i))
                    .chain(x.fr())
                    .chain(y.fr())
                    .collect()
            })
            .collect()
    });
    let inner = Inner {
        mul: b.bus("secp.mul", BusKind::Fact, 19),
        word: b.bus("secp.word", BusKind::Fact, 7),
        multiple: b.bus("secp.multiple", BusKind::Fact, 12),
        partial: b.bus("secp.partial", BusKind::Fact, 16),
        points,
    };
    let mul = {
        let mut k = b.kind("secp.mul", 2);
        let c = columns::Mul::place(&mut k, range);
        constraints::mul(&mut k, &c, inner.mul);
        (k.finish(), c)
    };
    let step = {
        let mut k = b.kind("secp.step", 2);
        let c = columns::Step::place(&mut k, range);
        constraints::step(&mut k, &c, &inner);
        (k.finish(), c)
    };
    let word = {
        let mut k = b.kind("secp.word", 2);
        let c = columns::Word::place(&mut k, range);
        constraints::word(&mut k, &c, inner.word);
        (k.finish(), c)
    };
    let signature = {
        let mut k = b.kind("secp.signature", 3);
        let c = columns::Signature::place(&mut k, range);
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
