//! Official state tests: each case as a batch of one block with one transaction, executed by the machine's interpreter and by
//! `revm` at Osaka, compared, and its table checked.
//!
//! | module | does |
//! |---|---|
//! | [`parse`] | files to tests and cases |
//! | [`build`] | a test to a state, a parent and a signed transaction; why there is none |
//! | [`oracle`] | `revm`'s outcome |
//! | [`machine`] | the machine's outcome, what its errors mean, and the checker |
//! | [`compare`] | differences between the two, and the official hashes |
//! | [`report`] | results and their sum |

pub mod build;
pub mod compare;
pub mod machine;
pub mod oracle;
pub mod parse;
pub mod report;

use alloy_primitives::keccak256;
use build::{Built, World};
use eyre::{Result, WrapErr, ensure};
use parse::{Case, MACHINE_FORK, Test};
use report::{CaseResult, Report, Verdict};
use std::{
    any::Any,
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Rows of tables that are filled at the same time, at most, unless a single one has more: about 1.5 kB each.
const ROWS_AT_ONCE: usize = 1 << 20;

/// Which tables are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Those of all cases.
    #[default]
    All,
    /// Those of a fixed tenth, chosen by the hash of the case's name.
    Tenth,
    /// None: the interpreter alone.
    None,
}

impl Check {
    /// Whether the table of the case is checked. The folder that the case's file is in does not matter.
    pub fn includes(self, name: &str) -> bool {
        let (file, case) = name.split_once("::").unwrap_or((name, ""));
        let file = file.rsplit('/').next().unwrap_or(file);
        match self {
            Self::All => true,
            Self::None => false,
            Self::Tenth => {
                let digest = keccak256(format!("{file}::{case}"));
                let number = digest.iter().take(4);
                number.fold(0u32, |n, byte| (n << 8) | u32::from(*byte)) % 10 == 0
            }
        }
    }
}

/// What is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which tables are checked.
    pub check: Check,
    /// Only cases whose name contains this.
    pub filter: Option<String>,
    /// Cases at the same time; as many as there are cores without it.
    pub jobs: Option<usize>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files done.
    pub files: usize,
    /// Files in all.
    pub of: usize,
    /// Cases done.
    pub cases: usize,
    /// Failures so far.
    pub failures: usize,
}

/// A file of tests: where it is, and its name in reports, which begins below the path that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in reports.
    pub name: String,
}

/// The JSON files at the paths, in the order of their names.
///
/// # Errors
/// When a path cannot be read, or there is no JSON file at it.
pub fn files(paths: &[PathBuf]) -> Result<Vec<TestFile>> {
    let mut found = vec![];
    for path in paths {
        let before = found.len();
        let base = if path.is_dir() {
            path.as_path()
        } else {
            path.parent().unwrap_or(Path::new(""))
        };
        collect(path, base, &mut found)?;
        ensure!(
            found.len() > before,
            "there is no JSON file in {}; name a state test or a folder of them",
            path.display()
        );
    }
    Ok(found)
}

fn collect(path: &Path, base: &Path, found: &mut Vec<TestFile>) -> Result<()> {
    let unreadable = || format!("{} cannot be read", path.display());
    if !fs::metadata(path).wrap_err_with(unreadable)?.is_dir() {
        let name = path.strip_prefix(base).unwrap_or(path);
        found.push(TestFile {
            path: path.to_owned(),
            name: name.display().to_string(),
        });
        return Ok(());
    }
    let entries = fs::read_dir(path).wrap_err_with(unreadable)?;
    let mut entries = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .wrap_err_with(unreadable)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|e| e == "json") {
            collect(&entry, base, found)?;
        }
    }
    Ok(())
}

/// Runs all cases of the files. `each` gets every result, `progress` is called after each file; both from several threads.
pub fn run(
    files: &[TestFile],
    options: &Options,
    each: &(dyn Fn(&CaseResult) + Sync),
    progress: &(dyn Fn(Progress) + Sync),
) -> Report {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.unwrap_or(cores).clamp(1, files.len().max(1));
    let (next, gate) = (AtomicUsize::new(0), Gate::default());
    let total = Mutex::new(Report::default());
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = run_file(file, options, &gate, each);
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.merge(report);
            let now = Progress {
                files: total.files,
                of: files.len(),
                cases: total.cases,
                failures: total.failing.len(),
            };
            drop(total);
            progress(now);
        }
    };
    // Threads of their own, not rayon's: one that waits at the gate must not hold up the rayon work of the one that is through.
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_file(
    file: &TestFile,
    options: &Options,
    gate: &Gate,
    each: &(dyn Fn(&CaseResult) + Sync),
) -> Report {
    let mut report = Report {
        files: 1,
        ..Report::default()
    };
    let text = fs::read_to_string(&file.path).map_err(|e| e.to_string());
    let tests = match text.and_then(|text| parse::parse(&text).map_err(|e| e.to_string())) {
        Ok(tests) => tests,
        Err(reason) => {
            report.unreadable(file.name.clone(), reason);
            return report;
        }
    };
    for test in &tests {
        let named = test
            .cases
            .iter()
            .map(|case| (case.name(&file.name, &test.name), case))
            .filter(|(name, _)| options.filter.as_ref().is_none_or(|f| name.contains(f)));
        let named: Vec<_> = named.collect();
        if named.is_empty() {
            continue;
        }
        let world = guarded(|| World::new(test));
        for (name, case) in named {
            let check = options.check.includes(&name);
            let result = match &world {
                Ok(Ok(world)) => guarded(|| run_case(world, test, case, name.clone(), check, gate))
                    .unwrap_or_else(|panic| CaseResult::new(name, Verdict::Panicked(panic))),
                Ok(Err(reason)) => CaseResult::new(name, Verdict::NotProvable(*reason)),
                Err(panic) => CaseResult::new(name, Verdict::Panicked(panic.clone())),
            };
            each(&result);
            report.add(&result);
        }
    }
    report
}

