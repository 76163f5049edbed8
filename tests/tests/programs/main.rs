//! Random programs: what `revm` makes of them, the machine's interpreter must make of them too, and their tables must hold.
//!
//! `HALLMARK_FUZZ_PROGRAMS` says how many, `HALLMARK_FUZZ_SEED` which ones. A mismatch is narrowed down to one program, made as small as it
//! goes, and printed with its bytes; it becomes a test of its own.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod generator;
mod oracle;
mod program;

use alloy_primitives::Bytes;
use circuits::{
    cpu::opcodes::{OPCODES, Opcode, opcode},
    machine::MainMachine,
};
use generator::programs;
use hallmark::statetest::{
    compare::{Outcome, State, compare},
    machine::check,
};
use oracle::{Batch, Seen, execute};
use program::{Call, End, Gas, Program, has_microcode, places};
use proptest::{
    strategy::{BoxedStrategy, Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::{
    env,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Programs of a run, and the seed, if the variables do not say it.
const PROGRAMS: u64 = 20_000;
const SEED: u64 = 0x48_41_4c_4c;
/// Programs of a batch.
const BATCH: usize = 64;
/// The tables of the first programs of every so many batches are checked, and of so many of them.
const CHECKED: (usize, usize) = (16, 4);
/// Mismatches after which a run ends.
const ENOUGH: usize = 3;
/// Programs that are tried to make one smaller.
const SMALLER: usize = 1_500;

/// A line that is seen even if the test passes.
fn say(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

fn variable(name: &str, default: u64) -> u64 {
    let set = env::var(name).ok();
    set.map_or(default, |text| {
        let number = text.parse();
        number.unwrap_or_else(|_| panic!("{name} is {text}, which is no number"))
    })
}

/// The same programs for the same numbers.
fn runner(seed: u64, batch: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&batch.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

fn honest(code: &Bytes) -> Bytes {
    code.clone()
}

/// What the machine's interpreter makes of the batch, or why it has no run.
fn machine(batch: &Batch) -> Result<Outcome, String> {
    let input = batch.input();
    let run = || MainMachine::get().measure(&input);
    let run = catch_unwind(AssertUnwindSafe(run)).map_err(|_| "the interpreter panics")?;
    let measured = run.map_err(|e| format!("no run: {e}"))?;
    let state = State {
        accounts: measured.next.accounts,
        storage: measured.next.storage,
    };
    Ok(Outcome {
        state: state.normal(),
        end: measured.next.from,
        gas_used: None,
        receipts_hash: None,
    })
}

/// On what the two sides do not agree.
fn differences(batch: &Batch) -> Option<String> {
    let outcome = match machine(batch) {
        Ok(outcome) => outcome,
        Err(reason) => return Some(reason),
    };
    let found = compare(&batch.executed.outcome, &outcome);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    (!found.is_empty()).then(|| found.join("\n"))
}

/// The same for programs, where `revm` runs other code if a fault is planted.
fn mismatch(programs: &[Program], fault: &dyn Fn(&Bytes) -> Bytes) -> Option<String> {
    differences(&execute(programs, fault))
}

type Tree = Box<dyn ValueTree<Value = Program>>;

/// The smallest program found that still does not agree.
fn shrink(mut tree: Tree, fault: &dyn Fn(&Bytes) -> Bytes) -> (Program, String) {
    let mut found = (tree.current(), String::new());
    let mut differs = |tree: &Tree| {
        let program = tree.current();
        let why = mismatch(std::slice::from_ref(&program), fault);
        why.map(|why| found = (program, why)).is_some()
    };
    differs(&tree);
    let mut goes_on = tree.simplify();
    for _ in 0..SMALLER {
        if !goes_on {
            break;
        }
        goes_on = if differs(&tree) {
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    found
}

/// A batch of so many random programs, its mismatch if there is one, and what it did.
fn batch(
    strategy: &BoxedStrategy<Program>,
    runner: &mut TestRunner,
    size: usize,
    fault: &dyn Fn(&Bytes) -> Bytes,
) -> (Vec<Program>, Seen, Option<String>) {
    let trees: Vec<Tree> = (0..size)
        .map(|_| strategy.new_tree(runner).unwrap())
        .collect();
    let all: Vec<Program> = trees.iter().map(|t| t.current()).collect();
    let batch = execute(&all, fault);
    let Some(why) = differences(&batch) else {
        return (all, batch.seen, None);
    };
    let alone = |tree: &Tree| mismatch(&[tree.current()], fault).is_some();
    let report = match trees.into_iter().find(alone) {
        Some(tree) => {
            let (program, why) = shrink(tree, fault);
            let payload = execute(std::slice::from_ref(&program), fault).payload;
            let transactions = payload.blocks.iter().flat_map(|b| &b.transactions);
            let limits: Vec<u64> = transactions.map(|t| t.transaction.gas_limit).collect();
            format!("{program}\ngas limits: {limits:?}\n{why}")
        }
        None => format!("no program alone, but the batch: {why}"),
    };
    (all, batch.seen, Some(report))
}

/// Runs random programs on all cores; what they did.
fn run(number: u64, seed: u64) -> Seen {
    let batches = (number as usize).div_ceil(BATCH);
    let (next, seen, failures) = (
        AtomicUsize::new(0),
        Mutex::new(Seen::default()),
        Mutex::new(vec![]),
    );
    let work = || {
        let strategy = programs();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= batches || failures.lock().unwrap().len() >= ENOUGH {
                break;
            }
            let size = BATCH.min(number as usize - at * BATCH);
            let (all, did, mut failure) =
                batch(&strategy, &mut runner(seed, at as u64), size, &honest);
            if failure.is_none() && at % CHECKED.0 == 0 {
                let few = execute(&all[..CHECKED.1.min(all.len())], &honest);
                let holds = check(&few.input(), &few.executed);
                failure = holds
                    .err()
                    .map(|e| format!("the table of the first programs: {e}"));
            }
            seen.lock().unwrap().add(&did);
            let name = format!("batch {at} of seed {seed}");
            failures
                .lock()
                .unwrap()
                .extend(failure.map(|f| format!("{name}\n{f}")));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    seen.into_inner().unwrap()
}

/// A program of these bytes that is called once.
fn bytes(code: Vec<u8>, gas: Gas) -> Program {
    let call = Call {
        sender: 0,
        gas,
        value: 1,
        input: vec![1, 0, 2],
        kind: 2,
        list: vec![],
    };
    Program {
        pieces: vec![],
        bytes: Some(code),
        end: End::Code,
        storage: vec![],
        calls: vec![call],
    }
}

// POSITIVE

#[test]
fn random_programs_agree_with_revm() {
    let number = variable("HALLMARK_FUZZ_PROGRAMS", PROGRAMS);
    let seed = variable("HALLMARK_FUZZ_SEED", SEED);
    let started = std::time::Instant::now();
    let seen = run(number, seed);
    let [success, revert, halt] = seen.outcomes;
    say(&format!(
        "{number} programs of seed {seed}: {success} transactions succeeded, {revert} reverted, {halt} halted; {} steps, {} logs, {:?}",
        seen.opcodes.iter().sum::<u64>(),
        seen.logs,
        started.elapsed(),
    ));
    if number < PROGRAMS {
        return;
    }
    // A generator whose programs fail early, or that leaves an opcode out, shows nothing.
    assert!(2 * success > halt, "too few succeed");
    let known = OPCODES.iter().filter(|o| has_microcode(o.byte));
    for o in known {
        let times = seen.opcodes[usize::from(o.byte)];
        assert!(times >= 50, "{} began {times} times only", o.name);
    }
}

/// A program with a mismatch that a run found is mended when this goes through, as a test with a name.
#[track_caller]
fn agrees(program: &Program) {
    let found = mismatch(std::slice::from_ref(program), &honest);
    assert_eq!(found, None, "{program}");
}

#[test]
fn stacks_at_the_limit_agree() {
    for depth in 1022..=1025 {
        let pushes = vec![0x5f; depth];
        for tail in [&[][..], &[0x80], &[0x01], &[0x5a], &[0x9f, 0x8f]] {
            agrees(&bytes([&pushes, tail].concat(), Gas::Plenty));
        }
    }
}

#[test]
fn each_gas_limit_of_a_program_agrees() {
    // 3 * 5 to the power of 256, in a loop of two rounds.
    let code = [
        0x60, 2, 0x5b, 0x61, 1, 0, 0x60, 5, 0x60, 3, 0x02, 0x0a, 0x50, 0x60, 1, 0x90, 0x03, 0x80,
        0x60, 2, 0x57,
    ];
    let all: Vec<Program> = (21_040..21_420)
        .map(|gas| bytes(code.to_vec(), Gas::Limit(gas)))
        .collect();
    assert_eq!(mismatch(&all, &honest), None);
    let [success, _, halt] = execute(&all, &honest).seen.outcomes;
    assert!(success > 20 && halt > 200, "{success} {halt}");
}

// NEGATIVE

/// The code with one opcode in place of another.
fn replaced(code: &Bytes, of: u8, by: u8) -> Bytes {
    let mut code = code.to_vec();
    for at in places(&code) {
        if code[at] == of {
            code[at] = by;
        }
    }
    code.into()
}

/// Whether two opcodes give the same in all programs: without calls the caller is the origin, and nothing was returned.
fn alike(a: &Opcode, b: &Opcode) -> bool {
    let mut names = [a.name, b.name];
    names.sort_unstable();
    let without_calls = [["CALLER", "ORIGIN"], ["PUSH0", "RETURNDATASIZE"]];
    !has_microcode(0xf1) && without_calls.contains(&names)
}

#[test]
fn each_opcode_that_does_what_another_does_is_found() {
    let shape = |o: &Opcode| (o.gas, o.pops, o.pushes);
    let known: Vec<&Opcode> = OPCODES.iter().filter(|o| has_microcode(o.byte)).collect();
    let strategy = programs();
    let mut runner = runner(SEED, 0);
    let all: Vec<Program> = (0..6_000)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect();
    let (mut pairs, mut hidden) = (0, vec![]);
    for o in &known {
        let pushes = |o: &Opcode| matches!(o.byte, 0x60..=0x7f);
        let same = |x: &&&Opcode| x.byte != o.byte && shape(x) == shape(o) && !alike(x, o);
        let mut others = known.iter().filter(same);
        let Some(other) = others.rfind(|x| !pushes(o) && !pushes(x)) else {
            continue;
        };
        pairs += 1;
        let fault = |code: &Bytes| replaced(code, o.byte, other.byte);
        let end = |programs: &[Program], fault: &dyn Fn(&Bytes) -> Bytes| {
            execute(programs, fault).executed.outcome.end.tip_hash
        };
        let found = all.chunks(BATCH).any(|programs| {
            let has = |p: &Program| {
                let code = p.code();
                places(&code).iter().any(|at| code[*at] == o.byte)
            };
            let concerned: Vec<_> = programs.iter().filter(|p| has(p)).cloned().collect();
            !concerned.is_empty() && end(&concerned, &fault) != end(&concerned, &honest)
        });
        if !found {
            hidden.push(format!("{} as {}", o.name, other.name));
        }
    }
    say(&format!(
        "{pairs} opcodes that do what another does: all found but {hidden:?}"
    ));
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn a_fault_is_narrowed_down_to_a_small_program() {
    let fault = |code: &Bytes| replaced(code, 0x1d, 0x1c);
    let strategy = programs();
    let report = (0..50).find_map(|at| batch(&strategy, &mut runner(SEED, at), BATCH, &fault).2);
    let report = report.unwrap();
    say(&report);
    assert!(report.contains("SAR"), "{report}");
    // The sled and what leads to it are more than half of this.
    let code = report.lines().next().unwrap();
    assert!(code.len() / 2 < 250, "{report}");
}

#[test]
fn an_opcode_without_microcode_is_refused_as_such() {
    for o in OPCODES.iter().filter(|o| !has_microcode(o.byte)) {
        let code = [vec![0x5f; o.pops as usize], vec![o.byte]].concat();
        let batch = execute(&[bytes(code, Gas::Plenty)], &honest);
        let error = MainMachine::get().measure(&batch.input()).err().unwrap();
        assert_eq!(error.opcode, Some(o.byte), "{error}");
        assert_eq!(error.opcode.and_then(opcode), Some(o));
    }
}
