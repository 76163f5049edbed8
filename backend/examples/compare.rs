//! Proves the machine's circuit with halo2-axiom's prover and with this one, alternating, three times each.
//!
//! ```text
//! cargo run --release -p backend --example compare -- [--k 16] [--json] [--portable]
//! ```
//!
//! The batch has as many transfers of ether as fit. Both provers get the same key, the same table and the same random generator; every proof is
//! verified by the library. Peaks are of live heap bytes during a proof, key and table included.

#[path = "../benches/prove/machine.rs"]
mod machine;

use backend::engine::{Arithmetic, Portable};
use eyre::{Result, bail, ensure, eyre};
use machine::Machine;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

/// Counts live bytes.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: everything is the system allocator's; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: what is asked for is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grown(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes of a commitment in the transcript.
const POINT: usize = 32;
const ROUNDS: u64 = 3;

struct Arguments {
    k: u32,
    json: bool,
    portable: bool,
}

fn arguments() -> Result<Arguments> {
    let mut parsed = Arguments {
        k: 16,
        json: false,
        portable: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => parsed.json = true,
            "--portable" => parsed.portable = true,
            "--k" => {
                let k = arguments
                    .next()
                    .ok_or_else(|| eyre!("--k needs a number"))?;
                parsed.k = k
                    .parse()
                    .map_err(|_| eyre!("--k needs a number, not {k}"))?;
            }
            other => bail!("{other} is not an option; there are --k K, --json and --portable"),
        }
    }
    ensure!(
        hallmark::pipeline::SHAPES.contains(&parsed.k),
        "the machine's shapes have 2^{} to 2^{} rows",
        hallmark::pipeline::SHAPES.start(),
        hallmark::pipeline::SHAPES.end(),
    );
    Ok(parsed)
}

/// Bytes of the proof, seconds, and the greatest number of live bytes meanwhile.
fn measured(prove: impl FnOnce() -> Result<Vec<u8>>) -> Result<(Vec<u8>, f64, usize)> {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    let start = Instant::now();
    let proof = prove()?;
    Ok((proof, start.elapsed().as_secs_f64(), PEAK.load(Relaxed)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<()> {
    let Arguments { k, json, portable } = arguments()?;
    let say = |text: String| {
        if !json {
            println!("{text}");
        }
    };
    say(format!("table and keys of 2^{k} rows"));
    let machine = Machine::new(k)?;
    let columns = machine.key.get_vk().cs().num_advice_columns();

    let (mut library, mut ours) = ((vec![], 0), (vec![], 0));
    let mut prefix_identical = true;
    let mut engine = "";
    for seed in 0..ROUNDS {
        let (theirs, seconds, peak) = measured(|| machine.prove_with_library(seed))?;
        say(format!("library {seconds:.2} s"));
        library.0.push(seconds);
        library.1 = library.1.max(peak);

        let prover = machine.prover(portable)?;
        engine = prover.engine();
        let (proof, seconds, peak) = measured(|| machine.prove(&prover, seed))?;
        say(format!("backend {seconds:.2} s ({engine})"));
        ours.0.push(seconds);
        ours.1 = ours.1.max(peak);

        let prefix = POINT * columns;
        prefix_identical &= proof[..prefix] == theirs[..prefix];
        machine.verify(&proof)?;
        machine.verify(&theirs)?;
    }
    let (library_seconds, backend_seconds) = (median(library.0), median(ours.0));
    let ratio = library_seconds / backend_seconds;
    if json {
        let report = serde_json::json!({
            "k": k,
            "advice_columns": columns,
            "library_seconds": library_seconds,
            "backend_seconds": backend_seconds,
            "ratio": ratio,
            "ifma": engine != Portable::NAME,
            "prefix_identical": prefix_identical,
            "library_peak_bytes": library.1,
            "backend_peak_bytes": ours.1,
        });
        println!("{report}");
    } else {
        println!(
            "medians: library {library_seconds:.2} s, backend {backend_seconds:.2} s, {ratio:.2} times"
        );
        println!(
            "peaks: library {} bytes, backend {} bytes",
            library.1, ours.1
        );
        println!("identical up to the random polynomial: {prefix_identical}");
    }
    Ok(())
}
