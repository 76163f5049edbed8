//! A fast CPU prover for halo2-axiom circuits on BN254.
//!
//! | module | what it does |
//! |---|---|
//! | [`field`] | the two prime fields as words |
//! | [`engine`] | arithmetic on eight elements at a time, by the fastest instructions there are |
//! | [`column`] | vectors of elements in an engine's own form |

pub mod column;
pub mod engine;
mod error;
pub mod field;
mod kernels;
mod lookup;
mod opening;
mod permutation;
mod progress;
mod prove;
mod witness;

pub use error::Error;
pub use progress::{Observer, Silent, Stage};
pub use prove::{Options, Prover, create_proof};
pub use witness::{Phases, Synthesis, Witness};
