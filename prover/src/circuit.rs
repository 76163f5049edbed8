//! What the prover asks of a circuit, and the hash that stands for it.

use std::fmt::{self, Write as _};
use std::io;

use alloy_primitives::Keccak256;
use backend::{Phases, Synthesis, Witness as _};
use halo2_proofs::circuit::Value;
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::serde::SerdeObject;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector,
};
use rayon::prelude::*;

/// The library of keys and proofs, part of every circuit's hash: its keys and transcripts differ between versions.
pub const BACKEND: &str = "halo2-axiom 0.5.3";

/// A circuit of a fixed number of rows, with or without a witness, that the prover can make keys and proofs for.
///
/// It must use no selectors and exactly one instance column.
pub trait ProvableCircuit: Circuit<Fr> + Sized {
    /// A short name for files and messages; letters, digits and `-`.
    const NAME: &'static str;
    /// How many public values it has.
    const PUBLIC_VALUES: usize;
    /// Whether [`ProvableCircuit::assign`] goes through the circuit's synthesis, which keeps each advice cell as a fraction meanwhile.
    const SYNTHESIZED: bool = true;

    /// It has `2^k` rows.
    fn k(&self) -> u32;

    /// Hands over the advice columns of a proof with these public values; `constraints` is the constraint system of the key.
    ///
    /// Unless a circuit has its columns at hand, they are what its synthesis assigns.
    ///
    /// # Errors
    ///
    /// The witness cannot be built, and what `phases` returns.
    fn assign(
        &self,
        constraints: &ConstraintSystem<Fr>,
        public: &[Fr],
        phases: &mut dyn Phases,
    ) -> Result<(), backend::Error> {
        Synthesis::new(self, &[public], constraints).assign(phases)
    }

    /// Bytes that the witness takes in memory beside the prover's own columns.
    fn witness_bytes(&self) -> u64 {
        0
    }
}

/// The keccak hash of everything that makes a circuit: the library's version, the number of rows, the constraint system
/// and the contents of the fixed columns. Keys are filed under it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CircuitDigest(pub(crate) [u8; 32]);

impl CircuitDigest {
    /// The hash.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    pub(crate) fn short(self) -> String {
        self.0.iter().take(6).map(|b| format!("{b:02x}")).collect()
    }
}

impl fmt::Display for CircuitDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for CircuitDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The circuit's constraint system as it is configured.
pub fn constraint_system<C: ProvableCircuit>(circuit: &C) -> ConstraintSystem<Fr> {
    let mut cs = ConstraintSystem::default();
    C::configure_with_params(&mut cs, circuit.params());
    cs
}

/// Hashes `circuit`; its witness does not matter.
///
/// # Errors
///
/// Whatever the circuit's synthesis returns, and a lack of rows.
pub fn digest<C: ProvableCircuit>(circuit: &C) -> Result<CircuitDigest, Error> {
    let circuit = circuit.without_witnesses();
    let mut cs = ConstraintSystem::default();
    let config = C::configure_with_params(&mut cs, circuit.params());
    let rows = 1usize << circuit.k();
    if rows < cs.minimum_rows() {
        return Err(Error::NotEnoughRowsAvailable {
            current_k: circuit.k(),
        });
    }
    let mut layout = Layout {
        fixed: vec![vec![Fr::zero(); rows]; cs.num_fixed_columns()],
        rest: Text(Keccak256::new()),
        outside: false,
    };
    C::FloorPlanner::synthesize(&mut layout, &circuit, config, cs.constants().clone())?;
    if layout.outside {
        return Err(Error::BoundsFailure);
    }
    let mut text = Text(Keccak256::new());
    // Writing to a hash cannot fail.
    let _ = write!(
        text,
        "{BACKEND}|{}|{}|{}|{}|{}|{:?}",
        C::NAME,
        C::PUBLIC_VALUES,
        circuit.k(),
        cs.degree(),
        cs.blinding_factors(),
        cs.pinned()
    );
    let columns: Vec<_> = layout
        .fixed
        .par_iter()
        .map(|column| hash_column(column))
        .collect();
    for column in columns {
        text.0.update(column);
    }
    text.0.update(layout.rest.0.finalize());
    Ok(CircuitDigest(text.0.finalize().0))
}

fn hash_column(column: &[Fr]) -> [u8; 32] {
    let mut writer = Text(Keccak256::new());
    for value in column {
        let _ = value.write_raw(&mut writer);
    }
    writer.0.finalize().0
}

/// A hash that text and bytes can be written to.
struct Text(Keccak256);

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.update(s.as_bytes());
        Ok(())
    }
}

impl io::Write for Text {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.update(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects what a circuit fixes: its fixed columns, and a hash of selectors and copy constraints.
struct Layout {
    fixed: Vec<Vec<Fr>>,
    rest: Text,
    outside: bool,
}

impl Assignment<Fr> for Layout {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}

    fn exit_region(&mut self) {}

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        selector: &Selector,
        row: usize,
    ) -> Result<(), Error> {
        let _ = write!(self.rest, "selector {selector:?} {row};");
        Ok(())
    }

    fn query_instance(&self, _: Column<Instance>, _: usize) -> Result<Value<Fr>, Error> {
        Ok(Value::unknown())
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        match self
            .fixed
            .get_mut(column.index())
            .and_then(|column| column.get_mut(row))
        {
            Some(cell) => *cell = to.evaluate(),
            None => self.outside = true,
        }
    }

    fn copy(&mut self, left: Column<Any>, left_row: usize, right: Column<Any>, right_row: usize) {
        let _ = write!(self.rest, "copy {left:?} {left_row} {right:?} {right_row};");
    }

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        to.map(|value| {
            let value = value.evaluate();
            if let Some(cells) = self.fixed.get_mut(column.index()) {
                cells.iter_mut().skip(row).for_each(|cell| *cell = value);
            }
        });
        Ok(())
    }

    fn get_challenge(&self, _: Challenge) -> Value<Fr> {
        Value::unknown()
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn pop_namespace(&mut self, _: Option<String>) {}
}
