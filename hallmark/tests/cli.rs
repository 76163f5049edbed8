//! The built binary, as a user runs it: options, files, exit codes. Only the smallest verifying key is made, and no proof.

#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

const SUCCESS: i32 = 0;
const FAILURE: i32 = 1;
const USAGE: i32 = 2;
const REFUSED: i32 = 3;

/// Runs `hallmark` in a directory of its own, with its files there.
fn hallmark(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hallmark"))
        .args(args)
        .current_dir(directory)
        .env_clear()
        .env("HALLMARK_HOME", directory.join("home"))
        .output()
        .unwrap()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one JSON object on standard output.
fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(value.is_object(), "{value}");
    value
}

/// A failure that is one sentence for people, not a panic or a debug print.
#[track_caller]
fn assert_says(output: &Output, exit: i32, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!(code(output), exit, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    for bad in ["panicked", "unwrap", "Err(", "RUST_BACKTRACE"] {
        assert!(!text.contains(bad), "{text}");
    }
}

// POSITIVE

#[test]
fn help_lists_commands_and_exit_codes() {
    let d = directory();
    let output = hallmark(d.path(), &["--help"]);
    assert_eq!(code(&output), SUCCESS);
    let text = String::from_utf8_lossy(&output.stdout);
    for word in [
        "demo",
        "dev",
        "prove",
        "verify",
        "keys",
        "srs",
        "cost",
        "statetest",
        "Exit codes",
    ] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
}

#[test]
fn a_development_string_is_made_once_and_labelled_insecure() {
    let d = directory();
    let first = hallmark(d.path(), &["srs", "development", "--k", "4", "--json"]);
    assert_eq!(code(&first), SUCCESS, "{}", stderr(&first));
    let report = json(&first);
    assert_eq!(report["insecure"], true);
    let file = report["files"][0].as_str().unwrap().to_owned();
    let made = fs::read(&file).unwrap();
    let second = hallmark(d.path(), &["srs", "development", "--k", "4", "--json"]);
    assert_eq!(json(&second), report);
    assert_eq!(fs::read(&file).unwrap(), made);
}

#[test]
fn flag_before_environment_before_file_before_default() {
    let d = directory();
    let size = |args: &[&str], environment: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallmark"));
        command.args(["srs", "development", "--k", "3"]).args(args);
        command.current_dir(d.path()).env_clear();
        if let Some(home) = environment {
            command.env("HALLMARK_HOME", home);
        }
        command.env("XDG_CACHE_HOME", d.path().join("default"));
        let output = command.output().unwrap();
        assert_eq!(code(&output), SUCCESS, "{}", stderr(&output));
        ["default/hallmark", "file", "environment", "flag"]
            .into_iter()
            .filter(|home| d.path().join(home).exists())
            .count()
    };
    assert_eq!(size(&[], None), 1);
    fs::write(d.path().join("hallmark.toml"), "home = 'file'\n").unwrap();
    assert_eq!(size(&[], None), 2);
    assert_eq!(size(&[], Some("environment")), 3);
    assert_eq!(size(&["--home", "flag"], Some("environment")), 4);
}

#[test]
fn a_damaged_string_is_reported_and_made_anew() {
    let d = directory();
    let make = || hallmark(d.path(), &["srs", "development", "--k", "4", "--json"]);
    let file = json(&make())["files"][0].as_str().unwrap().to_owned();
    let good = fs::read(&file).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&file, &bad).unwrap();
    let output = make();
    assert_says(&output, SUCCESS, &["damaged", "making it anew"]);
    assert_eq!(fs::read(&file).unwrap(), good);
}

#[test]
fn a_damaged_key_is_reported_and_made_anew() {
    let d = directory();
    let pin = || hallmark(d.path(), &["keys", "pin", "--k", "15", "--json"]);
    let first = pin();
    assert_eq!(code(&first), SUCCESS, "{}", stderr(&first));
    let pinned = json(&first)["pinned"].clone();
    assert!(pinned.is_string(), "{pinned}");
    let key = fs::read_dir(d.path().join("home"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "vk"))
        .unwrap();
    let good = fs::read(&key).unwrap();
    // Cut short, a bit turned, another file.
    let mut turned = good.clone();
    turned[good.len() / 2] ^= 4;
    for bad in [&good[..good.len() - 1], &turned, b"", b"a key"] {
        fs::write(&key, bad).unwrap();
        let output = pin();
        assert_says(&output, SUCCESS, &[".vk", "making the key anew"]);
        assert_eq!(json(&output)["pinned"], pinned);
        assert_eq!(fs::read(&key).unwrap(), good);
    }
    proofs_that_the_key_refuses(d.path());
}

