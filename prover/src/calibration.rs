//! How fast this machine proves: the measured time of each stage per row, kept between runs.
//!
//! Only estimates depend on it. A missing, damaged or foreign file means that the defaults are used.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backend::engine::{self, Arithmetic, Portable};
use bincode::config::{self, Config};
use bincode::{Decode, Encode};

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::ConstraintSystem;

use crate::circuit::{self, ProvableCircuit};
use crate::files;
use crate::progress::Stage;

/// The stages of a proof, in order.
pub const PROOF_STAGES: [Stage; 7] = [
    Stage::Witness,
    Stage::FirstPhase,
    Stage::SecondPhase,
    Stage::Quotient,
    Stage::Evaluations,
    Stage::Openings,
    Stage::Verify,
];

const MAX_FILE: u64 = 1 << 16;
const MAX_ENTRIES: usize = 64;

/// What of a circuit decides how long its proofs take, for a given number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Work {
    /// First-phase advice columns.
    pub first_phase: u32,
    /// Second-phase advice columns.
    pub second_phase: u32,
    /// Fixed columns.
    pub fixed: u32,
    /// Field operations of all constraints on one row, equal subexpressions counted once.
    pub operations: u32,
}

impl Work {
    /// The work of `circuit`; its witness does not matter.
    pub fn of<C: ProvableCircuit>(circuit: &C) -> Self {
        Self::of_constraint_system(&circuit::constraint_system(circuit))
    }

    pub(crate) fn of_constraint_system(cs: &ConstraintSystem<Fr>) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let phases = cs.advice_column_phase();
        let second = phases.iter().filter(|phase| **phase > 0).count();
        Self {
            first_phase: count(phases.len() - second),
            second_phase: count(second),
            fixed: count(cs.num_fixed_columns()),
            operations: count(operations(cs)),
        }
    }

    /// Default nanoseconds of one core per row for each of [`PROOF_STAGES`], measured on the machine (see the book). The quotient's are
    /// five transforms a column and four evaluations of the constraints.
    fn default_per_row(&self) -> [f64; 7] {
        let [first, second, fixed, operations] = [
            self.first_phase,
            self.second_phase,
            self.fixed,
            self.operations,
        ]
        .map(f64::from);
        let advice = first + second;
        // Without the instructions that those figures were measured with.
        let slower = if engine::name(false) == Portable::NAME {
            4.5
        } else {
            1.0
        };
        let proving = [
            290.0 * first,
            990.0 * second,
            150.0 * (advice + fixed) + 4.0 * 1.7 * operations,
            20.0 * advice,
            65.0 * advice,
        ];
        let [first, second, quotient, evaluations, openings] = proving.map(|ns| ns * slower);
        [
            100.0 * advice,
            first,
            second,
            quotient,
            evaluations,
            openings,
            100.0,
        ]
    }
}

