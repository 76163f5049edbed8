//! The framework of the machine: one halo2 table whose rows belong to chips.
//!
//! A [`MachineBuilder`] collects *kinds of logical row* (one to four physical rows each), their cells,
//! constraints and bus messages, and turns them into a [`Machine`]. From one machine come
//!
//! - the halo2 circuit ([`circuit::MachineCircuit`]), which adds the factors, the run automaton and the bus argument;
//! - the trace builder ([`trace::Trace`]) that chips fill row by row;
//! - the checker ([`checker`]) that evaluates a filled [`table::Table`] without proving and names the relation that fails;
//! - the mutation harness ([`mutate`]) that changes one cell at a time and demands that the checker notices.
//!
//! # Physical layout
//!
//! | columns | phase | meaning |
//! |---|---|---|
//! | `flag[0..F)` | 1 | one boolean per kind, 1 on the first physical row of a logical row of that kind |
//! | `state` | 1 | the run automaton's state after this logical row, copied over its continuation rows |
//! | `left` | 1 | physical rows of this logical row that are still to come |
//! | `mult` | 1 | how often each entry of the fixed tables is looked up |
//! | `data[0..W+V)` | 1 | cells of the chips; each of the first `W` has a narrow look-up slot |
//! | `helper[..]` | 2 | sums of up to three inverse fingerprints |
//! | `sum` | 2 | the running sum of the helpers |
//!
//! # Cover
//!
//! On an active row let `s = Σ flag`. With the flags boolean and `s` boolean:
//! `s · left(-1) = 0`, `left = Σ flag_k (len_k - 1) + (1 - s)(left(-1) - 1)`, so a row that is no head row
//! must continue the logical row above it: were it to start below a finished one, `left` would be -1, could
//! never climb back to 0, and the `idle` rows forced at the end of the table could not begin.
//!
//! # Runs
//!
//! `state = Σ flag_k leave_k + (1 - s) state(-1)`, and a head row of kind `k` demands that `state(-1)` is one of
//! the states that `k` may be entered from. State 0 is *closed*: only then may an unrelated run (or `idle`) begin.
//! State 1 is *start*: it holds only above the start row.
//!
//! # Buses
//!
//! A message `(bus, v_1 .. v_n)` has the fingerprint `bus + Σ β_i v_i`. Each slot adds `m / (α - fingerprint)` to
//! the running sum, which is 0 on the start row and 0 on the last usable row. All multiplicities are committed before
//! the challenges.

mod builder;
pub mod checker;
pub mod circuit;
mod expr;
#[cfg(test)]
mod linear;
mod message;
pub mod mutate;
mod program;
mod sums;
pub mod table;
#[cfg(test)]
pub(crate) mod teeth;
#[cfg(test)]
mod tests;
pub mod trace;

#[cfg(test)]
pub(crate) use builder::BITS;
pub use builder::{
    Bus, BusKind, Kind, KindBuilder, KindId, Layout, Machine, MachineBuilder, Message, State,
    TableId,
};
pub use expr::{Cell, Expr, lin, pow2};
