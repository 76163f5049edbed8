//! Replays the committed fuzz seeds of proof files through the function that the fuzz target runs.

use std::path::Path;

#[path = "../../fuzz/src/prover_checks.rs"]
mod checks;

/// Each seed, each of its beginnings, and each of its bytes changed. Seeds named `good` decode, the others do not.
#[test]
fn proof_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/proof");
    let mut good = 0;
    let mut bad = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let decoded = prover::ProofFile::decode(&bytes);
        assert_eq!(
            decoded.is_ok(),
            name.starts_with("good"),
            "{name}: {decoded:?}"
        );
        if decoded.is_ok() {
            good += 1;
        } else {
            bad += 1;
        }
        checks::proof(&bytes);
        for at in 0..bytes.len() {
            checks::proof(&bytes[..at]);
            for value in [bytes[at].wrapping_add(1), bytes[at] ^ 0x80, 0, 251, 255] {
                let mut changed = bytes.clone();
                changed[at] = value;
                checks::proof(&changed);
            }
        }
    }
    assert!(good >= 3 && bad >= 5, "the seeds are missing");
}
