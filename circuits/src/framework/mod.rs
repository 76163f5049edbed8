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
//! | `state` | 1 | the run automaton's state after this logical row, and 2^8 for each of its physical rows that is still to come |
//! | `mult` | 1 | how often each entry of the fixed tables is looked up |
//! | `data[0..W+V)` | 1 | cells of the chips; each of the first `W` has a narrow look-up slot |
//! | `helper[..]` | 2 | sums of up to three inverse fingerprints, for all groups of slots but the last |
//! | `sum` | 2 | the running sum; what it grows by beyond the helpers is the last group's |
//!
//! # Cover and runs
//!
//! On an active row let `s = Σ flag`. With the flags boolean and `s` boolean:
//! `state = Σ flag_k (leave_k + 2^8 (len_k - 1)) + (1 - s)(state(-1) - 2^8)`, and a head row of kind `k` demands that
//! `state(-1)` is one of the states that `k` may be entered from, all below 2^8. So a head row must not stand among the rows of
//! another logical row, where `state(-1)` is 2^8 or more. And a row that is no head row must continue the
//! logical row above it: were it to start below a finished one, `state` would be negative, could never climb
//! back, and the `idle` rows forced at the end of the table could not begin. Chips see to it that a leave expression has the
//! value of a state.
//!
//! State 0 is *closed*: only then may an unrelated run (or `idle`) begin. State 1 is *start*: it holds only above the
//! start row.
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
