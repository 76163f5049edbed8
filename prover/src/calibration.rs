//! How fast this machine proves: the measured time of each stage per row, kept between runs.
//!
//! Only estimates depend on it. A missing, damaged or foreign file means that the defaults are used.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bincode::config::{self, Config};
use bincode::{Decode, Encode};

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

/// Default nanoseconds of one core for each stage per advice cell, measured on the synthetic circuit (see the book).
const DEFAULT_PER_CELL: [f64; 7] = [100.0, 2000.0, 900.0, 2600.0, 100.0, 900.0, 0.5];

const MAX_FILE: u64 = 1 << 16;
const MAX_ENTRIES: usize = 64;

/// Measured nanoseconds per row of each stage of one circuit on a number of threads.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Entry {
    circuit: String,
    advice_columns: u32,
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

    /// Expected seconds of each stage of a proof of `2^k` rows and `advice_columns`, and whether they come from
    /// measurements of this circuit on this machine.
    pub fn plan(&self, circuit: &str, advice_columns: usize, k: u32) -> (Vec<(Stage, f64)>, bool) {
        let rows = (1u64 << k.min(32)) as f64;
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries.iter().find(|e| {
            e.circuit == circuit
                && e.advice_columns as usize == advice_columns
                && e.threads == threads()
        });
        let per_row = known.map_or_else(
            || DEFAULT_PER_CELL.map(|ns| ns * advice_columns as f64 / f64::from(threads())),
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
    pub fn record(
        &self,
        circuit: &str,
        advice_columns: usize,
        k: u32,
        timings: &[(Stage, Duration)],
    ) {
        let rows = (1u64 << k.min(32)) as f64;
        let (plan, known) = self.plan(circuit, advice_columns, k);
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
        let columns = u32::try_from(advice_columns).unwrap_or(u32::MAX);
        entries.retain(|e| {
            (e.circuit.as_str(), e.advice_columns, e.threads) != (circuit, columns, threads())
        });
        entries.insert(
            0,
            Entry {
                circuit: circuit.to_owned(),
                advice_columns: columns,
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

    fn total(plan: &[(Stage, f64)]) -> f64 {
        plan.iter().map(|(_, s)| s).sum()
    }

    // POSITIVE

    #[test]
    fn a_measurement_replaces_the_default_and_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let calibration = Calibration::load(dir.path());
        assert!(!calibration.plan("c", 10, 10).1);
        calibration.record(
            "c",
            10,
            10,
            &PROOF_STAGES.map(|s| (s, Duration::from_secs(2))),
        );
        let again = Calibration::load(dir.path());
        let (plan, known) = again.plan("c", 10, 11);
        assert!(known);
        assert!(
            (total(&plan) - 28.0).abs() < 1e-6,
            "twice the rows, twice the time"
        );
        assert!(!again.plan("c", 11, 10).1 && !again.plan("d", 10, 10).1);
    }

    #[test]
    fn more_rows_and_columns_take_longer() {
        let none = Calibration::none();
        let seconds = |columns, k| total(&none.plan("c", columns, k).0);
        assert!(seconds(80, 16) > seconds(80, 15) && seconds(80, 16) > seconds(40, 16));
    }

    // NEGATIVE

    #[test]
    fn a_damaged_file_gives_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        Calibration::load(dir.path()).record(
            "c",
            10,
            10,
            &[(Stage::Quotient, Duration::from_secs(5))],
        );
        let path = dir.path().join("calibration.bin");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(!Calibration::load(dir.path()).plan("c", 10, 10).1);
        let nan = vec![Entry {
            circuit: "c".into(),
            advice_columns: 10,
            threads: threads(),
            per_row: [f64::NAN; 7],
        }];
        let bytes = bincode::encode_to_vec(nan, encoding()).unwrap();
        files::write_checked(&path, |w| w.write_all(&bytes)).unwrap();
        assert!(!Calibration::load(dir.path()).plan("c", 10, 10).1);
    }
}
