//! A fast CPU prover for halo2-axiom circuits on BN254.
//!
//! | module | what it does |
//! |---|---|
//! | [`field`] | the two prime fields as words |
//! | [`engine`] | arithmetic on eight elements at a time, by the fastest instructions there are |
//! | [`column`] | vectors of elements in an engine's own form |
//! | [`quotient`] | the constraints, folded, on the rows of a coset |

pub mod column;
pub mod engine;
pub mod field;
pub mod quotient;
