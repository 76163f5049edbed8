//! Other circuits than the synthetic one: one phase or two, with and without public values, odd rotations, identity
//! pieces of the quotient; and circuits that cannot be exported.

use ff::Field;
use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    halo2curves::bn256::{Bn256, Fr},
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase, keygen_pk, keygen_vk,
    },
    poly::{Rotation, kzg::commitment::ParamsKZG},
};
use prover::contract_key::{self, ExportError, KeyError};
use rand::{SeedableRng, rngs::StdRng};

use crate::support::{self, Chain};

/// What a small circuit has.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    public_values: usize,
    second_phase: bool,
    minimum_degree: usize,
    equality: bool,
    lookup: bool,
    unqueried: bool,
    wide_rotations: bool,
}

#[derive(Clone, Debug)]
struct Columns {
    a: Column<Advice>,
    b: Option<Column<Advice>>,
    active: Column<Fixed>,
    first: Column<Fixed>,
    challenge: Option<Challenge>,
    _unqueried: Option<Column<Advice>>,
    _instance: Option<Column<Instance>>,
}

/// Rows of powers of two: each is twice the one before; public values are the first rows.
#[derive(Clone, Debug, Default)]
struct Doubling(Shape);

const ROWS: usize = 20;

impl Circuit<Fr> for Doubling {
    type Config = Columns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.0
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(cs: &mut ConstraintSystem<Fr>) -> Columns {
        Self::configure_with_params(cs, Shape::default())
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Fr>, shape: Shape) -> Columns {
        if shape.minimum_degree > 0 {
            cs.set_minimum_degree(shape.minimum_degree);
        }
        let a = cs.advice_column_in(FirstPhase);
        let challenge = shape
            .second_phase
            .then(|| cs.challenge_usable_after(FirstPhase));
        let b = shape.second_phase.then(|| cs.advice_column_in(SecondPhase));
        let unqueried = shape.unqueried.then(|| cs.advice_column());
        let [active, first, table] = [(); 3].map(|()| cs.fixed_column());
        let instance = (shape.public_values > 0).then(|| cs.instance_column());
        if shape.equality {
            cs.enable_equality(a);
        }
        if shape.lookup {
            cs.lookup_any("lookup", |cells| {
                let a = cells.query_advice(a, Rotation::cur());
                vec![(a.clone() - a, cells.query_fixed(table, Rotation::cur()))]
            });
        }
        cs.create_gate("doubling", |cells| {
            let active_here = cells.query_fixed(active, Rotation::cur());
            let (here, next) = (
                cells.query_advice(a, Rotation::cur()),
                cells.query_advice(a, Rotation::next()),
            );
            let mut polynomials = vec![active_here.clone() * (next - here.clone() - here.clone())];
            if shape.wide_rotations {
                let (before, after) = (
                    cells.query_advice(a, Rotation(-2)),
                    cells.query_advice(a, Rotation(3)),
                );
                let guard = cells.query_fixed(active, Rotation(-2))
                    * cells.query_fixed(active, Rotation(3));
                let guard = guard * active_here.clone();
                polynomials.push(guard * (after - before * Expression::Constant(Fr::from(32))));
            }
            if let (Some(challenge), Some(b)) = (challenge, b) {
                let b = cells.query_advice(b, Rotation::cur());
                let challenge = cells.query_challenge(challenge);
                polynomials.push(active_here * (b - challenge * here.clone()));
            }
            if let Some(instance) = instance {
                let first = cells.query_fixed(first, Rotation::cur());
                for i in 0..shape.public_values as i32 {
                    let public = cells.query_instance(instance, Rotation(i));
                    let cell = cells.query_advice(a, Rotation(i));
                    polynomials.push(first.clone() * (cell - public));
                }
            }
            polynomials
        });
        Columns {
            a,
            b,
            active,
            first,
            challenge,
            _unqueried: unqueried,
            _instance: instance,
        }
    }

