//! Gas of each entry point and size of the synthetic key, as committed figures.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p prover --test contract gas` writes them anew if they differ by more than noise.

use std::{fmt::Write as _, fs, path::Path};

use alloy_primitives::{Bytes, keccak256};
use verifier_contract::{Rollup, local::LocalL1};

use crate::{
    rollup::{SEQUENCER, World, parameters, plan, whole},
    support::{Fixture, NOW, SENDER},
};

/// A proof's calldata has some zero bytes, at 4 gas instead of 16: about 43 of 11,008, with a deviation of 7.
const NOISE: u64 = 500;

#[test]
fn gas_of_each_entry_point() {
    let mut figures: Vec<(&str, u64)> = vec![];
    let plan = plan(parameters());
    let mut l1 = LocalL1::new(1, NOW);
    let receipts: Vec<_> = plan
        .parts()
        .into_iter()
        .map(|init| l1.deploy(SENDER, init).unwrap())
        .collect();
    let parts: Vec<_> = receipts.iter().filter_map(|r| r.created).collect();
    figures.push(("deploy_verifier", receipts[0].gas_used));
    figures.push(("deploy_key_head", receipts[1].gas_used));
    figures.push((
        "deploy_key_programs",
        receipts[3..].iter().map(|r| r.gas_used).sum(),
    ));
    figures.push((
        "deploy_rollup",
        l1.deploy(SENDER, plan.rollup(&parts).unwrap())
            .unwrap()
            .gas_used,
    ));

    let mut world = World::new(parameters());
    let mut draft = world.next();
    draft.payload = (0..64u8)
        .flat_map(|i| keccak256([i]).0)
        .collect::<Vec<_>>()
        .into();
    let (statement, previous_timestamp) = world.statement(&draft);
    figures.push(("commit_2048_bytes", world.try_commit(&draft).gas_used));
    let honest = whole(&statement, previous_timestamp);
    let mut tampered = honest.clone();
    let mut proof = tampered.proof.to_vec();
    let last_evaluation = proof.len() - 129;
    proof[last_evaluation] ^= 1;
    tampered.proof = Bytes::from(proof);
    let rejected = world.clone().prove(1, vec![vec![tampered]]);
    assert!(!rejected.success);
    figures.push((
        "revert_1",
        world
            .clone()
            .send(SEQUENCER, &Rollup::revertBatchesCall { last: 0 })
            .gas_used,
    ));
    let proven = world.prove(1, vec![vec![honest]]);
    assert!(proven.success);
    assert!(
        rejected.gas_used <= proven.gas_used,
        "{} > {}",
        rejected.gas_used,
        proven.gas_used
    );
    figures.push(("prove_1_segment", proven.gas_used));
    figures.push(("prove_1_segment_rejected", rejected.gas_used));
    figures.push(("verify_alone", Fixture::shared().gas));

    let key = Fixture::shared().figures;
    for (name, value) in [
        ("key_advice_columns", key.advice_columns),
        ("key_evaluations", key.evaluations),
        ("key_polynomials", key.polynomials),
        ("key_field_operations", key.field_operations),
        ("key_scalar_multiplications", key.scalar_multiplications),
        ("key_head_bytes", key.head_bytes),
        ("key_program_bytes", key.program_bytes),
        ("key_carried_words", key.carried_words),
        ("key_program_gas", key.program_gas as usize),
        ("proof_bytes", key.proof_bytes),
    ] {
        figures.push((name, value as u64));
    }

    // The budgets of the final size.
    assert!(proven.gas_used <= 1_200_000, "{}", proven.gas_used);
    assert!(
        key.advice_columns == 80
            && key.evaluations == 170
            && (3_900..=4_500).contains(&key.field_operations)
    );

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/gas.txt");
    let mut text = String::new();
    for (name, value) in &figures {
        let _ = writeln!(text, "{name} {value}");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let close = |a: &str, b: &str| match (a.split_once(' '), b.split_once(' ')) {
        (Some((name, a)), Some((other, b))) if name == other => {
            let noise = if name.starts_with("prove_") || name == "verify_alone" {
                NOISE
            } else {
                0
            };
            matches!((a.parse::<u64>(), b.parse::<u64>()), (Ok(a), Ok(b)) if a.abs_diff(b) <= noise)
        }
        _ => false,
    };
    let same = committed.lines().count() == text.lines().count()
        && committed
            .lines()
            .zip(text.lines())
            .all(|(a, b)| close(a, b));
    let accepted = !same && std::env::var_os("UPDATE_GOLDEN").is_some();
    if accepted {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        same || accepted,
        "golden/gas.txt says\n{committed}\nmeasured:\n{text}\nIf this is meant, run with UPDATE_GOLDEN=1."
    );
}
