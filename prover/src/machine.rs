//! The machine's circuit, and the synthetic one of its size, as the prover sees them.

use backend::Phases;
use circuits::framework::circuit::MachineCircuit;
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::ConstraintSystem;
use rayon::prelude::*;

use crate::circuit::ProvableCircuit;
use crate::synthetic::Synthetic;

impl ProvableCircuit for MachineCircuit {
    const NAME: &'static str = "machine";
    const PUBLIC_VALUES: usize = 2;
    const SYNTHESIZED: bool = false;

    fn k(&self) -> u32 {
        Self::k(self)
    }

    fn assign(
        &self,
        _: &ConstraintSystem<Fr>,
        _: &[Fr],
        phases: &mut dyn Phases,
    ) -> Result<(), backend::Error> {
        let rows = phases.rows();
        for phase in 0.. {
            if phases.next().is_none() {
                break;
            }
            let challenges: Vec<Fr> = phases.challenges().iter().copied().flatten().collect();
            let mut columns = self.phase(phase, phases.usable_rows(), &challenges)?;
            columns
                .par_iter_mut()
                .for_each(|c| c.resize(rows, Fr::zero()));
            phases.commit(columns)?;
        }
        Ok(())
    }

    fn witness_bytes(&self) -> u64 {
        // The filled table keeps its data cells row by row; flags and states are small beside them.
        let width = self.machine().layout.data() as u64 + 3;
        (32 * width) << Self::k(self)
    }
}

impl ProvableCircuit for Synthetic {
    const NAME: &'static str = "synthetic";
    const PUBLIC_VALUES: usize = 2;

    fn k(&self) -> u32 {
        self.k
    }
}
