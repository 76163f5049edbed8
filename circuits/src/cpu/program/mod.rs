//! The segment's program: prove that a run of whole transactions leads from one boundary state to the next.
//!
//! One file per part: [`segment`] (boundary states, public input), [`sponge`] (the payload's hash over several segments),
//! [`block`] (headers and block rules), [`transaction`] (decoding, signature, rules, fees), [`rlp`] (items of its
//! bytes), [`evm`] (contracts), [`hashing`] (records of words under keccak).

mod block;
mod evm;
mod hashing;
mod rlp;
mod segment;
mod sponge;
mod transaction;

pub use segment::SegmentVars;
pub(crate) use segment::boundary_state;

use super::asm::{Asm, Program, Var};

/// Scratch words of the program.
pub(super) struct Vars {
    pub(super) s: SegmentVars,
    pub(super) t: [Var; 6],
    pub(super) e: evm::EvmVars,
}

/// Assembles the program.
pub fn build() -> Program {
    let mut p = Asm::default();
    let s = SegmentVars::declare(&mut p);
    let t = [0, 1, 2, 3, 4, 5].map(|i| p.var(&format!("temporary {i}")));
    let tx = transaction::TransactionVars::declare(&mut p);
    let e = evm::EvmVars::declare(&mut p);
    let v = Vars { s, t, e };
    let boundary = segment::assemble(&mut p, &v, &tx);
    p.assemble(boundary, s)
}
