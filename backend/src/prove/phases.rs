//! Commitments to the advice columns, phase by phase.

use super::{channel::Channel, core::Core};
use crate::{
    column::Column,
    engine::Engine,
    error::Error,
    progress::{Observer, Stage, tell},
    witness::Phases,
};
use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use rand::RngCore;

/// Commits to the advice columns phase by phase.
pub(super) struct Committing<'b, E: Engine> {
    core: &'b Core<E>,
    rng: &'b mut dyn RngCore,
    channel: &'b mut dyn Channel,
    observer: &'b dyn Observer,
    /// Advice columns by phase.
    pub(super) columns: Vec<Vec<usize>>,
    pub(super) phase: usize,
    pub(super) challenges: Vec<Option<Fr>>,
    /// Coefficients by column.
    pub(super) coefficients: Vec<Option<Column<Fr>>>,
    /// Values by column, if a look-up or the permutation may need them.
    pub(super) values: Option<Vec<Vec<Fr>>>,
}

impl<'b, E: Engine> Committing<'b, E> {
    pub(super) fn new(
        core: &'b Core<E>,
        rng: &'b mut dyn RngCore,
        channel: &'b mut dyn Channel,
        observer: &'b dyn Observer,
    ) -> Self {
        let phases = core.constraints().advice_column_phase();
        // There is a first phase even if there are no columns.
        let count = usize::from(phases.iter().copied().max().unwrap_or(0)) + 1;
        let mut columns = vec![vec![]; count];
        for (column, phase) in phases.iter().enumerate() {
            columns[usize::from(*phase)].push(column);
        }
        let reads_values = !core.constraints().lookups().is_empty() || !core.given.sigma.is_empty();
        Self {
            core,
            rng,
            channel,
            observer,
            columns,
            phase: 0,
            challenges: vec![None; core.constraints().num_challenges()],
            coefficients: vec![None; phases.len()],
            values: reads_values.then(|| vec![vec![]; phases.len()]),
        }
    }
}

impl<E: Engine> Phases for Committing<'_, E> {
    fn next(&self) -> Option<&[usize]> {
        self.columns.get(self.phase).map(Vec::as_slice)
    }

    fn challenges(&self) -> &[Option<Fr>] {
        &self.challenges
    }

    fn rows(&self) -> usize {
        self.core.n()
    }

    fn usable_rows(&self) -> usize {
        self.rows() - self.core.constraints().blinding_factors() - 1
    }

    fn commit(&mut self, mut values: Vec<Vec<Fr>>) -> Result<(), Error> {
        let (phase, rows) = (self.phase, self.rows());
        let Some(columns) = self.columns.get(phase) else {
            return Err(Error::Phases {
                have: phase + 1,
                want: phase,
            });
        };
        let bad = |have: String| Error::Witness {
            phase,
            have,
            want: columns.len(),
            rows,
        };
        if values.len() != columns.len() {
            return Err(bad(format!("{} columns", values.len())));
        }
        if let Some(other) = values.iter().find(|v| v.len() != rows) {
            return Err(bad(format!("a column of {} rows", other.len())));
        }
        let stage = Stage::Advice(phase as u8);
        tell(self.observer, stage, 0, 2)?;
        let usable = self.usable_rows();
        for column in &mut values {
            for value in &mut column[usable..] {
                *value = Fr::random(&mut *self.rng);
            }
        }
        // A blinding factor for each commitment is drawn, as the library does, though KZG commitments have none.
        for _ in columns {
            Fr::random(&mut *self.rng);
        }
        let slices: Vec<&[Fr]> = values.iter().map(Vec::as_slice).collect();
        self.core
            .say(&self.core.given.lagrange, &slices, self.channel)?;
        tell(self.observer, stage, 1, 2)?;
        for (column, c) in columns.iter().zip(self.core.coefficients(&slices)) {
            self.coefficients[*column] = Some(c);
        }
        if let Some(all) = &mut self.values {
            for (column, values) in columns.iter().zip(values) {
                all[*column] = values;
            }
        }
        let phases = self.core.constraints().challenge_phase();
        for (challenge, of) in self.challenges.iter_mut().zip(phases) {
            if usize::from(of) == phase {
                *challenge = Some(self.channel.challenge());
            }
        }
        self.phase += 1;
        tell(self.observer, stage, 2, 2)
    }
}