/// Counts the distinct sums, products and negations in the gates, and the folding of the gates into one.
fn operations(cs: &ConstraintSystem<Fr>) -> usize {
    let seen = RefCell::new(HashSet::new());
    let leaf = |kind: u8, what: &dyn Debug| hash(&(kind, format!("{what:?}")));
    let operation = |node: u64| {
        seen.borrow_mut().insert(node);
        node
    };
    let pair = |kind: u8, a: u64, b: u64| operation(hash(&(kind, a.min(b), a.max(b))));
    let mut folds = 0;
    for polynomial in cs.gates().iter().flat_map(|gate| gate.polynomials()) {
        folds += 2;
        polynomial.evaluate(
            &|c| leaf(0, &c),
            &|c| leaf(1, &c),
            &|q| leaf(2, &(q.column_index(), q.rotation())),
            &|q| leaf(3, &(q.column_index(), q.rotation())),
            &|q| leaf(4, &(q.column_index(), q.rotation())),
            &|c| leaf(5, &c.index()),
            &|a| operation(hash(&(6u8, a))),
            &|a, b| pair(7, a, b),
            &|a, b| pair(8, a, b),
            &|a, c| operation(hash(&(9u8, a, format!("{c:?}")))),
        );
    }
    seen.into_inner().len() + folds
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Measured nanoseconds per row of each stage of one circuit on a number of threads.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Entry {
    circuit: String,
    work: Work,
    threads: u32,
    per_row: [f64; 7],
}

/// The measurements of this machine.
#[derive(Debug)]
pub struct Calibration {
    path: Option<PathBuf>,
    entries: Mutex<Vec<Entry>>,
}

fn encoding() -> impl Config {
    config::standard().with_limit::<{ MAX_FILE as usize }>()
}

fn threads() -> u32 {
    u32::try_from(rayon::current_num_threads()).unwrap_or(u32::MAX)
}

impl Calibration {
    /// The measurements kept in `directory`.
    pub fn load(directory: &Path) -> Self {
        let path = directory.join("calibration.bin");
        let read = || {
            let bytes = files::read_checked(&path, MAX_FILE).ok()??;
            let (entries, _): (Vec<Entry>, usize) =
                bincode::decode_from_slice(&bytes, encoding()).ok()?;
            let sound = entries
                .iter()
                .all(|e| e.per_row.iter().all(|ns| ns.is_finite() && *ns >= 0.0));
            sound.then_some(entries)
        };
        let entries = Mutex::new(read().unwrap_or_default());
        Self {
            path: Some(path),
            entries,
        }
    }

    /// No measurements, and none kept.
    pub fn none() -> Self {
        Self {
            path: None,
            entries: Mutex::new(Vec::new()),
        }
    }

    /// Expected seconds of each stage of a proof of `2^k` rows, and whether they come from measurements of this circuit
    /// on this machine.
    pub fn plan(&self, circuit: &str, work: &Work, k: u32) -> (Vec<(Stage, f64)>, bool) {
        let rows = (1u64 << k.min(32)) as f64;
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries
            .iter()
            .find(|e| e.circuit == circuit && e.work == *work && e.threads == threads());
        let per_row = known.map_or_else(
            || work.default_per_row().map(|ns| ns / f64::from(threads())),
            |entry| entry.per_row,
        );
        let plan = PROOF_STAGES
            .iter()
            .zip(per_row)
            .map(|(stage, ns)| (*stage, ns * rows * 1e-9))
            .collect();
        (plan, known.is_some())
    }

    /// Takes in the time of each stage of a finished proof. A failure to keep it is reported through `tracing` only.
    pub fn record(&self, circuit: &str, work: &Work, k: u32, timings: &[(Stage, Duration)]) {
        let rows = (1u64 << k.min(32)) as f64;
        let (plan, known) = self.plan(circuit, work, k);
        let mut per_row = [0.0; 7];
        for (slot, (stage, seconds)) in per_row.iter_mut().zip(plan) {
            let expected = seconds * 1e9 / rows;
            *slot = timings
                .iter()
                .find(|(s, _)| *s == stage)
                .map_or(expected, |(_, measured)| {
                    let measured = measured.as_secs_f64() * 1e9 / rows;
                    // Other work on the machine makes single measurements noisy.
                    if known {
                        0.5 * (expected + measured)
                    } else {
                        measured
                    }
                });
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        // What was measured of an earlier form of the circuit is of no use.
        entries.retain(|e| e.circuit != circuit || (e.work == *work && e.threads != threads()));
        entries.insert(
            0,
            Entry {
                circuit: circuit.to_owned(),
                work: *work,
                threads: threads(),
                per_row,
            },
        );
        entries.truncate(MAX_ENTRIES);
        let Some(path) = &self.path else { return };
        let written = bincode::encode_to_vec(&*entries, encoding())
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                files::write_checked(path, |w| w.write_all(&bytes)).map_err(|e| e.to_string())
            });
        if let Err(error) = written {
            tracing::warn!("the measured proving speed is not kept: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{Shape, Toy};

    fn work(first_phase: u32) -> Work {
        Work {
            first_phase,
            second_phase: 2,
            fixed: 3,
            operations: 100,
        }
    }

    fn total(plan: &[(Stage, f64)]) -> f64 {
        plan.iter().map(|(_, s)| s).sum()
    }

    // POSITIVE

    #[test]
    fn a_measurement_replaces_the_default_and_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let calibration = Calibration::load(dir.path());
        assert!(!calibration.plan("c", &work(10), 10).1);
        let timings = PROOF_STAGES.map(|s| (s, Duration::from_secs(2)));
        calibration.record("c", &work(10), 10, &timings);
        let again = Calibration::load(dir.path());
        let (plan, known) = again.plan("c", &work(10), 11);
        assert!(known);
        assert!(
            (total(&plan) - 28.0).abs() < 1e-6,
            "twice the rows, twice the time"
        );
        assert!(!again.plan("c", &work(11), 10).1 && !again.plan("d", &work(10), 10).1);
    }

    #[test]
    fn more_rows_and_columns_take_longer() {
        let none = Calibration::none();
        let seconds = |columns, k| total(&none.plan("c", &work(columns), k).0);
        assert!(seconds(80, 16) > seconds(80, 15) && seconds(80, 16) > seconds(40, 16));
    }

    #[test]
    fn equal_subexpressions_are_one_operation() {
        let of = |width| {
            Work::of(
                &Toy::new(Shape {
                    width,
                    ..Shape::default()
                })
                .0,
            )
        };
        let (one, two) = (of(1), of(2));
        assert_eq!((one.first_phase, one.second_phase, one.fixed), (2, 2, 4));
        assert_eq!((two.first_phase, two.second_phase, two.fixed), (4, 4, 4));
        // The second copy shares four operations with the first: the table's negation, its sum with the challenge, and the
        // negations of the two public values.
        assert_eq!(two.operations, 2 * one.operations - 4);
    }

    // NEGATIVE

    #[test]
    fn a_damaged_file_gives_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let timings = [(Stage::Quotient, Duration::from_secs(5))];
        Calibration::load(dir.path()).record("c", &work(10), 10, &timings);
        let path = dir.path().join("calibration.bin");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(!Calibration::load(dir.path()).plan("c", &work(10), 10).1);
        let nan = vec![Entry {
            circuit: "c".into(),
            work: work(10),
            threads: threads(),
            per_row: [f64::NAN; 7],
        }];
        let bytes = bincode::encode_to_vec(nan, encoding()).unwrap();
        files::write_checked(&path, |w| w.write_all(&bytes)).unwrap();
        assert!(!Calibration::load(dir.path()).plan("c", &work(10), 10).1);
    }
}
