//! A circuit of halo2-axiom proven with this crate, in the three ways that there are:
//!
//! ```text
//! cargo run --release -p backend --example drop_in
//! ```
//!
//! The circuit knows a root of `x^3 + x + 5 = y`; the statement is `y`.

use backend::{Observer, Options, Phases, Prover, Silent, Stage};
use ff::Field;
use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{
        Advice, Circuit, Column, ConstraintSystem, Error, Fixed, Instance, VerifyingKey, keygen_pk,
        keygen_vk, verify_proof,
    },
    poly::{
        Rotation,
        commitment::ParamsProver,
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::VerifierSHPLONK,
            strategy::SingleStrategy,
        },
    },
    transcript::{
        Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
    },
};
use rand::rngs::OsRng;
use std::{fs::File, ops::ControlFlow};

/// The circuit has 2^K rows.
const K: u32 = 10;

#[derive(Clone, Debug)]
struct Root {
    x: Value<Fr>,
}

#[derive(Clone, Debug)]
struct Config {
    x: Column<Advice>,
    on: Column<Fixed>,
    y: Column<Instance>,
}

impl Circuit<Fr> for Root {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self {
            x: Value::unknown(),
        }
    }

    fn configure(cs: &mut ConstraintSystem<Fr>) -> Config {
        let config = Config {
            x: cs.advice_column(),
            on: cs.fixed_column(),
            y: cs.instance_column(),
        };
        cs.create_gate("x^3 + x + 5 = y", |cs| {
            let x = cs.query_advice(config.x, Rotation::cur());
            let y = cs.query_instance(config.y, Rotation::cur());
            let five = cs.query_fixed(config.on, Rotation::cur());
            // The fixed column is 5 in the first row and 0 in all others, where there is nothing to satisfy.
            let cube = x.clone() * x.clone() * x.clone();
            [five.clone() * (cube + x + five - y)]
        });
        config
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_region(
            || "root",
            |mut region| {
                region.assign_fixed(config.on, 0, Fr::from(5));
                region.assign_advice(config.x, 0, self.x);
                Ok(())
            },
        )
    }
}

type Transcript = Blake2bWrite<Vec<u8>, G1Affine, Challenge255<G1Affine>>;

/// The library's own verifier.
fn verifies(
    parameters: &ParamsKZG<Bn256>,
    key: &VerifyingKey<G1Affine>,
    y: Fr,
    proof: &[u8],
) -> bool {
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
    let parameters = parameters.verifier_params();
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        parameters,
        key,
        SingleStrategy::new(parameters),
        &[&[&[y]]],
        &mut transcript,
    )
    .is_ok()
}

fn main() -> eyre::Result<()> {
    let (x, y) = (Fr::from(3), Fr::from(35));
    let circuit = Root { x: Value::known(x) };
    // Who makes the secret can prove anything; take a ceremony's parameters where that matters.
    let parameters = backend::setup(K, Fr::random(OsRng), |_| ());
    let blank = circuit.without_witnesses();
    let verifying = keygen_vk(&parameters, &blank)?;
    let key = keygen_pk(&parameters, verifying.clone(), &blank)?;
    let check = |way: &str, proof: &[u8]| {
        eyre::ensure!(verifies(&parameters, &verifying, y, proof), "{way}");
        println!("{way}: {} bytes, verified by the library", proof.len());
        Ok(())
    };

    // 1. In place of the library's function.
    let mut transcript = Transcript::init(vec![]);
    let instances: &[&[&[Fr]]] = &[&[&[y]]];
    backend::create_proof(
        &parameters,
        &key,
        &[circuit],
        instances,
        OsRng,
        &mut transcript,
    )?;
    check("create_proof", &transcript.finalize())?;

    // 2. A prover that is prepared once. The witness is whole columns, and an observer hears of the stages; what it returns could end the proof.
    let prover = Prover::new(&parameters, &key, Options::default())?;
    let columns = |phases: &mut dyn Phases| {
        let mut column = vec![Fr::ZERO; phases.rows()];
        column[0] = x;
        phases.commit(vec![column])
    };
    let observer = |stage: Stage, done: usize, of: usize| {
        println!("  {stage:?}: {done} of {of}");
        ControlFlow::Continue(())
    };
    let prove = |prover: &Prover, observer: &dyn Observer| -> Result<Vec<u8>, backend::Error> {
        let mut transcript = Transcript::init(vec![]);
        prover.prove(&[&[y]], columns, OsRng, &mut transcript, observer)?;
        Ok(transcript.finalize())
    };
    println!("instructions: {}", prover.engine());
    check("a prepared prover", &prove(&prover, &observer)?)?;

    // 3. The same from a file, as another process would do it: neither the proving key nor the parameters are needed.
    let path = std::env::temp_dir().join(format!("drop_in-{}.key", std::process::id()));
    prover.write(File::create(&path)?)?;
    drop((prover, key));
    let prover = Prover::open(verifying.clone(), &File::open(&path)?, Options::default())?;
    std::fs::remove_file(&path)?;
    check("a key from a file", &prove(&prover, &Silent)?)
}
