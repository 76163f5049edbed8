//! What a proof will cost, told before it starts, and the refusal of one that would not fit in memory.

use std::fmt;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::Assigned;
use thiserror::Error;

use crate::calibration::{Calibration, Work};
use crate::circuit::{self, ProvableCircuit};
use crate::memory;
use crate::srs::MAX_K;
use crate::transcript::ProofShape;

/// Bytes of each advice cell while the quotient is computed, which is the peak where columns are handed over whole: a coefficient
/// and a value on a coset.
const PER_ADVICE_CELL: u64 = 64;
/// The same of each fixed cell.
const PER_FIXED_CELL: u64 = 64;
/// The same of each row: bases of both kinds, pieces of the quotient, and what the system's allocator keeps after making keys.
/// Measured, see the book.
const PER_ROW: u64 = 3900;
/// Bytes of an advice cell that a synthesis assigns: a fraction.
const PER_ASSIGNED_CELL: u64 = std::mem::size_of::<Assigned<Fr>>() as u64;
/// Bytes that the process takes however small the circuit.
const BASE: u64 = 30 << 20;
/// The smallest size that a refusal proposes.
const SMALLEST_K: u32 = 10;

/// A proof that was refused before it started.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BudgetError {
    /// Too little memory.
    #[error(
        "a proof of 2^{k} rows in {advice_columns} columns needs about {}, {} are free; {}",
        Bytes(*need),
        Bytes(*available),
        advice(*fits)
    )]
    Memory {
        /// The rows are `2^k`.
        k: u32,
        /// Advice columns.
        advice_columns: usize,
        /// Estimated peak in bytes.
        need: u64,
        /// Bytes that are free.
        available: u64,
        /// The largest k that would fit.
        fits: Option<u32>,
    },
}

fn advice(fits: Option<u32>) -> String {
    match fits {
        Some(k) => format!(
            "2^{k} rows would fit: cut the batch into segments of that size, or free memory"
        ),
        None => "no useful size would fit: free memory, or prove on a larger machine".to_owned(),
    }
}

/// What a proof will cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// The circuit's name.
    pub circuit: &'static str,
    /// The rows are `2^k`.
    pub k: u32,
    /// Rows that the witness uses, if known.
    pub rows_used: Option<u64>,
    /// Advice columns, both phases.
    pub advice_columns: usize,
    /// Columns and constraints.
    pub work: Work,
    /// Estimated most bytes that the process will hold, keys and reference string included.
    pub peak_bytes: u64,
    /// Bytes that the process holds or can take, if the system tells.
    pub available_bytes: Option<u64>,
    /// Estimated seconds.
    pub seconds: f64,
    /// Whether the seconds come from earlier proofs on this machine.
    pub measured: bool,
    /// Bytes of the proof, exactly.
    pub proof_bytes: usize,
    /// Gas to verify it on L1, if known.
    pub l1_gas: Option<u64>,
    synthesized: bool,
    witness_bytes: u64,
}

impl Budget {
    /// The budget of proving `circuit`; its witness does not matter.
    pub fn of<C: ProvableCircuit>(circuit: &C, calibration: &Calibration) -> Self {
        let cs = circuit::constraint_system(circuit);
        let (work, k) = (Work::of_constraint_system(&cs), circuit.k());
        let (plan, measured) = calibration.plan(C::NAME, &work, k);
        let witness_bytes = circuit.witness_bytes();
        Self {
            circuit: C::NAME,
            k,
            rows_used: None,
            advice_columns: cs.num_advice_columns(),
            work,
            peak_bytes: peak_bytes(k, &work, C::SYNTHESIZED, witness_bytes),
            available_bytes: memory::available().map(|free| free + memory::resident().unwrap_or(0)),
            seconds: plan.iter().map(|(_, seconds)| seconds).sum(),
            measured,
            proof_bytes: ProofShape::of_constraint_system(&cs).proof_bytes(),
            l1_gas: None,
            synthesized: C::SYNTHESIZED,
            witness_bytes,
        }
    }

    /// Refuses a proof whose estimated peak is more than what is free.
    pub fn check(&self) -> Result<(), BudgetError> {
        self.check_against(self.available_bytes)
    }

    fn check_against(&self, available: Option<u64>) -> Result<(), BudgetError> {
        let Some(available) = available.filter(|available| self.peak_bytes > *available) else {
            return Ok(());
        };
        let fits = (SMALLEST_K..self.k.min(MAX_K)).rev().find(|k| {
            let witness = self.witness_bytes >> (self.k - k);
            peak_bytes(*k, &self.work, self.synthesized, witness) <= available
        });
        Err(BudgetError::Memory {
            k: self.k,
            advice_columns: self.advice_columns,
            need: self.peak_bytes,
            available,
            fits,
        })
    }
}

