//! `hallmark statetest PATH...`: official state tests through the machine, against `revm`.

use super::print_json;
use crate::{
    cli::{CheckChoice, Global, REFUSED, SUCCESS, StatetestArgs},
    ui::{Ui, group},
};
use eyre::{Result, ensure};
use hallmark::statetest::{
    self, Check, Options,
    report::{CaseResult, Report, Verdict},
};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// Failures that are printed before the rest is only counted.
const SHOWN: usize = 50;

pub(crate) fn run(global: &Global, args: &StatetestArgs) -> Result<u8> {
    let ui = Ui::new();
    let files = statetest::files(&args.paths)?;
    let options = Options {
        check: match args.check {
            CheckChoice::All => Check::All,
            CheckChoice::Tenth => Check::Tenth,
            CheckChoice::None => Check::None,
        },
        filter: args.filter.clone(),
        jobs: args.jobs,
    };
    let results: Mutex<Vec<Value>> = Mutex::default();
    let each = |result: &CaseResult| {
        if args.each {
            let line = json!({
                "name": result.name,
                "result": describe(result),
                "rows": result.rows,
                "official": result.official,
                "gas_limit_lowered": result.gas_limit_lowered,
            });
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.push(line);
        }
    };
    let report = statetest::run(&files, &options, &each, &|now| {
        let failures = match now.failures {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        let text = format!(
            "{} cases, {} of {} files{failures}",
            group(now.cases as u64),
            group(now.files as u64),
            group(now.of as u64)
        );
        ui.progress(now.files as f64 / now.of as f64, &text);
    });
    ensure!(
        report.cases + report.unreadable > 0,
        "no case has a name that contains {:?}",
        args.filter.as_deref().unwrap_or_default()
    );
    ui.clear();
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|r| r["name"].to_string());
    if global.json {
        let mut object = report.json();
        object["check"] = json!(args.check.to_string());
        object["seconds"] = json!(ui.seconds());
        if args.each {
            object["results"] = json!(results);
        }
        print_json(&object);
    } else {
        for result in &results {
            let text = |key| result[key].as_str().unwrap_or_default();
            println!("{}: {}", text("name"), text("result"));
        }
        print(&report, &args.check.to_string(), ui.seconds());
    }
    Ok(if report.holds() { SUCCESS } else { REFUSED })
}

/// A case's result in words.
fn describe(result: &CaseResult) -> String {
    match &result.verdict {
        Verdict::Agreed if result.rows == 0 => "agreed, refused".into(),
        Verdict::Agreed if result.checked => "agreed, checked".into(),
        Verdict::Agreed => "agreed".into(),
        Verdict::NotProvable(reason) => format!("not provable: {reason}"),
        _ => result.failure().unwrap_or_default(),
    }
}

fn print(report: &Report, check: &str, seconds: f64) {
    let line = |name: &str, count: usize| println!("  {name:<42} {:>9}", group(count as u64));
    println!("official state tests against revm at Osaka");
    line("files", report.files);
    line("cases", report.cases);
    line("agreed with revm", report.agreed);
    line("  of these refused by both", report.refused);
    line(
        "  of these with the official hashes",
        report.official_hash_matched,
    );
    line("disagreed", report.disagreed + report.panicked);
    line(&format!("tables checked (--check {check})"), report.checked);
    line("  of these rejected", report.checker_rejected);
    line("gas limit lowered to 2^24", report.gas_limit_lowered);
    line("executed by revm", report.oracle_ran);
    line(
        "  of these with the official hashes",
        report.oracle_hash_matched,
    );
    line("not provable yet", report.not_provable.values().sum());
    for (reason, count) in &report.not_provable {
        line(&format!("  {reason}"), *count);
    }
    println!("in {seconds:.0} s");
    for failing in report.failing.iter().take(SHOWN) {
        println!("\nFAILED {}\n    {}", failing.name, failing.reason);
    }
    if report.failing.len() > SHOWN {
        println!(
            "\nand {} more; --json names all of them",
            group((report.failing.len() - SHOWN) as u64)
        );
    }
}
