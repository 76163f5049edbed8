//! Official state tests: the machine's interpreter on every case, the checker on a fixed tenth, against `revm`.
//!
//! The folder is that of the variable `HALLMARK_FIXTURES`, or the one beside the repository. Without it the few files of
//! `tests/fixtures` are run, and the test says so.

#![allow(missing_docs, clippy::unwrap_used)]

use hallmark::statetest::{self, Check, Options, report::Report};
use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where the fixtures are if the variable does not say it.
const DEFAULT: &str = "../shared/fixtures";
/// Files and cases of the set that the figures of this test are of.
const SET: (usize, usize) = (2_296, 20_686);

/// A line that is seen even if the test passes: the test runner keeps what `eprintln` writes to itself.
fn say(text: &str) {
    io::stderr()
        .write_all(format!("{text}\n").as_bytes())
        .unwrap();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The committed files.
fn committed() -> PathBuf {
    root().join("tests/fixtures")
}

/// The full set, if it is there.
///
/// # Panics
/// When the variable names a folder that is not there.
fn full() -> Option<PathBuf> {
    if let Some(named) = env::var_os("HALLMARK_FIXTURES") {
        let path = root().join(named);
        assert!(
            path.is_dir(),
            "HALLMARK_FIXTURES is {}, which is no folder",
            path.display()
        );
        return Some(path);
    }
    Some(root().join(DEFAULT)).filter(|path| path.is_dir())
}

fn run(path: PathBuf, check: Check) -> Report {
    let files = statetest::files(&[path]).unwrap();
    let options = Options {
        check,
        ..Options::default()
    };
    let report = statetest::run(&files, &options, &|_| {}, &|_| {});
    say(&report.json().to_string());
    report
}

/// Nothing failed, and every case has exactly one result.
#[track_caller]
fn assert_holds(report: &Report) {
    assert_eq!(report.failing, []);
    assert_eq!(report.disagreed + report.panicked + report.unreadable, 0);
    assert_eq!(report.checker_rejected + report.official_hash_missed, 0);
    let not_provable: usize = report.not_provable.values().sum();
    assert_eq!(report.agreed + not_provable, report.cases);
    assert!(report.holds());
}

// POSITIVE

#[test]
fn official_state_tests_agree() {
    let Some(path) = full() else {
        say(&format!(
            "\nNOT THE FULL SET of official state tests: {DEFAULT} is not there, and HALLMARK_FIXTURES is not set.\n\
             Only the few files of tests/fixtures are run, by the other test of this file.\n"
        ));
        return;
    };
    let report = run(path, Check::Tenth);
    assert_holds(&report);
    assert!(report.cases > 0);
    if report.files != SET.0 {
        say(
            "the folder of HALLMARK_FIXTURES holds another set: its number of cases is not compared",
        );
        return;
    }
    // A reader that loses cases, or a machine that proves fewer, must not pass unnoticed.
    assert_eq!(report.cases, SET.1);
    assert!(report.agreed >= 4_127, "{} agreed", report.agreed);
    let official = report.oracle_hash_matched;
    assert!(official >= 9_814, "{official} official outcomes in revm");
}

#[test]
fn the_committed_state_tests_agree() {
    let report = run(committed(), Check::All);
    assert_holds(&report);
    assert_eq!(report.files, 21);
    assert_eq!(report.cases, 28);
    assert!(report.agreed >= 16 && report.official_hash_matched >= 13);
    assert_eq!(report.checked + report.refused, report.agreed);
    assert!(report.gas_limit_lowered > 0);
}