fn peak_bytes(k: u32, work: &Work, synthesized: bool, witness_bytes: u64) -> u64 {
    let [first, second] = [work.first_phase, work.second_phase].map(u64::from);
    let advice = first + second;
    let quotient = PER_ADVICE_CELL * advice + PER_FIXED_CELL * u64::from(work.fixed);
    // The last phase's values and coefficients beside all cells.
    let last = if second > 0 { second } else { first };
    let assigned = PER_ASSIGNED_CELL * advice + PER_ADVICE_CELL / 2 * (advice + last);
    let most = if synthesized {
        quotient.max(assigned)
    } else {
        quotient
    };
    BASE + ((most + PER_ROW) << k.min(32)) + witness_bytes
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: 2^{} rows", self.circuit, self.k)?;
        if let Some(used) = self.rows_used {
            let percent = used as f64 * 100.0 / (1u64 << self.k.min(32)) as f64;
            write!(f, " ({used} used, {percent:.0} %)")?;
        }
        write!(
            f,
            " x {} advice columns; peak memory about {}",
            self.advice_columns,
            Bytes(self.peak_bytes)
        )?;
        if let Some(available) = self.available_bytes {
            write!(f, " of {}", Bytes(available))?;
        }
        let source = if self.measured {
            "measured here"
        } else {
            "not measured here yet"
        };
        write!(
            f,
            "; about {:.0} s ({source}); proof {} bytes",
            self.seconds, self.proof_bytes
        )?;
        if let Some(gas) = self.l1_gas {
            write!(f, "; about {gas} gas on L1")?;
        }
        Ok(())
    }
}

/// Shows a number of bytes in MiB or GiB.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0 as f64 / f64::from(1 << 20);
        if mib < 1000.0 {
            write!(f, "{mib:.0} MiB")
        } else {
            write!(f, "{:.1} GiB", mib / 1024.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::toy::{Shape, Toy};
    use crate::{Srs, VerifyingKey};

    fn budget(k: u32) -> Budget {
        Budget::of(
            &Toy::new(Shape {
                k,
                width: 20,
                offset: 0,
            })
            .0,
            &Calibration::none(),
        )
    }

    // POSITIVE

    #[test]
    fn the_proofs_length_is_known_without_a_key() {
        let toy = Toy::new(Shape::default()).0;
        let key = VerifyingKey::generate(&Srs::development(6, &Silent).unwrap(), &toy).unwrap();
        assert_eq!(
            Budget::of(&toy, &Calibration::none()).proof_bytes,
            key.proof_bytes()
        );
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let mut budget = budget(17);
        budget.rows_used = Some(65_536);
        budget.l1_gas = Some(1_500_000);
        let text = budget.to_string();
        for part in [
            "2^17 rows (65536 used, 50 %)",
            "80 advice columns",
            "GiB",
            "gas on L1",
            "not measured",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_fits_is_not_refused() {
        budget(17).check_against(Some(u64::MAX)).unwrap();
        budget(17).check_against(None).unwrap();
    }

    /// Runs in a process of its own, since the peak is the whole process's.
    #[test]
    fn the_estimated_peak_is_close_to_the_measured_one() {
        const CHILD: &str = "HALLMARK_TEST_PEAK";
        if std::env::var_os(CHILD).is_none() {
            let this = std::env::current_exe().unwrap();
            let name = "budget::tests::the_estimated_peak_is_close_to_the_measured_one";
            let child = std::process::Command::new(this)
                .args([name, "--exact", "--nocapture"])
                .env(CHILD, "1")
                .output()
                .unwrap();
            assert!(
                child.status.success(),
                "{}",
                String::from_utf8_lossy(&child.stderr)
            );
            return;
        }
        let shape = Shape {
            k: 14,
            width: 20,
            offset: 0,
        };
        let (toy, public) = Toy::new(shape);
        let srs = Srs::development(shape.k, &Silent).unwrap();
        let verifying = VerifyingKey::generate(&srs, &toy).unwrap();
        let key = crate::ProvingKey::generate(&srs, &toy, verifying.into()).unwrap();
        let budget = Budget::of(&toy, &Calibration::none());
        let plan = Calibration::none().plan("toy", &budget.work, shape.k).0;
        // Without it the peak of making the keys would count; it is lower.
        memory::reset_peak();
        crate::prove(&key, || Ok(toy), &public, "", &plan, &Silent).unwrap();
        let Some(peak) = memory::peak() else { return };
        let ratio = budget.peak_bytes as f64 / peak as f64;
        assert!(
            (0.85..1.15).contains(&ratio),
            "estimated {}, measured {peak}",
            budget.peak_bytes
        );
    }

    // NEGATIVE

    #[test]
    fn a_refusal_names_the_largest_size_that_fits() {
        let available = budget(15).peak_bytes;
        let error = budget(18).check_against(Some(available)).unwrap_err();
        assert!(matches!(
            error,
            BudgetError::Memory {
                fits: Some(15),
                k: 18,
                ..
            }
        ));
        assert!(error.to_string().contains("2^15 rows would fit"), "{error}");
        budget(15).check_against(Some(available)).unwrap();
        let error = budget(18).check_against(Some(1 << 20)).unwrap_err();
        assert!(error.to_string().contains("no useful size"), "{error}");
    }
}
