use std::sync::Mutex;

use super::*;
use crate::calibration::PROOF_STAGES;
use crate::progress::{Silent, Stage, Update};
use crate::toy::{Shape, Toy};
use halo2_proofs::halo2curves::bn256::Fr;

/// One second for every stage.
const PLAN: [(Stage, f64); 7] = {
    let [a, b, c, d, e, f, g] = PROOF_STAGES;
    [
        (a, 1.0),
        (b, 1.0),
        (c, 1.0),
        (d, 1.0),
        (e, 1.0),
        (f, 1.0),
        (g, 1.0),
    ]
};

fn prove_toy(
    key: &ProvingKey,
    toy: Toy,
    public: &[Fr],
    progress: &dyn Progress,
) -> Result<Proof, ProveError> {
    prove(key, || Ok(toy), public, "", &PLAN, progress)
}

fn key(shape: Shape) -> ProvingKey {
    let srs = Srs::development(shape.k, &Silent).unwrap();
    let (toy, _) = Toy::new(shape);
    let verifying = std::sync::Arc::new(VerifyingKey::generate(&srs, &toy).unwrap());
    ProvingKey::generate(&srs, &toy, verifying).unwrap()
}

fn proof(key: &ProvingKey, shape: Shape) -> (Vec<Fr>, Vec<u8>) {
    let (toy, public) = Toy::new(shape);
    let proof = prove_toy(key, toy, &public, &Silent).unwrap();
    (public, proof.bytes)
}

fn file(key: &VerifyingKey, public: Vec<Fr>, proof: Vec<u8>) -> ProofFile {
    ProofFile {
        k: key.k(),
        circuit: key.digest(),
        srs: key.srs().label(),
        segment: SegmentId {
            batch: 300,
            index: 1,
            count: 2,
        },
        public,
        proof,
        metadata: b"notes".to_vec(),
    }
}

// POSITIVE

#[test]
fn a_proof_verifies_and_its_file_comes_back() {
    let key = key(Shape::default());
    let (public, bytes) = proof(&key, Shape::default());
    assert_eq!(bytes.len(), key.verifying().proof_bytes());
    let file = file(key.verifying(), public, bytes);
    let encoded = file.encode().unwrap();
    assert_eq!(ProofFile::decode(&encoded).unwrap(), file);
    key.verifying().verify_file(&file).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("batch/segment.proof");
    file.write(&path).unwrap();
    assert_eq!(ProofFile::read(&path).unwrap(), file);
}

#[test]
fn every_stage_of_a_proof_is_seen_in_order() {
    let key = key(Shape::default());
    let seen = Mutex::new(Vec::new());
    let (toy, public) = Toy::new(Shape::default());
    let record = |u: &Update| seen.lock().unwrap().push(u.stage);
    let proof = prove_toy(&key, toy, &public, &record).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.dedup();
    assert_eq!(seen, PLAN.map(|(stage, _)| stage));
    assert_eq!(
        proof
            .timings
            .iter()
            .map(|(stage, _)| *stage)
            .collect::<Vec<_>>(),
        PLAN.map(|(stage, _)| stage)
    );
}

// NEGATIVE

#[test]
fn a_witness_that_does_not_satisfy_the_circuit_gives_no_proof() {
    let key = key(Shape::default());
    let (mut toy, public) = Toy::new(Shape::default());
    if let Some(values) = &mut toy.values {
        values[5] = 99;
    }
    assert!(matches!(
        prove_toy(&key, toy, &public, &Silent),
        Err(ProveError::Rejected(_))
    ));
    let (toy, mut public) = Toy::new(Shape::default());
    public[1] += Fr::one();
    assert!(matches!(
        prove_toy(&key, toy, &public, &Silent),
        Err(ProveError::Rejected(_))
    ));
}

#[test]
fn a_witness_that_cannot_be_built_is_an_error() {
    let key = key(Shape::default());
    let (_, public) = Toy::new(Shape::default());
    let build = || Err::<Toy, _>(ProveError::Witness("no such account".into()));
    let error = prove(&key, build, &public, "", &PLAN, &Silent).unwrap_err();
    assert!(error.to_string().contains("no such account"));
}

