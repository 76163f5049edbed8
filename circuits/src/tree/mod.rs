//! The `tree` chip: opens one state key under the old root, changes it, and gives the new root.
//!
//! # What it does
//!
//! One run per key. It makes the key's `account` or `storage` token at time 0 from the state before, consumes the last
//! one into the state after, and moves the `tree` token `(count, root, key)` on: one more run, the new root, a strictly
//! greater key. [`protocol::tree::Access`] is the specification: binary sparse tree, path = the key's canonical 254 bits
//! from the top, leaf at the shortest prefix that no other key shares, empty subtree 0.
//!
//! | row | kind | physical rows | does |
//! |---|---|---|---|
//! | 1 | `tree.record` | 2 | key, values and leaves by their hashes; tokens; `rest` |
//! | 2 | `tree.end` | 2 | what the path ends at; the other node; the case |
//! | 3 | `tree.level` | 1 for each level | both sides' hashes, from the path's end up |
//! | 4 | `tree.root` | 2 | both roots, order of keys, the `tree` token |
//!
//! # Two sides, one path
//!
//! The old and the new tree are climbed together. Where a leaf is inserted beside another, the new path goes on below the
//! old one's end, and where a leaf is deleted beside another, the old path does: these are the *longer* side, and `swap`
//! says that it is the new one. With `l, l'` the key's leaf before and after (0 if absent) and `n` the other node:
//!
//! | case | other node `n` | longer | shorter | `mode` |
//! |---|---|---|---|---|
//! | read, update, insert at an empty place, absent at one | any | `l` | `l'` | 1 |
//! | `other`: absent, another leaf is there | leaf, another key | `n` | `n` | 1 |
//! | `join`: insert beside a leaf, or delete beside one | leaf | `l + l'` | `n` | 2 or 4, by the key's bit there |
//! | `drop`: delete beside an inner node | inner node | `l` | `n` | 8 |
//! | `clear`: delete the only leaf | any | `l` | 0 | 1, and no level follows |
//!
//! `mode` tells the level above what it is: common to both sides (1), a join (2, 4: the sibling is `n`, the shorter side
//! passes through), a drop (8: the sibling is `n`, the shorter side's own child is 0). A level hands on 1, or 0 when only
//! the longer side has it: then the sibling is 0 or it is the join. Once common, always common. The first common level
//! above others must have a sibling that is not 0, so a leaf is lifted exactly as far as it goes. Only a node opened under
//! the leaf's tag is joined, only one opened under the inner node's tag is left in place.
//!
//! On each level, with `b` the key's bit, `s` the sibling, `x` a side's hash below: `left = x + b (s - x)`,
//! `right = x + s - left`, and `compress` gives `H(Node, left, right)`.
//!
//! # Path bits
//!
//! `rest' = rest + b weight`, `weight' = 2 weight`, from `rest < weight` at the path's end to `weight = 2^254` and
//! `rest = key` at the root. So the bits and the rest are those of an integer `I < 2^254` that is congruent to the key: the
//! canonical key `K`, or `K + p`. The latter has the top bit 1 and needs `K < 2^254 - p`; the root row proves
//! `K + slack = p - 1` with `slack < 65 * 2^247` if the top bit is 1, which makes `K` greater than that.
//!
//! `weight` is `2^254 / 2^D` for a path of `D` levels. No `2^-n mod p` with `1 <= n <= 2^20` is below `2^132` (a test
//! tries them all), so the range checks of `rest` also show `D <= 254`, for every table that can be proven.
//!
//! In a join, `K' - K = (1 - 2b) weight + rest' - rest` with `rest' < weight` places the other key `K'` beside the key:
//! they share all bits above the join and differ there. The integer so placed is the canonical `K'`: for a deletion
//! because the old tree had it there; for an insertion below a common level because the old tree had it under a prefix
//! with the same top bit; for an insertion beside the tree's only leaf a second root row shows it as it does for the key.
//! Absence shown by another leaf needs no place: the old tree has each leaf on its own key's path.
//!
//! # Order
//!
//! `previous + step + slack = p - 2` and `previous + step + 1 = key` with 20 looked-up limbs each, added in halves with a
//! carry, so the integers satisfy `previous < key < p`. No key has two runs, so no key has two tokens.
//!
//! # The token `tree`
//!
//! Each run takes `(count, old root, previous)` and makes `(count + 1, new root, key)`. Runs that feed only each other
//! would need a count that returns to itself after fewer steps than the field has elements. So the runs form the one
//! chain from the first token, which `cpu` makes with count 0 and key 0, to the last, which it takes.
//!
//! # Records
//!
//! A leaf is present exactly if its record is not empty: before, because the state holds no other; after, because the
//! value differs from the hash of the empty record (an inverse shows it). An account's packed element
//! `nonce 2^128 + balance_hi` is taken apart with `balance_hi < 2^128` and `nonce < 2^65`, so in one way only.
//!
//! # Not constrained here
//!
//! - The old state's shape and contents: they are what the old root commits to.
//! - Ranges of a consumed token's fields: whoever makes a token proves them. Address and slot halves of a run that no
//!   other chip consumes a token of: it changes nothing.
//! - `touched`, `created`, `original` and the time of the consumed token: the chips that make them are bound by theirs.

use crate::hash;

mod columns;
mod constraints;
#[cfg(test)]
pub(crate) mod tests;
mod trace;

pub use columns::{Digest, EndCells, Handed, LevelCells, Number, RecordCells, RootCells};
pub use constraints::{TreeChip, define};
pub use trace::{Chain, Record, Step};

/// Most rows for one level of a key's path: its own, and a permutation for either side.
pub const LEVEL_ROWS: usize = 1 + 2 * hash::ROWS;
