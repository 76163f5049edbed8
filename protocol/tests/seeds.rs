//! Replays the committed fuzz seeds through the functions that the fuzz targets run.

use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/protocol_checks.rs"]
mod checks;

/// The seeds of a target, sorted by name.
fn seeds(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Each seed, each of its beginnings, and each of its bytes changed.
fn replay(target: &str, check: fn(&[u8])) {
    let files = seeds(target);
    assert!(files.len() >= 3, "the seeds of {target} are missing");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        println!("{} ({} bytes)", file.display(), bytes.len());
        check(&bytes);
        for at in 0..bytes.len() {
            check(&bytes[..at]);
            for value in [bytes[at].wrapping_add(1), bytes[at] ^ 0x80, 0] {
                let mut changed = bytes.clone();
                changed[at] = value;
                check(&changed);
            }
        }
    }
}

#[test]
fn payload_seeds() {
    replay("payload", checks::payload);
}

#[test]
fn transaction_seeds() {
    replay("transaction", checks::transaction);
}

#[test]
fn record_seeds() {
    replay("records", checks::records);
}

/// Seeds with `good` in the name decode: the replay reaches past the first error.
#[test]
fn good_seeds_decode() {
    let mut good = 0;
    for file in seeds("payload").iter().chain(&seeds("transaction")) {
        if file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains("good"))
        {
            let bytes = std::fs::read(file).unwrap();
            let decodes = protocol::Payload::decode(&bytes).is_ok()
                || protocol::Transaction::decode_signing(&bytes).is_ok()
                || protocol::SignedTransaction::decode_2718(&bytes).is_ok();
            assert!(decodes, "{}", file.display());
            good += 1;
        }
    }
    assert!(good >= 6);
}