#[test]
fn a_circuit_that_panics_gives_an_error() {
    let key = key(Shape::default());
    let (toy, public) = Toy::new(Shape::default());
    let blank = halo2_proofs::plonk::Circuit::without_witnesses(&toy);
    assert!(matches!(
        prove_toy(&key, blank, &public, &Silent),
        Err(ProveError::Library(_))
    ));
}

#[test]
fn public_values_of_the_wrong_number_or_content_are_refused() {
    let key = key(Shape::default());
    let (public, bytes) = proof(&key, Shape::default());
    let verify = |public: &[Fr]| key.verifying().verify(public, &bytes);
    verify(&public).unwrap();
    assert!(matches!(
        verify(&public[..1]),
        Err(VerifyError::PublicValues { .. })
    ));
    assert!(matches!(
        verify(&[public[0], public[1], Fr::zero()]),
        Err(VerifyError::PublicValues { .. })
    ));
    assert!(matches!(
        verify(&[public[1], public[0]]),
        Err(VerifyError::Invalid)
    ));
    let (toy, _) = Toy::new(Shape::default());
    assert!(matches!(
        prove_toy(&key, toy, &public[..1], &Silent),
        Err(ProveError::PublicValues { .. })
    ));
}

#[test]
fn every_changed_byte_and_every_other_length_of_a_proof_is_refused() {
    let key = key(Shape::default());
    let (public, bytes) = proof(&key, Shape::default());
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(key.verifying().verify(&public, &bad).is_err(), "byte {at}");
    }
    for length in [0, 1, 63, bytes.len() - 32, bytes.len() - 1] {
        let error = key
            .verifying()
            .verify(&public, &bytes[..length])
            .unwrap_err();
        assert!(matches!(error, VerifyError::Length { .. }));
    }
    let mut long = bytes.clone();
    long.push(0);
    assert!(matches!(
        key.verifying().verify(&public, &long),
        Err(VerifyError::Length { .. })
    ));
    for fill in [0, 255] {
        assert!(
            key.verifying()
                .verify(&public, &vec![fill; bytes.len()])
                .is_err()
        );
    }
}

#[test]
fn another_string_size_or_key_is_refused() {
    let shape = Shape::default();
    let key = key(shape);
    let verifying = key.verifying();
    let (toy, public) = Toy::new(shape);
    let larger = Shape {
        k: shape.k + 1,
        ..shape
    };
    let srs = Srs::development(larger.k, &Silent).unwrap();
    assert!(matches!(
        VerifyingKey::generate(&srs, &toy),
        Err(KeyError::Size { .. })
    ));
    assert!(matches!(
        ProvingKey::generate(&srs, &toy, verifying.clone()),
        Err(KeyError::Size { .. })
    ));
    let ceremony = srs::tests::foreign(shape.k);
    assert!(matches!(
        ProvingKey::generate(&ceremony, &toy, verifying.clone()),
        Err(KeyError::Srs { .. })
    ));
    let (large, _) = Toy::new(larger);
    assert!(matches!(
        prove_toy(&key, large, &public, &Silent),
        Err(ProveError::Size { circuit, key }) if (circuit, key) == (larger.k, shape.k)
    ));
    // The key of a circuit that differs in a fixed column.
    let (moved, public) = Toy::new(Shape { offset: 1, ..shape });
    assert!(matches!(
        prove_toy(&key, moved, &public, &Silent),
        Err(ProveError::Rejected(_))
    ));
}

