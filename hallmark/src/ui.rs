//! What the user sees while something long runs: progress bars on a terminal, plain lines elsewhere, on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prover::{Budget, Progress, SegmentId, Update};
use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Least time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Shows steps and progress.
pub(crate) struct Ui {
    bar: Option<ProgressBar>,
    last: Mutex<Option<(Instant, String)>>,
    started: Instant,
}

impl Ui {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("  {bar:32.cyan/blue} {msg}");
            bar.set_style(
                style
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("━╸─"),
            );
            bar
        });
        Self {
            bar,
            last: Mutex::new(None),
            started: Instant::now(),
        }
    }

    /// Shows what the proof of a segment will cost.
    pub(crate) fn budget(&self, id: SegmentId, budget: &Budget) {
        let of = match id.count {
            1 => String::new(),
            n => format!(" of segment {} of {n}", id.index.saturating_add(1)),
        };
        self.say(format!("budget{of}: {budget}"));
    }

    /// Seconds since the command began.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// How much is done, of 1, with a text: the bar on a terminal, elsewhere a line now and then.
    pub(crate) fn progress(&self, fraction: f64, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position((fraction * 1000.0) as u64);
            bar.set_message(text.to_owned());
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= LINE_EVERY);
        if due || fraction >= 1.0 {
            *last = Some((Instant::now(), String::new()));
            drop(last);
            self.say(text);
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// One line about what is done or begins.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        let line = format!("[{:6.1} s] {}", self.seconds(), text.as_ref());
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }
}

impl Progress for Ui {
    fn update(&self, update: &Update) {
        if let Some(bar) = &self.bar {
            bar.set_position((update.fraction * 1000.0) as u64);
            bar.set_message(update.to_string());
            if update.finished {
                bar.set_position(0);
                bar.set_message(String::new());
                self.say(update.to_string());
            }
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = update.stage.to_string();
        let due = match &*last {
            Some((at, before)) => at.elapsed() >= LINE_EVERY || *before != stage,
            None => true,
        };
        if due || update.finished {
            *last = Some((Instant::now(), stage));
            drop(last);
            self.say(update.to_string());
        }
    }
}

/// Digits in groups of three.
pub(crate) fn group(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::group;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(group(0), "0");
        assert_eq!(group(123), "123");
        assert_eq!(group(1_234_567), "1,234,567");
    }
}
