//! The book and the other pages of the repository: every page is in the summary, every link and anchor leads somewhere.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The pages, relative to the repository's root.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "CHANGELOG.md", "fuzz/README.md"]
        .map(PathBuf::from)
        .to_vec();
    for entry in fs::read_dir(root().join("docs/src")).unwrap() {
        let name = entry.unwrap().file_name();
        pages.push(Path::new("docs/src").join(name));
    }
    pages.sort();
    pages
}

/// The text without code blocks and without code in lines.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced {
            // Every second part stands between backticks.
            out.extend(line.split('`').step_by(2));
            out.push('\n');
        }
    }
    out
}

/// Targets of `[text](target)` and of `[name]: target`.
fn links(prose: &str) -> Vec<String> {
    let inline = prose.split("](").skip(1).filter_map(|rest| {
        let (target, _) = rest.split_once(')')?;
        Some(target.to_owned())
    });
    let named = prose.lines().filter_map(|line| {
        let (_, target) = line.strip_prefix('[')?.split_once("]: ")?;
        Some(target.trim().to_owned())
    });
    inline.chain(named).collect()
}

/// The anchors of a page's headings, by mdBook's rule, which is GitHub's too.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut fenced = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let heading = line.trim_start_matches('#');
        if fenced || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let id: String = heading
            .trim()
            .chars()
            .filter_map(|c| match c {
                c if c.is_alphanumeric() || matches!(c, '_' | '-') => Some(c.to_ascii_lowercase()),
                c if c.is_whitespace() => Some('-'),
                _ => None,
            })
            .collect();
        let before = seen.entry(id.clone()).or_default();
        anchors.insert(match *before {
            0 => id,
            n => format!("{id}-{n}"),
        });
        *before += 1;
    }
    anchors
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                assert!(out.pop(), "{} leads out of the repository", path.display());
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// Why a link on a page leads nowhere.
fn fault(page: &Path, target: &str) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let file = match path {
        "" => page.to_owned(),
        path => plain(&page.parent().unwrap().join(path)),
    };
    if !root().join(&file).exists() {
        return Some(format!("{} does not exist", file.display()));
    }
    // What the book shows must be in the book.
    if page.starts_with("docs/src") && !file.starts_with("docs/src") {
        return Some(format!("{} is not part of the book", file.display()));
    }
    let anchor = anchor?;
    let text = fs::read_to_string(root().join(&file)).unwrap_or_default();
    (!anchors(&text).contains(anchor)).then(|| format!("{} has no #{anchor}", file.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    let mut faults = vec![];
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).unwrap();
        for target in links(&prose(&text)) {
            count += 1;
            let fault = fault(&page, &target);
            faults.extend(fault.map(|f| format!("{}: ({target}): {f}", page.display())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 30, "only {count} links were found");
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = links(&prose(&summary)).into_iter().collect();
    for page in pages().iter().filter(|page| page.starts_with("docs/src")) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(name == "SUMMARY.md" || listed.contains(name), "{name}");
    }
}

// NEGATIVE

#[test]
fn faults_are_found() {
    let page = Path::new("docs/src/figures.md");
    for bad in [
        "absent.md",
        "proving.md#nothing",
        "#nothing",
        "../../README.md",
    ] {
        assert!(fault(page, bad).is_some(), "{bad}");
    }
    for good in [
        "proving.md",
        "proving.md#figures",
        "#figures",
        "https://example.org",
    ] {
        assert_eq!(fault(page, good), None);
    }
    assert_eq!(fault(Path::new("README.md"), "docs/src/proving.md"), None);
    let text = "[a](b.md) `[c](d)` \n```\n[e](f)\n```\n[g]: h\n";
    assert_eq!(links(&prose(text)), ["b.md", "h"]);
    let headings = "# One, `two`: 3\n## Gas\n### Gas\n```\n# no\n```\n#no\n";
    let expected = ["gas", "gas-1", "one-two-3"].map(str::to_owned);
    assert_eq!(anchors(headings), BTreeSet::from(expected));
}
