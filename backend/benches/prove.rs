//! Whole proofs of Hallmark's machine by `halo2-axiom` and by this crate with each engine, in one process.
//!
//! ```text
//! cargo bench -p backend --bench prove -- k=15
//! ```
//!
//! The argument chooses among k=15, k=16 and k=18; tables and keys are made for these alone. The prover's preparation for a key is not counted.
#![allow(missing_docs)]

#[path = "prove/machine.rs"]
mod machine;

use backend::engine;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use eyre::Result;
use machine::Machine;
use std::{cell::LazyCell, time::Duration};

/// Criterion takes as many proofs for one of ten samples as begin in a tenth of this: one.
const MEASURED: Duration = Duration::from_secs(5);
const SEED: u64 = 1;

fn proofs(c: &mut Criterion) {
    for k in [15, 16, 18] {
        // Made when a function runs that the filter lets through.
        let machine = LazyCell::new(|| Machine::new(k).expect("a circuit and its key"));
        let mut group = c.benchmark_group(format!("prove, k={k}"));
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(MEASURED);
        let verified = |proof: Result<Vec<u8>>| {
            let verified = proof.and_then(|proof| machine.verify(&proof));
            verified.expect("a proof that verifies");
        };
        group.bench_function("halo2-axiom", |b| {
            let (machine, mut proof) = (&*machine, Ok(vec![]));
            b.iter(|| proof = machine.prove_with_library(SEED));
            verified(proof);
        });
        for portable in engine::choices() {
            let prover = LazyCell::new(|| machine.prover(*portable).expect("a prover"));
            group.bench_function(engine::name(*portable), |b| {
                let (prover, mut proof) = (&*prover, Ok(vec![]));
                b.iter(|| proof = machine.prove(prover, SEED));
                verified(proof);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, proofs);
criterion_main!(benches);
