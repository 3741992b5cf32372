//! The roster: every actor's state and crashes, for `/debug/actors` and the metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::sources;
use crate::telemetry::Metrics;

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
    /// What the panic said.
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
}

#[derive(Debug)]
struct Line {
    state: ActorState,
    backlog: Arc<AtomicUsize>,
    restarts: u64,
    last_crash: Option<Crash>,
    started: Instant,
}

/// Shared by all guardians of a node.
#[derive(Clone, Debug)]
pub struct Roster {
    lines: Arc<Mutex<BTreeMap<&'static str, Line>>>,
    metrics: Arc<Metrics>,
}

impl Roster {
    /// An empty roster.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { lines: Arc::default(), metrics }
    }

    /// A counter for the messages that the actor has taken and not answered yet.
    pub fn backlog(&self, name: &'static str) -> Arc<AtomicUsize> {
        let mut lines = self.lock();
        Arc::clone(&line(&mut lines, name).backlog)
    }

    /// It runs.
    pub fn started(&self, name: &'static str) {
        let mut lines = self.lock();
        let line = line(&mut lines, name);
        line.state = ActorState::Running;
        line.started = Instant::now();
    }

    /// It panicked.
    pub fn crashed(&self, name: &'static str, reason: &str) {
        let mut lines = self.lock();
        let line = line(&mut lines, name);
        line.state = ActorState::Restarting;
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
        let lines = self.lock();
        let status = |(name, line): (&&'static str, &Line)| ActorStatus {
            name,
            state: line.state,
            mailbox: line.backlog.load(Ordering::Relaxed),
            restarts: line.restarts,
            last_crash: line.last_crash.clone(),
            started: line.started,
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
    })
}
