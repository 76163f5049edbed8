//! Every way to spoil a proof: refused by all, for the same reason, and for no more gas than an honest one.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolError;
use halo2_proofs::halo2curves::bn256::Fr;
use prover::contract_key::{self, ContractKey, KeyError};
use verifier_contract::{Verifier, deployment::creation_code};

use crate::support::{Fixture, SENDER, words};

/// Order of the scalar field.
const R: [u8; 32] =
    alloy_primitives::hex!("30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001");
/// Order of the base field.
const Q: [u8; 32] =
    alloy_primitives::hex!("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47");

fn selector(error: &KeyError) -> Bytes {
    match error {
        KeyError::InvalidKey | KeyError::Program { .. } => Verifier::InvalidKey {}.abi_encode(),
        KeyError::InvalidInstance => Verifier::InvalidInstance {}.abi_encode(),
        KeyError::InvalidProofLength { .. } => Verifier::InvalidProofLength {}.abi_encode(),
        KeyError::InvalidScalar => Verifier::InvalidScalar {}.abi_encode(),
        KeyError::InvalidPoint => Verifier::InvalidPoint {}.abi_encode(),
        KeyError::DegenerateChallenge => Verifier::DegenerateChallenge {}.abi_encode(),
        KeyError::ProofRejected => Verifier::ProofRejected {}.abi_encode(),
    }
    .into()
}

/// All three refuse, contract and mirror with the same error, and the gas is not above that of the honest proof.
fn refused(name: &str, proof: &[u8], public: &[Fr]) -> KeyError {
    let fixture = Fixture::shared();
    let verdict = fixture.verdict(proof, public);
    let honest = fixture.gas;
    assert!(!verdict.halo2, "{name}: halo2 accepts");
    let error = verdict.mirror.expect_err(name);
    assert_eq!(
        verdict.contract,
        Err(selector(&error)),
        "{name}: mirror says {error}"
    );
    // Calldata is its sender's affair: a byte that is not zero costs more, and so does a longer proof.
    let zeros = |proof: &[u8]| proof.iter().filter(|b| **b == 0).count() as u64;
    let longer = 40 * proof.len().saturating_sub(fixture.proof.len()) as u64;
    let honest_zeros = zeros(&fixture.proof) + zeros(&bytes(&fixture.public));
    let fewer_zeros = 12 * honest_zeros.saturating_sub(zeros(proof) + zeros(&bytes(public)));
    let limit = honest + longer + fewer_zeros;
    assert!(
        verdict.gas <= limit,
        "{name}: {} gas, an honest proof {honest}",
        verdict.gas
    );
    error
}

fn bytes(public: &[Fr]) -> Vec<u8> {
    public.iter().flat_map(Fr::to_bytes).collect()
}

fn add(word: &mut [u8], by: &[u8; 32]) {
    let sum = U256::from_be_slice(word).wrapping_add(U256::from_be_bytes(*by));
    word.copy_from_slice(&sum.to_be_bytes::<32>());
}

/// Byte ranges of the proof: points before the evaluations, evaluations, W and W'.
fn sections() -> (
    std::ops::Range<usize>,
    std::ops::Range<usize>,
    std::ops::Range<usize>,
) {
    let fixture = Fixture::shared();
    let (length, evaluations) = (
        fixture.figures.proof_bytes,
        32 * fixture.figures.evaluations,
    );
    let points = length - 128 - evaluations;
    (0..points, points..length - 128, length - 128..length)
}

/// Offsets of some points: first and last of each phase, random, quotient pieces, W, W'.
fn points() -> Vec<usize> {
    let (points, _, openings) = sections();
    let mut at = vec![
        0,
        63 * 64,
        64 * 64,
        79 * 64,
        80 * 64,
        81 * 64,
        points.end - 64,
    ];
    at.extend([openings.start, openings.start + 64]);
    at
}

// NEGATIVE

#[test]
fn flipped_bytes() {
    let proof = &Fixture::shared().proof;
    let (_, evaluations, _) = sections();
    let sample = (0..proof.len()).step_by(331).chain([
        proof.len() - 1,
        proof.len() - 128,
        evaluations.end - 1,
    ]);
    for (i, at) in sample.enumerate() {
        let mut proof = proof.clone();
        proof[at] ^= 1 << (i % 8);
        refused(&format!("byte {at}"), &proof, &Fixture::shared().public);
    }
}

