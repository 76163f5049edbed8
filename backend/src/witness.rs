//! Where advice columns come from: whole columns by phase, or a circuit's synthesis.

use crate::error::Error;
use ff::BatchInvert;
use halo2_proofs::{
    circuit::Value,
    halo2curves::bn256::Fr,
    plonk::{
        self, Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem,
        Fixed, FloorPlanner, Instance, Selector,
    },
};
use rayon::prelude::*;
use std::marker::PhantomData;

/// Takes the advice columns of each phase in turn.
pub trait Phases {
    /// Columns of the phase that is next, in the order of their numbers, as indices of advice columns; `None` after the last one.
    fn next(&self) -> Option<&[usize]>;

    /// Values of the challenges by their numbers, as far as they are known.
    fn challenges(&self) -> &[Option<Fr>];

    /// Ends the phase: commits to its columns, in the order of [`Phases::next`] and all of `n` rows, and draws its challenges. The last
    /// `n -` [`Phases::usable_rows`] values of each are replaced by random ones.
    ///
    /// # Errors
    ///
    /// A wrong number of columns or rows, and whatever ends a proof.
    fn commit(&mut self, columns: Vec<Vec<Fr>>) -> Result<(), Error>;

    /// Rows of a column, `2^k`.
    fn rows(&self) -> usize;

    /// Rows that a witness may use.
    fn usable_rows(&self) -> usize;
}

/// Hands over a circuit's advice columns.
pub trait Witness {
    /// Calls [`Phases::commit`] once for each phase.
    ///
    /// # Errors
    ///
    /// Those of `commit`, and a witness that cannot be built.
    fn assign(self, phases: &mut dyn Phases) -> Result<(), Error>;
}

impl<F: FnOnce(&mut dyn Phases) -> Result<(), Error>> Witness for F {
    fn assign(self, phases: &mut dyn Phases) -> Result<(), Error> {
        self(phases)
    }
}

/// The witness that a circuit's synthesis assigns, cell by cell.
#[derive(Debug)]
pub struct Synthesis<'a, C> {
    circuit: &'a C,
    instances: &'a [&'a [Fr]],
    constraints: &'a ConstraintSystem<Fr>,
}

impl<'a, C: Circuit<Fr>> Synthesis<'a, C> {
    /// Of a circuit with these instance columns and the constraint system of its key.
    #[must_use]
    pub fn new(
        circuit: &'a C,
        instances: &'a [&'a [Fr]],
        constraints: &'a ConstraintSystem<Fr>,
    ) -> Self {
        Self {
            circuit,
            instances,
            constraints,
        }
    }
}

impl<C: Circuit<Fr>> Witness for Synthesis<'_, C> {
    fn assign(self, phases: &mut dyn Phases) -> Result<(), Error> {
        let mut configured = ConstraintSystem::default();
        let config = C::configure_with_params(&mut configured, self.circuit.params());
        let rows = phases.rows();
        let columns = self.constraints.num_advice_columns();
        let mut cells = Cells {
            advice: vec![vec![Assigned::Zero; rows]; columns],
            instances: self.instances,
            phases,
            failure: None,
            cells: PhantomData,
        };
        // A circuit that does not say where its phases end is synthesized once for each.
        while cells.failure.is_none() && cells.phases.next().is_some() {
            C::FloorPlanner::synthesize(
                &mut cells,
                self.circuit,
                config.clone(),
                self.constraints.constants().clone(),
            )?;
            // What is left is the last phase that this synthesis came to.
            cells.next_phase();
        }
        cells.failure.map_or(Ok(()), Err)
    }
}

/// Collects the cells that a circuit assigns.
struct Cells<'a, 'b> {
    advice: Vec<Vec<Assigned<Fr>>>,
    instances: &'a [&'a [Fr]],
    phases: &'a mut dyn Phases,
    /// What went wrong where nothing can be returned.
    failure: Option<Error>,
    cells: PhantomData<&'b ()>,
}

impl Cells<'_, '_> {
    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }
}

/// The values of a column, with one inversion for all its fractions.
fn evaluated(cells: &[Assigned<Fr>]) -> Vec<Fr> {
    let mut denominators: Vec<Option<Fr>> = cells.iter().map(Assigned::denominator).collect();
    denominators
        .iter_mut()
        .filter_map(Option::as_mut)
        .batch_invert();
    let values = cells.iter().zip(denominators);
    values
        .map(|(cell, inverse)| match inverse {
            Some(inverse) => cell.numerator() * inverse,
            None => cell.numerator(),
        })
        .collect()
}

impl Assignment<Fr> for Cells<'_, '_> {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}

    fn exit_region(&mut self) {}

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> Result<(), plonk::Error> {
        Ok(())
    }

    fn query_instance(
        &self,
        column: Column<Instance>,
        row: usize,
    ) -> Result<Value<Fr>, plonk::Error> {
        let value = self.instances.get(column.index()).and_then(|c| c.get(row));
        value
            .map(|v| Value::known(*v))
            .ok_or(plonk::Error::BoundsFailure)
    }

    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        let column = column.index();
        let room = self.phases.usable_rows();
        let mut value = None;
        to.map(|to| value = Some(to));
        let cell = self
            .advice
            .get_mut(column)
            .and_then(|c| c[..room].get_mut(row));
        let Some(cell) = cell else {
            self.fail(Error::OutOfBounds { column, row, room });
            return Value::unknown();
        };
        let Some(value) = value else {
            self.fail(Error::Unknown { column, row });
            return Value::unknown();
        };
        *cell = value;
        let cell: *const Assigned<Fr> = cell;
        // SAFETY: the trait asks for a reference of any lifetime, as halo2-axiom's own prover gives it. The columns are allocated
        // once, before synthesis begins, never grow or move, and live until it has ended, which is as long as a circuit has a layouter or a
        // cell to read. A cell that is assigned again while a circuit holds a reference to it would alias: halo2's regions assign a cell once, and
        // what a later phase assigns again is the same value.
        Value::known(unsafe { &*cell })
    }

    fn assign_fixed(&mut self, _: Column<Fixed>, _: usize, _: Assigned<Fr>) {}

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(
        &mut self,
        _: Column<Fixed>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Result<(), plonk::Error> {
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        let value = self.phases.challenges().get(challenge.index());
        value
            .copied()
            .flatten()
            .map_or_else(Value::unknown, Value::known)
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn pop_namespace(&mut self, _: Option<String>) {}

    fn next_phase(&mut self) {
        let Some(columns) = self.phases.next().map(<[usize]>::to_vec) else {
            return;
        };
        if self.failure.is_some() {
            return;
        }
        let values = columns
            .par_iter()
            .map(|column| evaluated(&self.advice[*column]))
            .collect();
        if let Err(error) = self.phases.commit(values) {
            self.fail(error);
        }
    }
}
