//! What a running proof tells whoever waits for it, and how it is stopped.

use crate::error::Error;
use std::ops::ControlFlow;

/// A stage of a proof, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Committing to the advice columns of a phase, which is counted from 0 on. It begins with the witness's own work.
    Advice(u8),
    /// Permuting and committing to what is looked up.
    Lookups,
    /// Grand products of permutation and look-ups.
    Products,
    /// The numerator of the quotient on its cosets, and the commitments to its pieces.
    Quotient,
    /// Evaluations at the challenge point.
    Evaluations,
    /// The two commitments that open them.
    Openings,
}

/// Hears how far a proof is.
pub trait Observer: Sync {
    /// `done` of `of` steps of the stage are done. [`ControlFlow::Break`] stops the proof, which then fails with
    /// [`Error::Cancelled`].
    fn update(&self, stage: Stage, done: usize, of: usize) -> ControlFlow<()>;
}

impl<F: Fn(Stage, usize, usize) -> ControlFlow<()> + Sync> Observer for F {
    fn update(&self, stage: Stage, done: usize, of: usize) -> ControlFlow<()> {
        self(stage, done, of)
    }
}

/// Hears nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn update(&self, _: Stage, _: usize, _: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Tells the observer.
///
/// # Errors
///
/// [`Error::Cancelled`].
pub(crate) fn tell(
    observer: &dyn Observer,
    stage: Stage,
    done: usize,
    of: usize,
) -> Result<(), Error> {
    match observer.update(stage, done, of) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled),
    }
}
