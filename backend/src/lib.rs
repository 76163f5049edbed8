//! A fast CPU prover for halo2-axiom circuits on BN254.
//!
//! | module | what it does |
//! |---|---|
//! | [`field`] | the two prime fields as words |
//! | [`engine`] | arithmetic on eight elements at a time, by the fastest instructions there are |
//! | [`mod@column`] | vectors of elements in an engine's own form |
//! | [`msm`] | sums of multiples of fixed points of the curve |
//! | [`ntt`] | transforms between coefficients and values |
//! | [`quotient`] | the constraints, folded, on the rows of a coset |

mod array;
pub mod column;
pub mod engine;
mod error;
pub mod field;
mod lookup;
pub mod msm;
pub mod ntt;
mod opening;
mod permutation;
mod progress;
mod prove;
pub mod quotient;
mod setup;
mod witness;

pub use error::Error;
pub use progress::{Observer, Silent, Stage};
pub use prove::{Options, Prover, create_proof};
pub use setup::setup;
pub use witness::{Phases, Synthesis, Witness};
