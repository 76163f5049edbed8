//! Whole proofs of generated circuits: the library verifies them, they begin as the library's do, and they are those of a plain prover.

mod circuit;
mod file;
mod plain;
mod refused;

use super::*;
use crate::{Stage, witness::Phases};
use circuit::{Everything, Features};
use ff::Field;
use halo2_proofs::{
    plonk::{self, keygen_pk, keygen_vk, verify_proof},
    poly::{
        commitment::ParamsProver,
        kzg::{
            commitment::KZGCommitmentScheme,
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
    transcript::{
        Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
    },
};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

type Written = Blake2bWrite<Vec<u8>, G1Affine, Challenge255<G1Affine>>;

/// A circuit with its key and witness.
pub(super) struct Setup {
    pub(super) parameters: ParamsKZG<Bn256>,
    pub(super) key: ProvingKey<G1Affine>,
    pub(super) circuit: Everything,
    pub(super) instances: Vec<Vec<Fr>>,
}

impl Setup {
    fn of(features: Features) -> Self {
        let circuit = Everything::new(features);
        let parameters = ParamsKZG::setup(features.k, StdRng::seed_from_u64(7));
        let blank = plonk::Circuit::without_witnesses(&circuit);
        let key = keygen_vk(&parameters, &blank).unwrap();
        let key = keygen_pk(&parameters, key, &blank).unwrap();
        let instances = circuit.instances();
        Self {
            parameters,
            key,
            circuit,
            instances,
        }
    }

    fn columns(&self) -> Vec<&[Fr]> {
        self.instances.iter().map(Vec::as_slice).collect()
    }

    fn prove(&self, portable: bool, seed: u64) -> Result<Vec<u8>, Error> {
        self.prove_observed(portable, seed, &Silent)
    }

    fn prove_observed(
        &self,
        portable: bool,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Vec<u8>, Error> {
        let instances = self.columns();
        let witness = Synthesis::new(&self.circuit, &instances, self.key.get_vk().cs());
        self.prove_with(portable, seed, witness, observer)
    }

    fn prove_with(
        &self,
        portable: bool,
        seed: u64,
        witness: impl Witness,
        observer: &dyn Observer,
    ) -> Result<Vec<u8>, Error> {
        let prover = Prover::new(
            &self.parameters,
            &self.key,
            Options {
                portable,
                ..Options::default()
            },
        )?;
        let mut transcript = Written::init(vec![]);
        let rng = StdRng::seed_from_u64(seed);
        let instances = self.columns();
        prover.prove(&instances, witness, rng, &mut transcript, observer)?;
        Ok(transcript.finalize())
    }

    fn library(&self, seed: u64) -> Vec<u8> {
        let mut transcript = Written::init(vec![]);
        plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &self.parameters,
            &self.key,
            std::slice::from_ref(&self.circuit),
            &[&self.columns()],
            StdRng::seed_from_u64(seed),
            &mut transcript,
        )
        .unwrap();
        transcript.finalize()
    }

    fn verifies(&self, proof: &[u8]) -> bool {
        let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
        let parameters = self.parameters.verifier_params();
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            parameters,
            self.key.get_vk(),
            SingleStrategy::new(parameters),
            &[&self.columns()],
            &mut transcript,
        )
        .is_ok()
    }

    /// Points that are said before the random polynomial.
    fn points_before_random(&self) -> usize {
        let cs = self.key.get_vk().cs();
        let permuted = cs.permutation().get_columns().len();
        cs.num_advice_columns() + 3 * cs.lookups().len() + permuted.div_ceil(cs.degree() - 2)
    }
}

const EVERY: [Features; 7] = [
    Features {
        k: 5,
        phases: 1,
        permuted: 0,
        lookups: 0,
        instances: 0,
        selectors: false,
        power: 2,
        capped: false,
    },
    Features {
        k: 5,
        phases: 1,
        permuted: 3,
        lookups: 0,
        instances: 1,
        selectors: true,
        power: 3,
        capped: false,
    },
    Features {
        k: 6,
        phases: 2,
        permuted: 0,
        lookups: 0,
        instances: 2,
        selectors: false,
        power: 4,
        capped: false,
    },
    Features {
        k: 6,
        phases: 1,
        permuted: 0,
        lookups: 1,
        instances: 1,
        selectors: true,
        power: 2,
        capped: false,
    },
    Features {
        k: 7,
        phases: 3,
        permuted: 7,
        lookups: 0,
        instances: 3,
        selectors: true,
        power: 5,
        capped: false,
    },
    Features {
        k: 7,
        phases: 3,
        permuted: 5,
        lookups: 3,
        instances: 2,
        selectors: true,
        power: 3,
        capped: false,
    },
    Features {
        k: 9,
        phases: 2,
        permuted: 4,
        lookups: 2,
        instances: 1,
        selectors: true,
        power: 8,
        capped: false,
    },
];

// POSITIVE

#[test]
fn the_library_verifies_proofs_of_both_engines() {
    for features in EVERY {
        let setup = Setup::of(features);
        let proofs = [false, true].map(|portable| setup.prove(portable, 1).unwrap());
        assert!(setup.verifies(&proofs[0]), "{features:?}");
        assert_eq!(proofs[0], proofs[1], "{features:?}");
        let mut bad = setup.instances.clone();
        if let Some(value) = bad.iter_mut().flatten().next() {
            *value += Fr::ONE;
            let other = Setup {
                instances: bad,
                ..Setup::of(features)
            };
            assert!(!other.verifies(&proofs[0]), "{features:?}");
        }
    }
}

#[test]
fn proofs_are_those_of_the_plain_prover() {
    for features in EVERY {
        let setup = Setup::of(features);
        for seed in 0..2 {
            assert!(
                setup.prove(false, seed).unwrap() == plain::prove(&setup, seed),
                "{features:?}"
            );
        }
    }
}

#[test]
fn proofs_begin_as_those_of_the_library() {
    const POINT: usize = 32;
    for features in EVERY {
        let setup = Setup::of(features);
        // The library panics at the end of a third phase.
        if features.phases > 2 {
            continue;
        }
        let (ours, theirs) = (setup.prove(false, 3).unwrap(), setup.library(3));
        assert_eq!(ours.len(), theirs.len());
        assert!(setup.verifies(&theirs));
        // With look-ups, the library's own proofs differ from run to run after the advice columns.
        let points = match features.lookups {
            0 => setup.points_before_random(),
            _ => setup.key.get_vk().cs().num_advice_columns(),
        };
        assert!(
            ours[..POINT * points] == theirs[..POINT * points],
            "{features:?}"
        );
        let other = setup.prove(false, 4).unwrap();
        assert!(
            ours[..POINT * points] != other[..POINT * points],
            "{features:?}"
        );
    }
}

#[test]
fn create_proof_takes_the_same_arguments() {
    let setup = Setup::of(EVERY[5]);
    let mut transcript = Written::init(vec![]);
    create_proof(
        &setup.parameters,
        &setup.key,
        std::slice::from_ref(&setup.circuit),
        &[&setup.columns()],
        StdRng::seed_from_u64(1),
        &mut transcript,
    )
    .unwrap();
    assert!(transcript.finalize() == setup.prove(false, 1).unwrap());
}

#[test]
fn whole_columns_are_a_witness_too() {
    let setup = Setup::of(EVERY[4]);
    let columns = |phases: &mut dyn Phases| -> Result<(), Error> {
        while let Some(columns) = phases.next().map(<[usize]>::to_vec) {
            let challenges = phases.challenges().to_vec();
            let values = setup.circuit.columns(setup.key.get_vk().cs(), &challenges);
            let of = |c: &usize| {
                let mut values = values[*c].clone();
                values.resize(phases.rows(), Fr::ZERO);
                values
            };
            let columns = columns.iter().map(of).collect();
            phases.commit(columns)?;
        }
        Ok(())
    };
    let proof = setup.prove_with(false, 5, columns, &Silent).unwrap();
    assert!(proof == setup.prove(false, 5).unwrap());
}

#[test]
fn the_observer_hears_every_stage_in_order() {
    let setup = Setup::of(EVERY[5]);
    let heard = std::sync::Mutex::new(vec![]);
    let observer = |stage: Stage, done: usize, of: usize| {
        assert!(done <= of);
        heard.lock().unwrap().push((stage, done));
        ControlFlow::Continue(())
    };
    setup.prove_observed(false, 1, &observer).unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(heard.is_sorted());
    let mut stages: Vec<Stage> = heard.into_iter().map(|h| h.0).collect();
    stages.dedup();
    let expected = [
        Stage::Advice(0),
        Stage::Advice(1),
        Stage::Advice(2),
        Stage::Lookups,
        Stage::Products,
        Stage::Quotient,
        Stage::Evaluations,
        Stage::Openings,
    ];
    assert_eq!(stages, expected);
}

// NEGATIVE

#[test]
fn the_observer_can_stop_at_any_step() {
    let setup = Setup::of(EVERY[5]);
    let steps = AtomicUsize::new(0);
    let count = |_: Stage, _: usize, _: usize| {
        steps.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    setup.prove_observed(false, 1, &count).unwrap();
    for stop in 0..steps.load(Ordering::Relaxed) {
        let left = AtomicUsize::new(stop);
        let observer = |_: Stage, _: usize, _: usize| match left.fetch_sub(1, Ordering::Relaxed) {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let outcome = setup.prove_observed(false, 1, &observer);
        assert!(matches!(outcome, Err(Error::Cancelled)), "{stop}");
    }
}

#[test]
fn a_witness_that_does_not_satisfy_the_circuit_gives_no_valid_proof() {
    let mut setup = Setup::of(EVERY[4]);
    setup.circuit.spoil_gate();
    let proof = setup.prove(false, 1).unwrap();
    assert!(!setup.verifies(&proof));

    let mut setup = Setup::of(EVERY[4]);
    setup.circuit.spoil_copy();
    let proof = setup.prove(false, 1).unwrap();
    assert!(!setup.verifies(&proof));
}

#[test]
fn a_value_that_is_not_in_its_table_is_named() {
    let mut setup = Setup::of(EVERY[5]);
    let row = setup.circuit.spoil_lookup();
    let error = setup.prove(false, 1).unwrap_err();
    assert!(
        matches!(&error, Error::NotInTable { lookup: 1, row: r, .. } if *r == row),
        "{error}"
    );
}

#[test]
fn precomputation_changes_no_proof() {
    let setup = Setup::of(EVERY[2]);
    let instances = setup.columns();
    for portable in [false, true] {
        let options = Options {
            portable,
            precomputed_bytes: 1 << 20,
        };
        let prover = Prover::new(&setup.parameters, &setup.key, options).unwrap();
        let witness = Synthesis::new(&setup.circuit, &instances, setup.key.get_vk().cs());
        let mut transcript = Written::init(vec![]);
        let rng = StdRng::seed_from_u64(1);
        prover
            .prove(&instances, witness, rng, &mut transcript, &Silent)
            .unwrap();
        assert_eq!(transcript.finalize(), setup.prove(portable, 1).unwrap());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let setup = Setup::of(EVERY[2]);
    let prover = Prover::new(&setup.parameters, &setup.key, Options::default()).unwrap();
    let with = |instances: &[&[Fr]]| {
        let witness = |_: &mut dyn Phases| Ok(());
        let mut transcript = Written::init(vec![]);
        let rng = StdRng::seed_from_u64(1);
        prover.prove(instances, witness, rng, &mut transcript, &Silent)
    };
    let long = vec![Fr::ONE; 1 << 6];
    let columns = setup.columns();
    let outcome = with(&columns[..1]);
    assert!(matches!(
        outcome,
        Err(Error::InstanceColumns { have: 1, want: 2 })
    ));
    let outcome = with(&[columns[0], &long]);
    assert!(matches!(
        outcome,
        Err(Error::InstanceTooLong {
            column: 1,
            have: 64,
            ..
        })
    ));
    let outcome = with(&columns);
    assert!(matches!(outcome, Err(Error::Phases { have: 0, want: 2 })));

    let witness = |columns: usize, rows: usize, times: usize| {
        setup.prove_with(
            false,
            1,
            move |phases: &mut dyn Phases| {
                for _ in 0..times {
                    let all = phases.next().map_or(0, <[usize]>::len);
                    phases.commit(vec![vec![Fr::ZERO; rows]; all + columns])?;
                }
                Ok(())
            },
            &Silent,
        )
    };
    assert!(matches!(
        witness(1, 64, 1),
        Err(Error::Witness { phase: 0, .. })
    ));
    assert!(matches!(
        witness(0, 63, 1),
        Err(Error::Witness { phase: 0, .. })
    ));
    assert!(matches!(
        witness(0, 64, 1),
        Err(Error::Phases { have: 1, want: 2 })
    ));
    assert!(matches!(
        witness(0, 64, 3),
        Err(Error::Phases { have: 3, want: 2 })
    ));

    let other = ParamsKZG::setup(5, StdRng::seed_from_u64(7));
    let outcome = Prover::new(&other, &setup.key, Options::default());
    assert!(matches!(
        outcome,
        Err(Error::Size {
            key: 6,
            parameters: 5
        })
    ));

    // Without a minimum, the library makes keys for degree 5 at most.
    let deep = Setup::of(Features {
        capped: true,
        ..EVERY[4]
    });
    let outcome = Prover::new(&deep.parameters, &deep.key, Options::default());
    assert!(
        matches!(outcome, Err(Error::Degree { have: 6, room: 5 })),
        "{outcome:?}"
    );

    let two = [setup.circuit.clone(), setup.circuit.clone()];
    for circuits in [&two[..], &[]] {
        let mut transcript = Written::init(vec![]);
        let instances = vec![&columns[..]; circuits.len()];
        let rng = StdRng::seed_from_u64(1);
        let outcome = create_proof(
            &setup.parameters,
            &setup.key,
            circuits,
            &instances,
            rng,
            &mut transcript,
        );
        assert!(matches!(outcome, Err(Error::Unsupported(_))));
    }
}

#[test]
fn cells_without_value_or_place_are_named() {
    let mut setup = Setup::of(EVERY[2]);
    setup.circuit.forget(3);
    let outcome = setup.prove(false, 1);
    assert!(matches!(outcome, Err(Error::Unknown { row: 3, .. })));

    let mut setup = Setup::of(EVERY[2]);
    let row = (1 << 6) - 1;
    setup.circuit.assign_beyond(row);
    let outcome = setup.prove(false, 1);
    assert!(matches!(outcome, Err(Error::OutOfBounds { row: r, .. }) if r == row));
}
