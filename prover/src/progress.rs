//! What a long task tells whoever waits for it: the stage, the time spent, an estimate of the rest.
//!
//! A task has a *plan*: its stages in order with the seconds each is expected to take. Work moves the
//! [`Tracker`] from stage to stage; a ticker repeats the last state every [`TICK`], so nothing is silent for
//! longer than that even while a library call runs for minutes.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest time between two updates of a running task.
pub const TICK: Duration = Duration::from_millis(500);

/// A stage of a long task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Reading a file from disk and checking it.
    ReadFile,
    /// Writing a file to disk.
    WriteFile,
    /// Computing the powers of the reference string.
    SrsPowers,
    /// Computing the reference string in the Lagrange basis.
    SrsLagrange,
    /// Checking a reference string (points, pairings).
    SrsCheck,
    /// Hashing the circuit: constraint system and fixed columns.
    CircuitDigest,
    /// Making the verifying key: commitments to the fixed columns.
    VerifyingKey,
    /// Making the proving key: fixed columns as polynomials.
    ProvingKey,
    /// Building a segment's witness.
    Witness,
    /// Filling the first-phase columns and committing to them.
    FirstPhase,
    /// Filling the second-phase columns (bus helpers, running sum) and committing to them.
    SecondPhase,
    /// The quotient polynomial: every constraint on every row.
    Quotient,
    /// Evaluations at the challenge point.
    Evaluations,
    /// The two opening commitments.
    Openings,
    /// Verifying the proof that was made.
    Verify,
}

impl Stage {
    /// A short description for a progress bar.
    pub fn describe(self) -> &'static str {
        match self {
            Self::ReadFile => "reading from disk",
            Self::WriteFile => "writing to disk",
            Self::SrsPowers => "reference string: powers",
            Self::SrsLagrange => "reference string: Lagrange basis",
            Self::SrsCheck => "checking the reference string",
            Self::CircuitDigest => "hashing the circuit",
            Self::VerifyingKey => "verifying key",
            Self::ProvingKey => "proving key",
            Self::Witness => "building the witness",
            Self::FirstPhase => "first phase: committing to the table",
            Self::SecondPhase => "second phase: committing to the buses",
            Self::Quotient => "quotient polynomial",
            Self::Evaluations => "evaluations",
            Self::Openings => "openings",
            Self::Verify => "verifying the proof",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

/// The state of a running task.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// What the task is about, for example `segment 2 of 3`; may be empty.
    pub subject: String,
    /// The stage under way.
    pub stage: Stage,
    /// The part of the whole task that is done, 0 to 1. An estimate that never falls.
    pub fraction: f64,
    /// Time since the task began.
    pub elapsed: Duration,
    /// Estimated time to the end of the task.
    pub remaining: Duration,
    /// Whether the task has ended; sent once, last.
    pub finished: bool,
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        let percent = (self.fraction * 100.0).round();
        let spent = self.elapsed.as_secs_f64();
        if self.finished {
            return write!(f, "done in {spent:.1} s");
        }
        let left = self.remaining.as_secs_f64();
        write!(
            f,
            "{} ({percent:.0} %, {spent:.0} s spent, about {left:.0} s left)",
            self.stage
        )
    }
}

/// Receives the updates of a task. Called from several threads, at least every [`TICK`].
pub trait Progress: Sync {
    /// Takes one update.
    fn update(&self, update: &Update);
}

impl<F: Fn(&Update) + Sync> Progress for F {
    fn update(&self, update: &Update) {
        self(update);
    }
}

/// Progress that goes nowhere, for tests and for callers that show their own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _: &Update) {}
}

struct State {
    /// Index into the plan of the stage under way.
    index: usize,
    stage_started: Instant,
    /// The part of the stage that the work itself reported, if it did.
    reported: Option<f64>,
    /// Planned and measured seconds of the stages that ended.
    planned: f64,
    measured: f64,
    best: f64,
    done: Vec<(Stage, Duration)>,
    over: bool,
}

/// Moves a task through its plan. Shared by reference between the threads of the task.
pub struct Tracker<'a> {
    progress: &'a dyn Progress,
    subject: String,
    plan: Vec<(Stage, f64)>,
    started: Instant,
    state: Mutex<State>,
    wake: Condvar,
}