/// Proof files of the right form under the key that is in the cache.
fn proofs_that_the_key_refuses(directory: &Path) {
    let circuit = prover::circuit::digest(&hallmark::pipeline::blank(15)).unwrap();
    let shape = hallmark::pipeline::budget(
        &prover::Prover::new(directory, prover::SrsLabel::development()),
        15,
    );
    let honest = prover::ProofFile {
        k: 15,
        circuit,
        srs: prover::SrsLabel::development(),
        segment: prover::SegmentId {
            batch: 1,
            index: 0,
            count: 1,
        },
        public: vec![1.into(), 2.into()],
        proof: vec![0; shape.proof_bytes],
        metadata: vec![0; 32],
    };
    type Change = fn(&mut prover::ProofFile);
    let changes: [(Change, &str); 6] = [
        (|_| (), "proof"),
        (|f| f.proof.truncate(500), "cut short"),
        (|f| f.public.truncate(1), "1 public values"),
        (|f| f.public.push(3.into()), "3 public values"),
        (|f| f.k = 3, "2^3 rows"),
        (|f| f.srs = prover::SrsLabel::from_bytes([7; 32]), "--srs"),
    ];
    for (change, reason) in changes {
        let mut file = honest.clone();
        change(&mut file);
        let path = directory.join("some.proof");
        fs::write(&path, file.encode().unwrap()).unwrap();
        let output = hallmark(directory, &["verify", "--json", "some.proof"]);
        assert_eq!(code(&output), REFUSED, "{}", stderr(&output));
        let report = json(&output);
        assert_eq!(report["valid"], false);
        assert!(
            report["reason"].as_str().unwrap().contains(reason),
            "{report}"
        );
    }
}