#[test]
fn wrong_lengths() {
    let fixture = Fixture::shared();
    let honest = &fixture.proof;
    for length in [0, 1, 31, 32, honest.len() - 32, honest.len() - 1] {
        let error = refused(
            &format!("{length} bytes"),
            &honest[..length],
            &fixture.public,
        );
        assert!(matches!(error, KeyError::InvalidProofLength { .. }));
    }
    for more in [1, 31, 32, 64, honest.len()] {
        let proof = [honest.as_slice(), &vec![0; more]].concat();
        let error = refused(&format!("{more} bytes more"), &proof, &fixture.public);
        assert!(matches!(error, KeyError::InvalidProofLength { .. }));
    }
}

#[test]
fn scalars_not_below_the_order() {
    let fixture = Fixture::shared();
    let (_, evaluations, _) = sections();
    let some = [
        0,
        1,
        63,
        64,
        139,
        150,
        157,
        168,
        fixture.figures.evaluations - 1,
    ];
    for at in some.map(|i| evaluations.start + 32 * i) {
        let mut proof = fixture.proof.clone();
        add(&mut proof[at..at + 32], &R);
        assert_eq!(
            refused("scalar + r", &proof, &fixture.public),
            KeyError::InvalidScalar
        );
        proof[at..at + 32].copy_from_slice(&R);
        assert_eq!(
            refused("r", &proof, &fixture.public),
            KeyError::InvalidScalar
        );
        proof[at..at + 32].fill(0xff);
        assert_eq!(
            refused("2^256 - 1", &proof, &fixture.public),
            KeyError::InvalidScalar
        );
    }
}

#[test]
fn points_that_are_none() {
    let fixture = Fixture::shared();
    for at in points() {
        for coordinate in [at, at + 32] {
            let mut proof = fixture.proof.clone();
            add(&mut proof[coordinate..coordinate + 32], &Q);
            assert_eq!(
                refused("coordinate + q", &proof, &fixture.public),
                KeyError::InvalidPoint
            );
        }
        let mut proof = fixture.proof.clone();
        proof[at..at + 64].fill(0);
        proof[at + 31] = 1;
        proof[at + 63] = 1;
        assert_eq!(
            refused("(1, 1)", &proof, &fixture.public),
            KeyError::InvalidPoint
        );
        proof[at + 31] = 0;
        assert_eq!(
            refused("(0, 1)", &proof, &fixture.public),
            KeyError::InvalidPoint
        );
    }
}

#[test]
fn other_points_of_the_curve() {
    let fixture = Fixture::shared();
    for at in points() {
        let mut proof = fixture.proof.clone();
        proof[at..at + 64].fill(0);
        assert_eq!(
            refused("identity", &proof, &fixture.public),
            KeyError::ProofRejected
        );
        proof[at + 31] = 1;
        proof[at + 63] = 2;
        assert_eq!(
            refused("generator", &proof, &fixture.public),
            KeyError::ProofRejected
        );
        let mut proof = fixture.proof.clone();
        let y = U256::from_be_bytes(Q) - U256::from_be_slice(&proof[at + 32..at + 64]);
        proof[at + 32..at + 64].copy_from_slice(&y.to_be_bytes::<32>());
        assert_eq!(
            refused("negative", &proof, &fixture.public),
            KeyError::ProofRejected
        );
    }
    let mut proof = fixture.proof.clone();
    proof[sections().2].fill(0);
    assert_eq!(
        refused("W = W' = 0", &proof, &fixture.public),
        KeyError::ProofRejected
    );
    assert_eq!(
        refused("zeros", &vec![0; proof.len()], &fixture.public),
        KeyError::ProofRejected
    );
}

#[test]
fn exchanged_commitments_and_evaluations() {
    let fixture = Fixture::shared();
    let (points, evaluations, openings) = sections();
    for (a, b, size) in [
        (0, 64, 64),
        (64 * 64, 65 * 64, 64),
        (points.end - 128, points.end - 64, 64),
        (openings.start, openings.start + 64, 64),
        (evaluations.start, evaluations.start + 32, 32),
    ] {
        let mut proof = fixture.proof.clone();
        let (left, right) = proof.split_at_mut(b);
        left[a..a + size].swap_with_slice(&mut right[..size]);
        refused("exchanged", &proof, &fixture.public);
    }
}

