//! The account of a day: what happened last, and how often what happened.

use std::collections::{BTreeMap, VecDeque};

/// Lines that are told of a violation.
const LAST: usize = 40;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Nothing.
    Nothing,
    /// What happened last.
    TheLast,
    /// Everything, as it happens.
    All,
}

/// What happened.
#[derive(Debug)]
pub(super) struct Diary {
    telling: Telling,
    lines: VecDeque<String>,
    stamp: (u64, u64),
}

impl Diary {
    pub(super) fn new(telling: Telling) -> Self {
        Self { telling, lines: VecDeque::new(), stamp: (0, 0) }
    }

    /// A step begins.
    pub(super) fn turn(&mut self, step: u64, now: u64) {
        self.stamp = (step, now);
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.telling == Telling::Nothing {
            return;
        }
        let (step, now) = self.stamp;
        let (hours, minutes, seconds) = (now / 3_600_000, now / 60_000 % 60, now / 1_000 % 60);
        let line = format!("{step:>8}  {hours:02}:{minutes:02}:{seconds:02}.{:03}  {}", now % 1_000, line());
        if self.telling == Telling::All {
            println!("{line}");
        }
        if self.lines.len() == LAST {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

/// How often what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Steps.
    pub(crate) steps: u64,
    /// Outbound calls that were asked for.
    pub(crate) asked: u64,
    /// Of those, admitted.
    pub(crate) admitted: u64,
    /// Slots that were refused.
    pub(crate) refused: u64,
    /// Calls that the provider was asked to dial.
    pub(crate) dialled: u64,
    /// Inbound calls that were taken note of.
    pub(crate) received: u64,
    /// Webhooks that the provider had to send.
    pub(crate) webhooks: u64,
    /// Faults of servers, lines and clocks.
    pub(crate) faults: u64,
    /// Replicas that died.
    pub(crate) crashes: u64,
    /// Commits without an answer.
    pub(crate) doubts: u64,
    /// Epochs that were begun.
    pub(crate) rebuilds: u64,
    /// Sweeps.
    pub(crate) sweeps: u64,
    /// What they corrected.
    pub(crate) corrections: BTreeMap<&'static str, u64>,
    /// Events that were stored, and turns that calls took.
    pub(crate) rare: BTreeMap<&'static str, u64>,
    /// What was left over in the end.
    pub(crate) leaks: u64,
}

impl Tally {
    /// Adds another day.
    pub(crate) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.asked += other.asked;
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.dialled += other.dialled;
        self.received += other.received;
        self.webhooks += other.webhooks;
        self.faults += other.faults;
        self.crashes += other.crashes;
        self.doubts += other.doubts;
        self.rebuilds += other.rebuilds;
        self.sweeps += other.sweeps;
        self.leaks += other.leaks;
        for (reason, count) in &other.corrections {
            *self.corrections.entry(reason).or_default() += count;
        }
        for (what, count) in &other.rare {
            *self.rare.entry(what).or_default() += count;
        }
    }
}