/// The committed state tests.
fn state_tests() -> String {
    format!(
        "{}/../tests/fixtures/ethereum-tests",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn state_tests_run_and_are_reported() {
    let d = directory();
    let run = |args: &[&str]| hallmark(d.path(), &[&["statetest"], args].concat());
    let output = run(&["--json", "--check", "tenth", "--each", &state_tests()]);
    assert_eq!(code(&output), SUCCESS, "{}", stderr(&output));
    let report = json(&output);
    let number = |key: &str| report[key].as_u64().unwrap();
    let reasons = report["not_provable"].as_object().unwrap().values();
    let reasons: u64 = reasons.map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(number("agreed") + reasons, number("cases"));
    assert_eq!(number("disagreed") + number("checker_rejected"), 0);
    assert!(number("official_hash_matched") > 0 && number("gas_limit_lowered") > 0);
    assert_eq!(
        report["results"].as_array().unwrap().len() as u64,
        number("cases")
    );
    assert_eq!(report["failing"].as_array().unwrap().len(), 0);

    let output = run(&[
        "--check",
        "none",
        "--filter",
        "TransactionToItself",
        &state_tests(),
    ]);
    assert_eq!(code(&output), SUCCESS, "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|l| l.contains("agreed with revm"));
    assert!(line.is_some_and(|l| l.trim_end().ends_with(" 1")), "{text}");
}

// NEGATIVE

#[test]
fn state_tests_that_are_none() {
    let d = directory();
    let run = |args: &[&str]| hallmark(d.path(), &[&["statetest", "--json"], args].concat());
    assert_says(&run(&[]), USAGE, &["PATH"]);
    assert_says(&run(&["--check", "half", "."]), USAGE, &["tenth"]);
    assert_says(&run(&["absent"]), FAILURE, &["absent", "cannot be read"]);
    assert_says(&run(&["."]), FAILURE, &["no JSON file"]);
    assert_says(
        &run(&["--filter", "no such case", &state_tests()]),
        FAILURE,
        &["no such case"],
    );
    fs::write(d.path().join("bad.json"), "{ \"a\": 1 }").unwrap();
    let output = run(&["bad.json"]);
    assert_eq!(code(&output), REFUSED, "{}", stderr(&output));
    let report = json(&output);
    assert_eq!(report["unreadable"], 1);
    assert_eq!(report["failing"][0]["name"], "bad.json");
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let d = directory();
    assert_says(&hallmark(d.path(), &["nonsense"]), USAGE, &["nonsense"]);
    assert_says(
        &hallmark(d.path(), &["demo", "--transfers", "0"]),
        USAGE,
        &["--transfers"],
    );
    assert_says(
        &hallmark(d.path(), &["keys", "pin", "--k", "14"]),
        USAGE,
        &["15"],
    );
    fs::write(d.path().join("hallmark.toml"), "transferz = 3\n").unwrap();
    assert_says(&hallmark(d.path(), &["cost"]), USAGE, &["transferz"]);
    fs::write(d.path().join("hallmark.toml"), "transfers = [\n").unwrap();
    assert_says(&hallmark(d.path(), &["cost"]), USAGE, &["hallmark.toml"]);
    let output = hallmark(d.path(), &["--config", "absent.toml", "cost"]);
    assert_says(&output, USAGE, &["absent.toml"]);
}

#[test]
fn batch_files_that_are_none() {
    let d = directory();
    let prove = |file: &str| hallmark(d.path(), &["prove", "--json", file]);
    let output = prove("batch-7.batch");
    assert_says(&output, FAILURE, &["batch-7.batch", "cannot be read"]);
    assert!(
        json(&output)["error"]
            .as_str()
            .unwrap()
            .contains("batch-7.batch")
    );
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"a batch, honestly"),
        ("magic", b"HMBATCH\x01"),
        ("long", &[b"HMBATCH\x01".as_slice(), &[0xff; 300]].concat()),
    ] {
        fs::write(d.path().join(name), bytes).unwrap();
        assert_says(&prove(name), FAILURE, &["the batch file", name]);
        assert_says(
            &hallmark(d.path(), &["cost", name]),
            FAILURE,
            &["the batch file"],
        );
    }
}

#[test]
fn proof_files_that_are_none() {
    let d = directory();
    let verify = |file: &str| hallmark(d.path(), &["verify", "--json", file]);
    assert_says(&verify("absent.proof"), FAILURE, &["absent.proof"]);
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"a proof"),
        ("bits", &[1; 500]),
    ] {
        fs::write(d.path().join(name), bytes).unwrap();
        let output = verify(name);
        assert_eq!(code(&output), REFUSED, "{}", stderr(&output));
        let report = json(&output);
        assert_eq!(report["valid"], false);
        assert!(
            report["reason"].as_str().unwrap().contains(name),
            "{report}"
        );
    }
}

#[test]
fn strings_that_were_not_imported() {
    let d = directory();
    let output = hallmark(d.path(), &["--srs", "zz", "keys", "pin", "--k", "15"]);
    assert_says(&output, FAILURE, &["--srs zz", "label"]);
    let output = hallmark(d.path(), &["--srs", "0x1234", "keys", "pin", "--k", "15"]);
    assert_says(&output, FAILURE, &["64 hexadecimal digits"]);
    let unknown = "11".repeat(32);
    let output = hallmark(d.path(), &["--srs", &unknown, "keys", "pin", "--k", "15"]);
    assert_says(&output, FAILURE, &["srs import"]);
}

#[test]
fn ceremony_files_that_are_none() {
    let d = directory();
    let import = |file: &str| hallmark(d.path(), &["srs", "import", file]);
    assert_says(&import("absent.ptau"), FAILURE, &["absent.ptau"]);
    fs::write(d.path().join("short.ptau"), b"ptau\x01\0\0\0").unwrap();
    assert_says(&import("short.ptau"), FAILURE, &["short.ptau"]);
    let output = hallmark(
        d.path(),
        &[
            "srs",
            "import",
            "short.ptau",
            "--smallest",
            "16",
            "--largest",
            "15",
        ],
    );
    assert_says(&output, FAILURE, &["--smallest 16"]);
}
