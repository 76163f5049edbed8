//! Measures keys and proofs on a circuit of the machine's final size:
//! `cargo run --release -p prover --features measure --example measure -- K [DIRECTORY]`.

use std::path::PathBuf;
use std::time::Instant;

use halo2_proofs::SerdeFormat;
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::ProvingKey as Halo2Key;
use prover::progress::Silent;
use prover::synthetic::Synthetic;
use prover::{
    Calibration, KeyStore, ProvableCircuit, ProvingKey, SrsStore, Update, VerifyingKey, circuit,
    memory, prove,
};

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what:<28} {:8.2} s", start.elapsed().as_secs_f64());
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
    let key = timed("proving key from it", || {
        ProvingKey::generate(&srs, &synthetic, verifying.into())
    })
    .expect("key");
    let file = directory.join("measure.pk");
    timed("proving key, written", || {
        let mut out =
            std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(&file).expect("file"));
        key.inner()
            .write(&mut out, SerdeFormat::RawBytesUnchecked)
            .expect("written");
    });
    println!(
        "proving key file             {:8.0} MB",
        std::fs::metadata(&file).expect("file").len() as f64 / 1e6
    );
    timed("proving key, read", || {
        let mut from =
            std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(&file).expect("file"));
        Halo2Key::read::<_, Synthetic>(
            &mut from,
            SerdeFormat::RawBytesUnchecked,
            Default::default(),
        )
        .expect("read");
    });
    std::fs::remove_file(&file).expect("removed");

    let calibration = Calibration::none();
    let budget = prover::Budget::of(&synthetic, &calibration);
    println!("{budget}");
    memory::reset_peak();
    let (plan, _) = calibration.plan(Synthetic::NAME, budget.advice_columns, k);
    let public = synthetic.public;
    let progress = |update: &Update| eprintln!("  {update}");
    let proof = timed("proof", || {
        prove(&srs, &key, || Ok(synthetic), &public, "", &plan, &progress)
    })
    .expect("proof");
    let cells = budget.advice_columns as f64 * f64::from(1u32 << k);
    let threads = rayon::current_num_threads() as f64;
    for (stage, time) in &proof.timings {
        let each = time.as_secs_f64() * 1e9 * threads / cells;
        println!(
            "  {:<26} {:8.2} s {each:8.0} core-ns a cell",
            format!("{stage:?}"),
            time.as_secs_f64()
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
