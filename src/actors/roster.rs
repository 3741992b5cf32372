//! The roster: every actor's state and crashes, for `/debug/actors` and the metrics.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::guardian::RestartLimits;
use super::pulse::WatchLimits;
use crate::sources;
use crate::telemetry::Metrics;

/// Crashes are counted in this window where no limits say otherwise.
const WINDOW: Duration = Duration::from_mins(1);
/// As many crashes are remembered.
const REMEMBERED: usize = 1_000;

/// How an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorState {
    /// It handles messages.
    Running,
    /// It crashed, and waits to start again.
    Restarting,
    /// It is gone.
    Stopped,
}

impl ActorState {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
        }
    }
}

/// The last crash of an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// When.
    pub at: DateTime<Utc>,
    /// What the panic said, or what showed that it is wedged.
    pub reason: String,
}

/// One line of the roster.
#[derive(Clone, Debug)]
pub struct ActorStatus {
    /// The actor's name.
    pub name: &'static str,
    /// How it is.
    pub state: ActorState,
    /// Messages that it has taken and not answered yet.
    pub mailbox: usize,
    /// How often it started again.
    pub restarts: u64,
    /// Its last crash.
    pub last_crash: Option<Crash>,
    /// When it last started.
    pub started: Instant,
    /// Crashes in the window of its limits, or in the last minute.
    pub crashes_in_window: usize,
    /// How often it may crash before the process ends; none where it may for ever.
    pub limits: Option<RestartLimits>,
    /// When it last answered a ping.
    pub answered: Option<Instant>,
    /// How often it did not answer in time.
    pub wedged: u64,
}

#[derive(Debug)]
struct Line {
    state: ActorState,
    backlog: Arc<AtomicUsize>,
    restarts: u64,
    last_crash: Option<Crash>,
    started: Instant,
    crashes: VecDeque<Instant>,
    limits: Option<RestartLimits>,
    answered: Option<Instant>,
    wedged: u64,
}

impl Line {
    fn window(&self) -> Duration {
        self.limits.map_or(WINDOW, |limits| limits.window)
    }
}

/// Shared by all guardians of a node.
#[derive(Clone, Debug)]
pub struct Roster {
    lines: Arc<Mutex<BTreeMap<&'static str, Line>>>,
    watch: Arc<OnceLock<WatchLimits>>,
    metrics: Arc<Metrics>,
}

impl Roster {
    /// An empty roster.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { lines: Arc::default(), watch: Arc::default(), metrics }
    }

    /// A counter for the messages that the actor has taken and not answered yet.
    pub fn backlog(&self, name: &'static str) -> Arc<AtomicUsize> {
        let mut lines = self.lock();
        Arc::clone(&line(&mut lines, name).backlog)
    }

    /// It runs. What it may come to is counted from 0.
    pub fn started(&self, name: &'static str) {
        self.metrics.know_actor(name);
        let mut lines = self.lock();
        let line = line(&mut lines, name);
        line.state = ActorState::Running;
        line.started = Instant::now();
    }

    /// So often it may crash.
    pub fn limited(&self, name: &'static str, limits: RestartLimits) {
        line(&mut self.lock(), name).limits = Some(limits);
    }

    /// A watch as patient as this pings the actors. Set once.
    pub(super) fn watched(&self, limits: WatchLimits) {
        let _ = self.watch.set(limits);
    }

    /// How patient the watch is that pings the actors, if there is one.
    pub fn watch(&self) -> Option<WatchLimits> {
        self.watch.get().copied()
    }

    /// It answered a ping then.
    pub fn answered(&self, name: &'static str, at: Instant) {
        line(&mut self.lock(), name).answered = Some(at);
    }

    /// It did not answer in time.
    pub fn wedged(&self, name: &'static str) {
        line(&mut self.lock(), name).wedged += 1;
        self.metrics.record_wedged_actor(name);
    }

    /// It panicked, or is wedged.
    pub fn crashed(&self, name: &'static str, reason: &str) {
        let mut lines = self.lock();
        let line = line(&mut lines, name);
        line.state = ActorState::Restarting;
        if line.crashes.len() == REMEMBERED {
            line.crashes.pop_front();
        }
        line.crashes.push_back(Instant::now());
        line.last_crash = Some(Crash { at: sources::now(), reason: reason.chars().take(300).collect() });
    }

    /// It runs again.
    pub fn restarted(&self, name: &'static str) {
        let mut lines = self.lock();
        let line = line(&mut lines, name);
        line.state = ActorState::Running;
        line.restarts += 1;
        line.started = Instant::now();
        self.metrics.record_actor_restart(name);
    }

    /// It is gone for good.
    pub fn stopped(&self, name: &'static str) {
        line(&mut self.lock(), name).state = ActorState::Stopped;
    }

    /// Every actor, by name.
    pub fn all(&self) -> Vec<ActorStatus> {
        let (lines, now) = (self.lock(), Instant::now());
        let status = |(name, line): (&&'static str, &Line)| ActorStatus {
            name,
            state: line.state,
            mailbox: line.backlog.load(Ordering::Relaxed),
            restarts: line.restarts,
            last_crash: line.last_crash.clone(),
            started: line.started,
            crashes_in_window: line.crashes.iter().filter(|at| now.duration_since(**at) <= line.window()).count(),
            limits: line.limits,
            answered: line.answered,
            wedged: line.wedged,
        };
        lines.iter().map(status).collect()
    }

    /// A panic elsewhere leaves the lines whole: each is written in one go.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line<'a>(lines: &'a mut BTreeMap<&'static str, Line>, name: &'static str) -> &'a mut Line {
    lines.entry(name).or_insert_with(|| Line {
        state: ActorState::Running,
        backlog: Arc::default(),
        restarts: 0,
        last_crash: None,
        started: Instant::now(),
        crashes: VecDeque::new(),
        limits: None,
        answered: None,
        wedged: 0,
    })
}
