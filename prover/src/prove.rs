//! Making proofs. Every proof is verified before it is handed out.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use backend::Phases;
use halo2_proofs::halo2curves::bn256::Fr;
use rand::rngs::OsRng;
use thiserror::Error;

use crate::circuit::ProvableCircuit;
use crate::progress::{self, Progress, Stage, Tracker};
use crate::proving_key::ProvingKey;
use crate::transcript;
use crate::verify::VerifyError;

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum ProveError {
    /// Circuit and key differ in size.
    #[error("the circuit has 2^{circuit} rows, the key is for 2^{key}")]
    Size {
        /// The circuit's k.
        circuit: u32,
        /// The key's k.
        key: u32,
    },
    /// Too few or too many public values.
    #[error("{have} public values were given, the circuit has {want}")]
    PublicValues {
        /// What was given.
        have: usize,
        /// What is right.
        want: usize,
    },
    /// The witness could not be built.
    #[error("the witness cannot be built: {0}")]
    Witness(String),
    /// The prover refused, or the circuit panicked.
    #[error("the prover failed: {0}; the witness does not fit the circuit")]
    Library(String),
    /// The witness does not satisfy the circuit, so that the proof made of it is worthless.
    #[error(
        "the proof that was made does not verify ({0}): the witness does not satisfy the circuit, or the key is of another circuit"
    )]
    Rejected(VerifyError),
}

/// A verified proof and the time of each stage.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The proof as the contract takes it.
    pub bytes: Vec<u8>,
    /// How long each stage took.
    pub timings: Vec<(Stage, Duration)>,
}

/// Proves that the circuit which `build` makes is satisfied with the public values `public`, using the system's
/// randomness.
///
/// `plan` has the expected seconds of the stages, as [`Calibration::plan`](crate::calibration::Calibration::plan)
/// gives them.
pub fn prove<C: ProvableCircuit>(
    key: &ProvingKey,
    build: impl FnOnce() -> Result<C, ProveError>,
    public: &[Fr],
    subject: &str,
    plan: &[(Stage, f64)],
    progress: &dyn Progress,
) -> Result<Proof, ProveError> {
    let verifying = key.verifying();
    if public.len() != verifying.public_values() {
        return Err(ProveError::PublicValues {
            have: public.len(),
            want: verifying.public_values(),
        });
    }
    let (result, timings) = progress::run(progress, subject, plan, |tracker| {
        let circuit = build()?;
        if circuit.k() != verifying.k() {
            return Err(ProveError::Size {
                circuit: circuit.k(),
                key: verifying.k(),
            });
        }
        tracker.enter(Stage::FirstPhase);
        let bytes = create(key, circuit, public, tracker)?;
        tracker.enter(Stage::Verify);
        verifying
            .verify(public, &bytes)
            .map_err(ProveError::Rejected)?;
        Ok(bytes)
    });
    Ok(Proof {
        bytes: result?,
        timings,
    })
}

fn create<C: ProvableCircuit>(
    key: &ProvingKey,
    circuit: C,
    public: &[Fr],
    tracker: &Tracker<'_>,
) -> Result<Vec<u8>, ProveError> {
    let mut transcript = transcript::writer();
    let constraints = key.verifying().inner().cs();
    let phases = constraints.advice_column_phase();
    let last = phases.into_iter().max().unwrap_or(0);
    let observer = |stage, done, of| {
        let (stage, done) = match stage {
            backend::Stage::Advice(phase) if done == of && phase == last => (Stage::Quotient, 0),
            backend::Stage::Advice(phase) if done == of || phase > 0 => (Stage::SecondPhase, 0),
            backend::Stage::Advice(_) => (Stage::FirstPhase, 0),
            backend::Stage::Evaluations => (Stage::Evaluations, done),
            backend::Stage::Openings => (Stage::Openings, done),
            backend::Stage::Quotient => (Stage::Quotient, done),
            // Circuits of this crate have neither look-ups nor copies of halo2's.
            _ => return ControlFlow::Continue(()),
        };
        tracker.enter(stage);
        if done > 0 {
            tracker.advance(done as f64 / of as f64);
        }
        ControlFlow::Continue(())
    };
    // A circuit's synthesis may panic. Nothing outlives the closure.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        key.prover().prove(
            &[public],
            |phases: &mut dyn Phases| circuit.assign(constraints, public, phases),
            OsRng,
            &mut transcript,
            &observer,
        )
    }));
    match outcome {
        Ok(Ok(())) => Ok(transcript::finish(transcript)),
        Ok(Err(error)) => Err(ProveError::Library(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown failure");
            Err(ProveError::Library(text.to_owned()))
        }
    }
}