    fn synthesize(&self, columns: Columns, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_region(
            || "doubling",
            |mut region| {
                let value = |row: usize| Value::known(Fr::from(2).pow([row as u64]));
                for row in 0..ROWS {
                    region.assign_advice(columns.a, row, value(row));
                    region.assign_fixed(columns.first, row, Fr::from(u64::from(row == 0)));
                    region.assign_fixed(columns.active, row, Fr::from(u64::from(row + 1 < ROWS)));
                }
                if let (Some(b), Some(challenge)) = (columns.b, columns.challenge) {
                    region.next_phase();
                    let challenge = region.get_challenge(challenge);
                    for row in 0..ROWS {
                        region.assign_advice(b, row, challenge * value(row));
                    }
                }
                Ok(())
            },
        )
    }
}

fn params() -> ParamsKZG<Bn256> {
    ParamsKZG::<Bn256>::setup(6, StdRng::seed_from_u64(3))
}

/// Proves, exports, and asks halo2, the mirror and the contract; then spoils the proof and asks again.
fn all_agree(shape: Shape) {
    let (params, circuit) = (params(), Doubling(shape));
    let vk = keygen_vk(&params, &circuit).unwrap();
    let pk = keygen_pk(&params, vk, &circuit).unwrap();
    let (key, figures) = contract_key::export(&params, pk.get_vk(), shape.public_values).unwrap();
    let public: Vec<Fr> = (0..shape.public_values)
        .map(|i| Fr::from(2).pow([i as u64]))
        .collect();
    let instance: &[&[Fr]] = if public.is_empty() { &[] } else { &[&public] };
    let proof = support::prove(&params, &pk, circuit, instance);
    assert_eq!(proof.len(), figures.proof_bytes, "{shape:?}");
    let mut chain = Chain::new();
    let contracts = chain.deploy_key(&key);
    let verdicts = |proof: &[u8]| {
        let words = support::words(&public);
        (
            support::halo2_accepts(&params, &pk, instance, proof),
            contract_key::verify_with_key_data(&key, proof, &words),
            chain.verify(&contracts, proof, &words).success,
        )
    };
    assert_eq!(verdicts(&proof), (true, Ok(()), true), "{shape:?}");
    let mut spoilt = proof.clone();
    let last_evaluation = proof.len() - 129;
    spoilt[last_evaluation] ^= 1;
    assert_eq!(
        verdicts(&spoilt),
        (false, Err(KeyError::ProofRejected), false),
        "{shape:?}"
    );
}

#[test]
fn small_circuits_agree() {
    let plain = Shape::default();
    for shape in [
        plain,
        Shape {
            public_values: 1,
            ..plain
        },
        // The quotient's upper pieces are the identity.
        Shape {
            public_values: 2,
            minimum_degree: 5,
            ..plain
        },
        Shape {
            second_phase: true,
            wide_rotations: true,
            ..plain
        },
        Shape {
            public_values: 5,
            second_phase: true,
            wide_rotations: true,
            ..plain
        },
    ] {
        all_agree(shape);
    }
}

// NEGATIVE

#[test]
fn circuits_that_cannot_be_exported() {
    let export = |shape: Shape, public_values: usize| {
        let params = params();
        let vk = keygen_vk(&params, &Doubling(shape)).unwrap();
        contract_key::export(&params, &vk, public_values).unwrap_err()
    };
    let plain = Shape::default();
    assert_eq!(
        export(
            Shape {
                equality: true,
                ..plain
            },
            0
        ),
        ExportError::Unsupported("a permutation argument")
    );
    assert_eq!(
        export(
            Shape {
                lookup: true,
                ..plain
            },
            0
        ),
        ExportError::Unsupported("a lookup argument")
    );
    assert_eq!(
        export(
            Shape {
                unqueried: true,
                ..plain
            },
            0
        ),
        ExportError::UnqueriedColumn(1)
    );
    assert!(matches!(export(plain, 1), ExportError::Unsupported(_)));
}