#[test]
fn other_public_values() {
    let fixture = Fixture::shared();
    let [a, b] = fixture.public;
    let one = Fr::one();
    for public in [
        vec![b, a],
        vec![a + one, b],
        vec![a, b + one],
        vec![a, -b],
        vec![Fr::zero(), Fr::zero()],
    ] {
        assert_eq!(
            refused("other value", &fixture.proof, &public),
            KeyError::ProofRejected
        );
    }
    for public in [vec![], vec![a], vec![a, b, Fr::zero()]] {
        let receipt = fixture
            .chain
            .verify(&fixture.key_contracts, &fixture.proof, &words(&public));
        assert_eq!(receipt.output, selector(&KeyError::InvalidInstance));
    }
    // A value and its sum with the order are one field element, and must not be two statements.
    for at in 0..2 {
        let mut public = words(&fixture.public);
        public[at] += U256::from_be_bytes(R);
        let receipt = fixture
            .chain
            .verify(&fixture.key_contracts, &fixture.proof, &public);
        assert_eq!(receipt.output, selector(&KeyError::InvalidInstance));
        let mirror = contract_key::verify_with_key_data(&fixture.key, &fixture.proof, &public);
        assert_eq!(mirror, Err(KeyError::InvalidInstance));
    }
}

#[test]
fn other_keys() {
    let fixture = Fixture::shared();
    let contracts = &fixture.key_contracts;
    let public = words(&fixture.public);
    let swapped: Vec<Address> = contracts.iter().rev().copied().collect();
    let mut twice = contracts.clone();
    twice.push(contracts[1]);
    let mut eoa = contracts.clone();
    eoa[1] = SENDER;
    let mut data_as_program = contracts.clone();
    data_as_program[1] = contracts[0];
    for (name, key) in [
        ("no key", vec![]),
        ("no program", contracts[..1].to_vec()),
        ("reversed", swapped),
        ("a program too many", twice),
        ("no code", vec![SENDER; contracts.len()]),
        ("no code as program", eoa),
        ("data as program", data_as_program),
        (
            "verifier as head",
            std::iter::once(fixture.chain.verifier)
                .chain(contracts[1..].iter().copied())
                .collect(),
        ),
    ] {
        let receipt = fixture.chain.verify(&key, &fixture.proof, &public);
        assert!(!receipt.success, "{name}");
        assert_eq!(receipt.output, selector(&KeyError::InvalidKey), "{name}");
    }
}

/// The contract and the mirror read the same bytes: whatever happens to a key, they agree on the verdict.
#[test]
fn spoilt_keys() {
    let fixture = Fixture::shared();
    let public = words(&fixture.public);
    let mut l1 = fixture.chain.l1.clone();
    let mut check = |name: &str, key: &ContractKey| {
        let contracts: Vec<Address> = std::iter::once(&key.head)
            .chain(&key.programs)
            .map(|code| {
                l1.deploy(SENDER, creation_code(code))
                    .unwrap()
                    .created
                    .unwrap()
            })
            .collect();
        let call = Verifier::verifyCall {
            key: contracts,
            instances: public.clone(),
            proof: fixture.proof.clone().into(),
        };
        let data = alloy_sol_types::SolCall::abi_encode(&call);
        let receipt = l1
            .call(SENDER, fixture.chain.verifier, data.into())
            .unwrap();
        let mirror = contract_key::verify_with_key_data(key, &fixture.proof, &public);
        assert_eq!(receipt.success, mirror.is_ok(), "{name}: {mirror:?}");
        receipt.success
    };
    assert!(check("the key itself", &fixture.key));
    // How much memory a call reads, and where free memory begins, may be more than needed; the numbers of the
    // programs and of their words stand to the left in their word.
    let header = (0..40)
        .filter(|word| ![9, 28, 29].contains(word))
        .map(|word| 32 * word + 32)
        .chain([930, 932, 934]);
    for at in header {
        let mut key = fixture.key.clone();
        key.head[at] ^= 1;
        assert!(
            !check(&format!("head byte {at}"), &key),
            "head byte {at} does not matter"
        );
    }
    // In the lists only padding may not matter.
    let lists: Vec<_> = (1300..fixture.key.head.len()).step_by(397).collect();
    let accepted = lists.iter().filter(|at| {
        let mut key = fixture.key.clone();
        key.head[**at] ^= 1;
        check(&format!("head byte {at}"), &key)
    });
    assert!(accepted.count() <= 2);
    // The last constant may end in zeros, which the contract reads behind the code.
    for cut in [31, 32, 1000] {
        let mut key = fixture.key.clone();
        key.head.truncate(key.head.len() - cut);
        assert!(!check(&format!("head shorter by {cut}"), &key));
    }
    // An arithmetic instruction changed.
    for (i, at) in [(0, 110), (0, 3000), (1, 3000)] {
        let mut key = fixture.key.clone();
        let found = key.programs[i][at..]
            .iter()
            .position(|op| *op == 0x09)
            .unwrap();
        key.programs[i][at + found] = 0x08;
        assert!(!check(&format!("program {i} at {at}"), &key));
    }
}
