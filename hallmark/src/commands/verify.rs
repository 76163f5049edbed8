//! `hallmark verify PROOF`: nothing but the key and the public input.

use super::{print_json, prove::read_batch};
use crate::{
    cli::{Global, REFUSED, SUCCESS, VerifyArgs},
    home,
    ui::Ui,
};
use eyre::Result;
use hallmark::pipeline;
use prover::{ProofFile, ProofIoError, SrsLabel, segments::Prover};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(global: &Global, args: &VerifyArgs) -> Result<u8> {
    let ui = Ui::new();
    let label = home::label(global)?;
    let prover = Prover::new(&home::directory(global)?, label);
    let (file, verdict) = match ProofFile::read(&args.proof) {
        Ok(file) => {
            let verdict = judge(&prover, &file, label, args.batch.as_deref(), &ui)?;
            (Some(file), verdict)
        }
        Err(error @ ProofIoError::Format { .. }) => (None, Err(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    if global.json {
        let mut report = json!({ "valid": verdict.is_ok(), "reason": verdict.as_ref().err() });
        if let (Some(file), Some(report)) = (&file, report.as_object_mut()) {
            report.extend(describe(file));
        }
        print_json(&report);
    } else {
        match (&verdict, &file) {
            (Ok(()), Some(file)) => println!(
                "valid: segment {} of {} of batch {}, 2^{} rows",
                u64::from(file.segment.index) + 1,
                file.segment.count,
                file.segment.batch,
                file.k
            ),
            (Err(reason), _) => println!("not valid: {reason}"),
            (Ok(()), None) => {}
        }
        if file.is_some_and(|f| f.srs.is_insecure()) {
            ui.say("warning: the development reference string is insecure; anybody can forge proofs over it");
        }
    }
    Ok(if verdict.is_ok() { SUCCESS } else { REFUSED })
}

/// Whether the proof is valid, and of the batch if one is given; the inner error says why not.
fn judge(
    prover: &Prover,
    file: &ProofFile,
    label: SrsLabel,
    batch: Option<&Path>,
    ui: &Ui,
) -> Result<Result<(), String>> {
    if !pipeline::SHAPES.contains(&file.k) {
        return Ok(Err(format!(
            "the proof is of a shape of 2^{} rows, which does not exist",
            file.k
        )));
    }
    if file.srs != label {
        return Ok(Err(format!(
            "the proof was made with the reference string {}, and {label} is asked for; choose with --srs",
            file.srs
        )));
    }
    let key = pipeline::verifying_key(prover, file.k, ui)?;
    if let Err(error) = key.verify_file(file) {
        return Ok(Err(error.to_string()));
    }
    let Some(path) = batch else {
        return Ok(Ok(()));
    };
    let witness = read_batch(path)?;
    witness.check()?;
    Ok(if file.public == pipeline::public_values(&witness) {
        Ok(())
    } else {
        Err(format!(
            "the proof is valid, but not of the batch in {}",
            path.display()
        ))
    })
}

fn describe(file: &ProofFile) -> serde_json::Map<String, Value> {
    let public: Vec<String> = file
        .public
        .iter()
        .map(|v| protocol::field::to_bytes(v).to_string())
        .collect();
    let fields = [
        ("k", json!(file.k)),
        ("batch", json!(file.segment.batch)),
        ("segment", json!(file.segment.index)),
        ("segments", json!(file.segment.count)),
        ("public", json!(public)),
        ("proof_bytes", json!(file.proof.len())),
        ("insecure_srs", json!(file.srs.is_insecure())),
    ];
    fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
}
