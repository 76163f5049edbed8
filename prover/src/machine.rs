//! The machine's circuit, and the synthetic one of its size, as the prover sees them.

use circuits::framework::circuit::MachineCircuit;

use crate::circuit::ProvableCircuit;
use crate::synthetic::Synthetic;

impl ProvableCircuit for MachineCircuit {
    const NAME: &'static str = "machine";
    const PUBLIC_VALUES: usize = 2;

    fn k(&self) -> u32 {
        Self::k(self)
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
