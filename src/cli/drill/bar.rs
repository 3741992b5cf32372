//! How far the drill is, on stderr: a line for each test. Nothing where stderr is no terminal.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::report::{Outcome, Test, Verdict};

const TICK: Duration = Duration::from_millis(100);
/// Longer than any title.
const TITLE: usize = 36;

/// The lines of all tests.
pub(super) struct Bars(MultiProgress);

/// The line of one test.
pub(super) struct Progress(ProgressBar);

impl Bars {
    pub(super) fn new() -> Self {
        Self(MultiProgress::new())
    }

    /// A test begins.
    pub(super) fn begin(&self, test: Test) -> Progress {
        let bar = self.0.add(ProgressBar::new(0));
        bar.set_prefix(format!("{test}  {:TITLE$}", test.title()));
        bar.set_style(style("{prefix} {spinner} {msg}"));
        bar.enable_steady_tick(TICK);
        Progress(bar)
    }

    /// Takes the lines away: the report says it all.
    pub(super) fn clear(&self) {
        // A terminal that cannot be cleared is none of the drill's business.
        let _ = self.0.clear();
    }

    /// Says something to whoever watches.
    pub(super) fn say(&self, words: &str) {
        self.0.suspend(|| eprintln!("{words}"));
    }
}

impl Progress {
    /// Shows nothing.
    pub(super) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// What is done now, in so many steps; 0 where nobody knows.
    pub(super) fn phase(&self, what: &str, steps: usize) {
        let template =
            if steps == 0 { "{prefix} {spinner} {msg}" } else { "{prefix} {spinner} {msg} {bar:24} {pos}/{len}" };
        self.0.set_style(style(template));
        self.0.set_length(steps as u64);
        self.0.set_position(0);
        self.0.set_message(what.to_owned());
    }

    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// The test is over.
    pub(super) fn end(self, outcome: &Outcome) {
        self.0.set_style(style("{prefix} {msg}"));
        let reason = match &outcome.verdict {
            Verdict::Passed => String::new(),
            Verdict::Failed(reason) | Verdict::Skipped(reason) => format!(": {reason}"),
        };
        self.0.finish_with_message(format!("{}{reason}", outcome.verdict.as_str()));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed")
}