/// Runs something; a panic becomes an error with its message, which is reported as a failure of the case.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".into())
}

/// Runs one case.
fn run_case(
    world: &World,
    test: &Test,
    case: &Case,
    name: String,
    check: bool,
    gate: &Gate,
) -> CaseResult {
    let mut result = CaseResult::new(name, Verdict::Agreed);
    let built = match Built::new(world, &test.transaction, case) {
        Ok(built) => built,
        Err(reason) => {
            result.verdict = Verdict::NotProvable(reason);
            return result;
        }
    };
    result.gas_limit_lowered = built.gas_limit_lowered;
    result.verdict = match oracle::run(world, &built) {
        Ok(oracle::Verdict::Refused(reason)) => {
            let nothing = BTreeSet::new();
            let official = compare::official(world, case, &world.state, &nothing, &[], 0);
            result.official = Some(official);
            refused(world, &built, &reason)
        }
        Ok(oracle::Verdict::Executed(revm)) => {
            let state = &revm.outcome.state;
            let gas_used = revm.outcome.gas_used.unwrap_or_default();
            let official =
                compare::official(world, case, state, &revm.touched, &revm.logs, gas_used);
            result.official = Some(official);
            executed(world, &built, &revm, &mut result, check, gate)
        }
        Err(reason) => Verdict::Disagreed(reason),
    };
    let exact = case.fork == MACHINE_FORK && !built.gas_limit_lowered && !world.gas_limit_capped;
    if exact && result.verdict == Verdict::Agreed && result.official == Some(false) {
        let expected = case.exception.as_deref().unwrap_or("an execution");
        result.verdict = Verdict::NotOfficial(format!(
            "state {} and logs {} of {expected}",
            case.state_root, case.logs_hash
        ));
    }
    result
}

/// The machine must refuse what `revm` refuses.
fn refused(world: &World, built: &Built, reason: &str) -> Verdict {
    let input = machine::segment(world, built, None);
    match machine::run(world, built, &input) {
        machine::Verdict::Refused(_) => Verdict::Agreed,
        machine::Verdict::NotProvable(reason) => Verdict::NotProvable(reason),
        machine::Verdict::Executed { .. } => Verdict::Disagreed(format!(
            "revm refuses the transaction ({reason}), the machine executes it"
        )),
    }
}

/// The machine must do what `revm` does, or say what it does not do yet.
fn executed(
    world: &World,
    built: &Built,
    revm: &oracle::Executed,
    result: &mut CaseResult,
    check: bool,
    gate: &Gate,
) -> Verdict {
    let input = machine::segment(world, built, Some(revm));
    let (mut outcome, rows) = match machine::run(world, built, &input) {
        machine::Verdict::Executed { outcome, rows } => (outcome, rows),
        machine::Verdict::NotProvable(reason) => return Verdict::NotProvable(reason),
        machine::Verdict::Refused(reason) => {
            return Verdict::Disagreed(format!(
                "revm executes the transaction, the machine refuses it ({reason})"
            ));
        }
    };
    result.rows = rows;
    if outcome.end != revm.outcome.end {
        machine::look_inside(built, &input, &mut outcome);
    }
    let differences = compare::compare(&revm.outcome, &outcome);
    if !differences.is_empty() {
        let all: Vec<String> = differences.iter().map(ToString::to_string).collect();
        return Verdict::Disagreed(all.join("; "));
    }
    if rows > machine::largest() {
        return Verdict::NotProvable(build::Reason::Rows);
    }
    if check {
        result.checked = true;
        let _pass = gate.enter(rows);
        if let Err(reason) = machine::check(&input, revm) {
            return Verdict::CheckerRejected(reason);
        }
    }
    Verdict::Agreed
}

/// Bounds the rows of the tables that are filled at the same time.
#[derive(Debug, Default)]
struct Gate {
    rows: Mutex<usize>,
    left: Condvar,
}

/// The right to fill a table.
struct Pass<'a> {
    gate: &'a Gate,
    rows: usize,
}

impl Gate {
    /// Waits until there is room for so many rows. One table always has room if there is no other.
    fn enter(&self, rows: usize) -> Pass<'_> {
        let held = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |held: &mut usize| *held > 0 && *held + rows > ROWS_AT_ONCE;
        let mut held = self
            .left
            .wait_while(held, full)
            .unwrap_or_else(PoisonError::into_inner);
        *held += rows;
        Pass { gate: self, rows }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self
            .gate
            .rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner) -= self.rows;
        self.gate.left.notify_all();
    }
}

#[cfg(test)]
mod tests;