impl fmt::Debug for Tracker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("subject", &self.subject)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl<'a> Tracker<'a> {
    fn new(progress: &'a dyn Progress, subject: &str, plan: &[(Stage, f64)]) -> Self {
        let now = Instant::now();
        Self {
            progress,
            subject: subject.to_owned(),
            plan: plan.to_vec(),
            started: now,
            state: Mutex::new(State {
                index: 0,
                stage_started: now,
                reported: None,
                planned: 0.0,
                measured: 0.0,
                best: 0.0,
                done: Vec::new(),
                over: false,
            }),
            wake: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins `stage`, ending the one under way. A stage that the plan does not hold is ignored; going back is too.
    pub fn enter(&self, stage: Stage) {
        let mut state = self.lock();
        let Some(index) = self.plan.iter().position(|(s, _)| *s == stage) else {
            return;
        };
        if index > state.index {
            self.close_stage(&mut state);
            for (_, seconds) in self.plan.get(state.index + 1..index).unwrap_or_default() {
                state.planned += seconds;
            }
            state.index = index;
        }
        drop(state);
        self.emit(false);
    }

    /// Reports that `fraction` (0 to 1) of the stage under way is done.
    pub fn advance(&self, fraction: f64) {
        let mut state = self.lock();
        state.reported = Some(fraction.clamp(0.0, 1.0));
    }

    /// Seconds that each ended stage took, in order.
    pub fn timings(&self) -> Vec<(Stage, Duration)> {
        self.lock().done.clone()
    }

    fn close_stage(&self, state: &mut State) {
        let now = Instant::now();
        let spent = now - state.stage_started;
        if let Some((stage, planned)) = self.plan.get(state.index) {
            state.done.push((*stage, spent));
            state.planned += planned;
            state.measured += spent.as_secs_f64();
        }
        state.stage_started = now;
        state.reported = None;
    }

    fn emit(&self, finished: bool) {
        let mut state = self.lock();
        let Some((stage, planned)) = self.plan.get(state.index).copied() else {
            return;
        };
        let spent = state.stage_started.elapsed().as_secs_f64();
        // How much slower or faster than planned the ended stages were; trusted in proportion to their weight.
        let total_planned: f64 = self.plan.iter().map(|(_, s)| s).sum();
        let pace = if state.planned > 0.0 && total_planned > 0.0 {
            let trust = (state.planned / total_planned * 4.0).min(1.0);
            1.0 + trust * (state.measured / state.planned - 1.0)
        } else {
            1.0
        };
        let expected = planned * pace;
        let stage_left = match state.reported {
            Some(fraction) if fraction > 0.02 => spent * (1.0 - fraction) / fraction,
            // An overdue stage is taken to need another tenth of what it has used.
            _ => (expected - spent).max(spent * 0.1),
        };
        let later: f64 = self
            .plan
            .get(state.index + 1..)
            .unwrap_or_default()
            .iter()
            .map(|(_, s)| s)
            .sum();
        let remaining = if finished {
            0.0
        } else {
            stage_left + later * pace
        };
        let elapsed = self.started.elapsed();
        let whole = elapsed.as_secs_f64() + remaining;
        let fraction = if finished {
            1.0
        } else {
            (elapsed.as_secs_f64() / whole.max(1e-9)).min(0.999)
        };
        state.best = state.best.max(fraction);
        let update = Update {
            subject: self.subject.clone(),
            stage,
            fraction: state.best,
            elapsed,
            remaining: Duration::from_secs_f64(remaining.clamp(0.0, 1e7)),
            finished,
        };
        drop(state);
        self.progress.update(&update);
    }

    fn tick_until_over(&self) {
        let mut state = self.lock();
        while !state.over {
            let (next, timeout) = self
                .wake
                .wait_timeout(state, TICK)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
            if timeout.timed_out() && !state.over {
                drop(state);
                self.emit(false);
                state = self.lock();
            }
        }
    }
}

/// Ends the ticker also when the work panics.
struct Over<'a, 'b>(&'a Tracker<'b>);

impl Drop for Over<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.wake.notify_all();
    }
}

/// Runs `work` with a tracker over `plan` (stages in order with expected seconds), updating `progress` at every change
/// of stage, at least every [`TICK`], and once at the end. Returns the work's result and the time of each stage.
pub fn run<T>(
    progress: &dyn Progress,
    subject: &str,
    plan: &[(Stage, f64)],
    work: impl FnOnce(&Tracker<'_>) -> T,
) -> (T, Vec<(Stage, Duration)>) {
    let tracker = Tracker::new(progress, subject, plan);
    let result = std::thread::scope(|scope| {
        let over = Over(&tracker);
        scope.spawn(|| tracker.tick_until_over());
        tracker.emit(false);
        let result = work(&tracker);
        drop(over);
        result
    });
    tracker.close_stage(&mut tracker.lock());
    tracker.emit(true);
    (result, tracker.timings())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(plan: &[(Stage, f64)], work: impl FnOnce(&Tracker<'_>)) -> Vec<Update> {
        let seen = Mutex::new(Vec::new());
        let progress = |u: &Update| seen.lock().unwrap().push(u.clone());
        run(&progress, "", plan, work);
        seen.into_inner().unwrap()
    }

    // POSITIVE

    #[test]
    fn stages_are_reported_in_order_and_the_fraction_never_falls() {
        let plan = [
            (Stage::FirstPhase, 1.0),
            (Stage::Quotient, 2.0),
            (Stage::Openings, 1.0),
        ];
        let seen = record(&plan, |t| {
            t.enter(Stage::Quotient);
            t.enter(Stage::Openings);
        });
        let mut stages: Vec<_> = seen.iter().map(|u| u.stage).collect();
        stages.dedup();
        assert_eq!(
            stages,
            [Stage::FirstPhase, Stage::Quotient, Stage::Openings]
        );
        assert!(seen.windows(2).all(|w| w[0].fraction <= w[1].fraction));
        assert!(seen.iter().rev().skip(1).all(|u| !u.finished));
        let last = seen.last().unwrap();
        assert!(last.finished && last.fraction == 1.0 && last.remaining.is_zero());
    }

    #[test]
    fn a_silent_stage_is_repeated_by_the_ticker() {
        let seen = record(&[(Stage::Quotient, 1.0)], |_| std::thread::sleep(TICK * 3));
        assert!(seen.len() >= 3, "{} updates", seen.len());
    }

    // NEGATIVE

    #[test]
    fn going_back_or_to_an_unplanned_stage_changes_nothing() {
        let seen = record(&[(Stage::FirstPhase, 1.0), (Stage::Quotient, 1.0)], |t| {
            t.enter(Stage::Quotient);
            t.enter(Stage::FirstPhase);
            t.enter(Stage::SrsCheck);
        });
        assert_eq!(seen.last().unwrap().stage, Stage::Quotient);
        assert!(seen.iter().skip(1).all(|u| u.stage == Stage::Quotient));
    }

    #[test]
    fn a_panic_in_the_work_ends_the_ticker() {
        let result = std::panic::catch_unwind(|| {
            run(&Silent, "", &[(Stage::Quotient, 1.0)], |_| {
                panic!("work failed")
            })
        });
        assert!(result.is_err());
    }
}
