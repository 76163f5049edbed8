//! Measures keys and proofs on a circuit of the machine's final size:
//! `cargo run --release -p prover --features measure --example measure -- K [DIRECTORY]`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use halo2_proofs::halo2curves::bn256::Fr;
use prover::progress::Silent;
use prover::synthetic::Synthetic;
use prover::{
    Calibration, KeyStore, ProvableCircuit, ProvingKey, SrsStore, Stage, Update, VerifyingKey,
    circuit, memory, prove,
};

/// Seconds of processor time that this process has used on all cores.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // User and system ticks of 10 ms are the 14th and 15th field; the second one is in parentheses.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|t| t.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, processor) = (Instant::now(), processor_seconds());
    let result = work();
    println!(
        "{what:<28} {:8.2} s {:8.2} core-s",
        start.elapsed().as_secs_f64(),
        processor_seconds() - processor
    );
    result
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let k: u32 = arguments.next().and_then(|k| k.parse().ok()).unwrap_or(15);
    let directory = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let synthetic = Synthetic {
        k,
        public: [Fr::from(11), Fr::from(1 << 40)],
        seed: 5,
    };
    let store = SrsStore::new(&directory);
    let path = store.path(prover::SrsLabel::development(), k);
    let _ = std::fs::remove_file(&path);
    timed("reference string, made", || store.development(k, &Silent)).expect("reference string");
    let srs = timed("reference string, read", || store.development(k, &Silent))
        .expect("reference string");
    timed("circuit digest", || circuit::digest(&synthetic)).expect("digest");
    let verifying = timed("verifying key, made", || {
        VerifyingKey::generate(&srs, &synthetic)
    })
    .expect("key");
    verifying
        .write(&KeyStore::new(&directory).path("measure", k, verifying.digest(), srs.label()))
        .expect("written");
    let verifying = Arc::new(verifying);
    let key = timed("proving key from it", || {
        ProvingKey::generate(&srs, &synthetic, verifying.clone())
    })
    .expect("key");
    let file = directory.join("measure.pk");
    timed("proving key, written", || key.write(&file)).expect("written");
    println!(
        "proving key file             {:8.0} MB",
        std::fs::metadata(&file).expect("file").len() as f64 / 1e6
    );
    drop(key);
    let key = timed("proving key, mapped", || ProvingKey::read(&file, verifying))
        .expect("read")
        .expect("it was written");
    std::fs::remove_file(&file).expect("removed");

    let calibration = Calibration::none();
    let budget = prover::Budget::of(&synthetic, &calibration);
    println!("{budget}\n{:?}", budget.work);
    memory::reset_peak();
    let (plan, _) = calibration.plan(Synthetic::NAME, &budget.work, k);
    let public = synthetic.public;
    let stages = Mutex::new(Vec::<(Stage, f64)>::new());
    let progress = |update: &Update| {
        let mut stages = stages.lock().expect("no panic");
        if stages
            .last()
            .is_none_or(|(stage, _)| *stage != update.stage)
        {
            stages.push((update.stage, processor_seconds()));
        }
    };
    let proof = timed("proof", || {
        prove(&key, || Ok(synthetic), &public, "", &plan, &progress)
    })
    .expect("proof");
    let cells = budget.advice_columns as f64 * f64::from(1u32 << k);
    let stages = stages.into_inner().expect("no panic");
    let ends = stages
        .iter()
        .skip(1)
        .map(|(_, at)| *at)
        .chain([processor_seconds()]);
    for ((stage, begin), end) in stages.iter().zip(ends) {
        let wall = proof.timings.iter().find(|(s, _)| s == stage);
        let wall = wall.map_or(0.0, |(_, time)| time.as_secs_f64());
        let spent = end - begin;
        println!(
            "  {:<26} {wall:8.2} s {spent:8.2} core-s {:8.0} core-ns a cell",
            format!("{stage:?}"),
            spent * 1e9 / cells
        );
    }
    if let Some(peak) = memory::peak() {
        println!(
            "peak memory {peak} bytes, {:.0} a cell; estimate {}",
            peak as f64 / cells,
            budget.peak_bytes
        );
    }
}
