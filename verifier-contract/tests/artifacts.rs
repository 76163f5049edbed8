//! The committed artifacts are what the sources compile to.

use verifier_contract::node::{self, NodeError};

#[test]
fn artifacts_are_what_the_sources_compile_to() {
    match node::check_artifacts() {
        Ok(output) => print!("{output}"),
        Err(NodeError::Skipped) => eprintln!("skipped: npm is not installed"),
        Err(error) => panic!("{error}"),
    }
}

/// The lock file names no registry, so any mirror serves it.
#[test]
fn lock_file_names_no_host() {
    let lock = std::fs::read_to_string(node::package().join("package-lock.json")).unwrap();
    assert!(lock.contains("\"integrity\""));
    assert!(!lock.contains("\"resolved\""));
}
