//! Programs against the protocol's formulas, on both engines, and their bounds.

mod plain;
mod systems;
mod watch;

use super::*;
use halo2_proofs::plonk::Expression;
use plain::check;
use proptest::prelude::*;
use systems::{Shape, shape, tree};

proptest! {
    #[test]
    fn random_systems(shape in shape(), k in 3..8u32, compressed: bool, seed: u64) {
        check(&shape.system(compressed), k, seed);
    }

    #[test]
    fn random_gates(gates in prop::collection::vec(prop::collection::vec(tree(), 1..20), 1..4), k in 3..6u32, seed: u64) {
        check(&Shape { gates, ..Shape::default() }.system(true), k, seed);
    }
}
