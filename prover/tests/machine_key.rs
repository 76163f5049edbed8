//! The machine's verifying keys, pinned: a change of any constraint changes these files in the same commit.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p prover --test machine_key` accepts a change.

use std::{path::PathBuf, sync::Arc};

use circuits::{framework::circuit::MachineCircuit, machine::MainMachine};
use prover::{KeyStore, SrsLabel, SrsStore, VerifyingKey, contract_key, progress::Silent};

fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "{} differs: the machine has changed; if that is meant, set UPDATE_GOLDEN",
        path.display()
    );
}

/// The key of 2^`k` rows over the development string, kept under `target` between runs.
fn key(k: u32) -> (Arc<VerifyingKey>, prover::Srs) {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("keys");
    let srs = SrsStore::new(&cache)
        .development(k, &Silent)
        .expect("a reference string");
    assert_eq!(srs.label(), SrsLabel::development());
    let circuit = MachineCircuit::new(MainMachine::get().machine.clone(), k);
    // Made anew each time: a cached key would hide a change.
    let key = VerifyingKey::generate(&srs, &circuit).expect("a key");
    let kept = KeyStore::new(&cache)
        .verifying_key(&srs, &circuit, &Silent)
        .expect("a kept key");
    assert_eq!(kept.pinned(), key.pinned());
    (Arc::new(key), srs)
}

#[test]
fn the_machines_keys_are_the_pinned_ones() {
    for k in [15, 16] {
        let (key, srs) = key(k);
        golden(&format!("machine-k{k}.vk.txt"), &key.pinned());
        let (code, figures) = contract_key::export(srs.params(), key.inner(), key.public_values())
            .expect("an export");
        if k == 15 {
            let lines = format!(
                "advice columns: {}\nevaluations: {}\nfield operations: {}\nproof bytes: {}\nhead bytes: {}\nprogram bytes: {:?}\ncarried words: {}\nprogram gas: {}\n",
                figures.advice_columns,
                figures.evaluations,
                figures.field_operations,
                key.proof_bytes(),
                code.head.len(),
                code.programs.iter().map(Vec::len).collect::<Vec<_>>(),
                figures.carried_words,
                figures.program_gas,
            );
            golden("machine-contract.txt", &lines);
        }
    }
}