#[test]
fn files_of_another_circuit_string_or_size_are_refused_by_name() {
    let shape = Shape::default();
    let key = key(shape);
    let (public, bytes) = proof(&key, shape);
    let good = file(key.verifying(), public, bytes);
    let verify = |edit: &dyn Fn(&mut ProofFile)| {
        let mut file = good.clone();
        edit(&mut file);
        key.verifying().verify_file(&file)
    };
    verify(&|_| ()).unwrap();
    assert!(matches!(
        verify(&|f| f.k += 1),
        Err(VerifyError::Size { .. })
    ));
    assert!(matches!(
        verify(&|f| f.circuit.0[0] ^= 1),
        Err(VerifyError::Circuit { .. })
    ));
    assert!(matches!(
        verify(&|f| f.srs = SrsLabel::from_bytes([1; 32])),
        Err(VerifyError::Srs { .. })
    ));
    assert!(matches!(
        verify(&|f| f.public[0] += Fr::one()),
        Err(VerifyError::Invalid)
    ));
    assert!(matches!(
        verify(&|f| f.proof.truncate(100)),
        Err(VerifyError::Length { .. })
    ));
}

#[test]
fn damaged_proof_files_are_refused() {
    let key = key(Shape::default());
    let public = vec![Fr::from(1), Fr::from(2)];
    let good = file(key.verifying(), public, vec![7; 100]);
    let bytes = good.encode().unwrap();
    for length in 0..bytes.len() {
        assert!(ProofFile::decode(&bytes[..length]).is_err(), "{length}");
    }
    let mut long = bytes.clone();
    long.push(0);
    assert_eq!(ProofFile::decode(&long), Err(ProofFileError::Trailing(1)));
    let mut version = bytes.clone();
    version[0] = 2;
    assert_eq!(ProofFile::decode(&version), Err(ProofFileError::Version(2)));
    assert!(matches!(
        ProofFile::decode(&vec![1; proof::MAX_BYTES + 1]),
        Err(ProofFileError::Length(_))
    ));
    // A changed byte either is refused or gives another file, never the same one.
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x80;
        if let Ok(file) = ProofFile::decode(&bad) {
            assert_ne!(file, good, "byte {at}");
        }
    }
    // The size 6 in the encoding for 16-bit numbers.
    let mut wide = vec![bytes[0], 251, 6, 0];
    wide.extend_from_slice(&bytes[2..]);
    assert_eq!(ProofFile::decode(&wide), Err(ProofFileError::NotCanonical));
    // A vector that claims to be huge.
    let mut huge = bytes[..68].to_vec();
    huge.extend([253, 255, 255, 255, 255, 255, 255, 255, 127]);
    assert!(matches!(
        ProofFile::decode(&huge),
        Err(ProofFileError::Record(_) | ProofFileError::Range(_))
    ));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.proof");
    assert!(matches!(
        ProofFile::read(&path),
        Err(ProofIoError::Missing(_))
    ));
    std::fs::write(&path, &bytes[..50]).unwrap();
    assert!(matches!(
        ProofFile::read(&path),
        Err(ProofIoError::Format { .. })
    ));
    let mut large = good;
    large.metadata = vec![0; proof::MAX_BYTES];
    assert!(large.encode().is_err());
}

proptest::proptest! {
    #[test]
    fn decoding_is_total_and_canonical(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        if let Some(first) = bytes.first_mut() {
            *first = proof::VERSION;
        }
        if let Ok(file) = ProofFile::decode(&bytes) {
            proptest::prop_assert_eq!(file.encode().unwrap(), bytes);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn verifying_is_total(seed: u64, fill: bool) {
        use rand::{RngCore, SeedableRng};
        static KEY: std::sync::LazyLock<(Vec<Fr>, Vec<u8>, ProvingKey)> = std::sync::LazyLock::new(|| {
            let key = key(Shape::default());
            let (public, bytes) = proof(&key, Shape::default());
            (public, bytes, key)
        });
        let (public, good, key) = &*KEY;
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        let mut bytes = good.clone();
        let start = rng.next_u64() as usize % bytes.len();
        if fill {
            rng.fill_bytes(&mut bytes[start..]);
        } else {
            // A point or scalar of the proof in another's place.
            let from = rng.next_u64() as usize % (good.len() / 32) * 32;
            let to = rng.next_u64() as usize % (good.len() / 32) * 32;
            bytes.copy_within(from..from + 32, to);
        }
        proptest::prop_assert_eq!(key.verifying().verify(public, &bytes).is_ok(), bytes == *good);
    }
}
