//! `hallmark prove BATCH`: a batch file in, proof files out.

use super::print_json;
use crate::{
    cli::{Global, ProveArgs, REFUSED, SUCCESS},
    home,
    ui::Ui,
};
use eyre::{Result, WrapErr};
use hallmark::{
    pipeline::{self, PlannedSegment},
    plan,
};
use prover::{memory, segments::Prover};
use sequencer::BatchWitness;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Reads a batch file.
pub(super) fn read_batch(path: &Path) -> Result<BatchWitness> {
    let bytes = std::fs::read(path)
        .wrap_err_with(|| format!("the batch file {} cannot be read", path.display()))?;
    BatchWitness::from_bytes(&bytes).wrap_err_with(|| path.display().to_string())
}

/// Writes a batch file; its directory is made.
pub(super) fn write_batch(path: &Path, witness: &BatchWitness) -> Result<()> {
    let write = || {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(path, witness.to_bytes()?)?;
        Ok::<(), eyre::Report>(())
    };
    write().wrap_err_with(|| format!("the batch file {} cannot be written", path.display()))
}

pub(crate) fn run(global: &Global, args: &ProveArgs) -> Result<u8> {
    let ui = Ui::new();
    memory::reset_peak();
    let witness = read_batch(&args.batch)?;
    let prover = Prover::new(&home::directory(global)?, home::label(global)?);
    let largest = pipeline::largest_shape(&prover, global.max_k);
    let segments = plan::plan(&witness, largest)?;
    ui.say(pipeline::describe(&segments));
    if args.check {
        return check(global, &segments, &ui);
    }
    let store = directory_of(args.output.as_deref().unwrap_or(&args.batch));
    let announce = |id, budget: &prover::Budget| ui.budget(id, budget);
    let proven = pipeline::prove(&prover, &witness, &segments, store, &announce, &ui)?;
    let mut files = vec![];
    for p in &proven {
        let kept = Prover::proof_path(store, p.file.segment);
        let path = match &args.output {
            Some(output) if proven.len() == 1 => {
                std::fs::rename(&kept, output).wrap_err_with(|| {
                    format!("the proof file {} cannot be written", output.display())
                })?;
                output.clone()
            }
            _ => kept,
        };
        files.push(path);
    }
    let names: Vec<String> = files
        .iter()
        .map(|f: &PathBuf| f.display().to_string())
        .collect();
    if global.json {
        print_json(&json!({
            "batch": witness.statement.batch_number,
            "segments": proven.len(),
            "k": segments.iter().map(|s| s.k).collect::<Vec<_>>(),
            "rows_total": pipeline::rows(&segments),
            "rows_by_segment": segments.iter().map(|s| s.rows).collect::<Vec<_>>(),
            "prove_seconds": proven.iter().filter_map(|p| p.seconds).sum::<f64>(),
            "peak_rss_bytes": memory::peak(),
            "proof_bytes": proven.iter().map(|p| p.file.proof.len()).sum::<usize>(),
            "proofs": names,
        }));
    } else {
        names.iter().for_each(|n| println!("{n}"));
    }
    Ok(SUCCESS)
}

fn directory_of(file: &Path) -> &Path {
    file.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Checks every constraint of the filled tables without proving.
fn check(global: &Global, segments: &[PlannedSegment], ui: &Ui) -> Result<u8> {
    let pipeline::Checked { failures, seconds } = pipeline::check(segments)?;
    let rows = pipeline::rows(segments);
    for f in &failures {
        ui.say(f.to_string());
    }
    let holds = failures.is_empty();
    if global.json {
        let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
        print_json(&json!({
            "segments": segments.len(),
            "rows_total": rows,
            "rows_by_chip": pipeline::rows_by_chip(segments),
            "holds": holds,
            "check_seconds": seconds,
            "rows_per_second": rows as f64 / seconds.max(f64::EPSILON),
            "failures": failures,
        }));
    } else if holds {
        println!(
            "every relation of {rows} rows holds, checked in {seconds:.2} s on one core (this is no proof)"
        );
    } else {
        println!("{} relations do not hold", failures.len());
    }
    Ok(if holds { SUCCESS } else { REFUSED })
}
