//! Results of cases, and their sum.

use super::build::Reason;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The machine and `revm` agree: on everything that they executed, or in refusing the transaction.
    Agreed,
    /// The machine cannot prove it yet.
    NotProvable(Reason),
    /// They do not agree, and on what.
    Disagreed(String),
    /// They agree, but the table does not hold.
    CheckerRejected(String),
    /// They agree, but the state or the logs are not those of the test, which was filled for the machine's own fork.
    NotOfficial(String),
    /// The harness or the machine panicked.
    Panicked(String),
}

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// `file::test::data/gas/value`.
    pub name: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Whether its gas limit was lowered to 2^24.
    pub gas_limit_lowered: bool,
    /// Whether `revm`'s state and logs are those of the test; `None` if `revm` did not run.
    pub official: Option<bool>,
    /// Whether its table was filled and checked.
    pub checked: bool,
    /// Rows of its batch; 0 if nothing was executed.
    pub rows: usize,
}

impl CaseResult {
    /// A case of which nothing more is known.
    pub fn new(name: String, verdict: Verdict) -> Self {
        Self {
            name,
            verdict,
            gas_limit_lowered: false,
            official: None,
            checked: false,
            rows: 0,
        }
    }

    /// What failed, if something did.
    pub fn failure(&self) -> Option<String> {
        Some(match &self.verdict {
            Verdict::Agreed | Verdict::NotProvable(_) => return None,
            Verdict::Disagreed(what) => format!("disagreement: {what}"),
            Verdict::CheckerRejected(what) => format!("rejected by the checker: {what}"),
            Verdict::NotOfficial(what) => format!("not the official outcome: {what}"),
            Verdict::Panicked(what) => format!("panic: {what}"),
        })
    }
}

/// A case or file that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failing {
    /// Its name.
    pub name: String,
    /// What failed.
    pub reason: String,
}

/// The sum of many results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files read.
    pub files: usize,
    /// Files that hold no state tests; they are in `failing`.
    pub unreadable: usize,
    /// Cases.
    pub cases: usize,
    /// Cases on which the machine and `revm` agree.
    pub agreed: usize,
    /// Agreed cases that both refuse.
    pub refused: usize,
    /// Cases on which they do not, panics and unofficial outcomes counted apart.
    pub disagreed: usize,
    /// Cases in which something panicked.
    pub panicked: usize,
    /// Cases whose table was checked.
    pub checked: usize,
    /// Agreed cases whose table does not hold.
    pub checker_rejected: usize,
    /// Agreed cases whose state and logs are those of the official test.
    pub official_hash_matched: usize,
    /// Agreed cases filled for Osaka whose state or logs are not those of the official test.
    pub official_hash_missed: usize,
    /// Cases that `revm` ran alone or with the machine.
    pub oracle_ran: usize,
    /// Cases of these whose state and logs in `revm` are those of the official test.
    pub oracle_hash_matched: usize,
    /// Cases whose gas limit was lowered to 2^24.
    pub gas_limit_lowered: usize,
    /// Cases that cannot be proven, by reason.
    pub not_provable: BTreeMap<Reason, usize>,
    /// Rows of the largest executed case.
    pub largest_rows: usize,
    /// What failed, by name.
    pub failing: Vec<Failing>,
}

impl Report {
    /// Adds a case.
    pub fn add(&mut self, result: &CaseResult) {
        self.cases += 1;
        self.checked += usize::from(result.checked);
        self.gas_limit_lowered += usize::from(result.gas_limit_lowered);
        self.oracle_ran += usize::from(result.official.is_some());
        self.largest_rows = self.largest_rows.max(result.rows);
        let official = result.official == Some(true);
        self.oracle_hash_matched += usize::from(official);
        match &result.verdict {
            Verdict::NotProvable(reason) => *self.not_provable.entry(*reason).or_default() += 1,
            Verdict::Disagreed(_) => self.disagreed += 1,
            Verdict::Panicked(_) => self.panicked += 1,
            Verdict::Agreed | Verdict::CheckerRejected(_) | Verdict::NotOfficial(_) => {
                self.agreed += 1;
                self.refused += usize::from(result.rows == 0);
                self.official_hash_matched += usize::from(official);
            }
        }
        match &result.verdict {
            Verdict::CheckerRejected(_) => self.checker_rejected += 1,
            Verdict::NotOfficial(_) => self.official_hash_missed += 1,
            _ => {}
        }
        if let Some(reason) = result.failure() {
            self.failing.push(Failing {
                name: result.name.clone(),
                reason,
            });
        }
    }

    /// Adds a file that holds no state tests.
    pub fn unreadable(&mut self, name: String, reason: String) {
        self.unreadable += 1;
        self.failing.push(Failing { name, reason });
    }

    /// Adds another report.
    pub fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.unreadable += other.unreadable;
        self.cases += other.cases;
        self.agreed += other.agreed;
        self.refused += other.refused;
        self.disagreed += other.disagreed;
        self.panicked += other.panicked;
        self.checked += other.checked;
        self.checker_rejected += other.checker_rejected;
        self.official_hash_matched += other.official_hash_matched;
        self.official_hash_missed += other.official_hash_missed;
        self.oracle_ran += other.oracle_ran;
        self.oracle_hash_matched += other.oracle_hash_matched;
        self.gas_limit_lowered += other.gas_limit_lowered;
        for (reason, count) in other.not_provable {
            *self.not_provable.entry(reason).or_default() += count;
        }
        self.largest_rows = self.largest_rows.max(other.largest_rows);
        self.failing.extend(other.failing);
        self.failing.sort();
    }

    /// Whether nothing failed.
    pub fn holds(&self) -> bool {
        self.failing.is_empty()
    }

    /// The object of `--json`.
    pub fn json(&self) -> Value {
        let reasons = self.not_provable.iter();
        let reasons: BTreeMap<String, usize> = reasons.map(|(r, n)| (r.to_string(), *n)).collect();
        let failing: Vec<Value> = self
            .failing
            .iter()
            .map(|f| json!({ "name": f.name, "reason": f.reason }))
            .collect();
        json!({
            "files": self.files,
            "unreadable": self.unreadable,
            "cases": self.cases,
            "agreed": self.agreed,
            "refused": self.refused,
            "disagreed": self.disagreed,
            "panicked": self.panicked,
            "checked": self.checked,
            "checker_rejected": self.checker_rejected,
            "official_hash_matched": self.official_hash_matched,
            "official_hash_missed": self.official_hash_missed,
            "oracle_ran": self.oracle_ran,
            "oracle_hash_matched": self.oracle_hash_matched,
            "gas_limit_lowered": self.gas_limit_lowered,
            "not_provable": reasons,
            "largest_rows": self.largest_rows,
            "failing": failing,
        })
    }
}
