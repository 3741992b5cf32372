//! The supervisor, shown.

use std::time::Duration;

use actix::{Context, Handler, Message};

use super::{LastSweep, Schedule, Step, SupervisorActor};
use crate::actors::sweeper::Sweeper;
use crate::domain::ids::CallId;

/// Shows the supervisor.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "SupervisorView")]
pub struct Inspect;

/// The supervisor at one moment.
#[derive(Clone, Debug, actix::MessageResponse)]
pub struct SupervisorView {
    /// Whether a sweep is under way.
    pub sweeping: bool,
    /// What it is at.
    pub step: Step,
    /// Sweeps of this node so far.
    pub sweeps: u64,
    /// Sweeps that wait.
    pub waiting: usize,
    /// The latest.
    pub last: Option<LastSweep>,
    /// When it does what.
    pub schedule: Schedule,
    /// Who sweeps on the interval.
    pub sweeper: Sweeper,
    /// Calls that earlier sweeps found no trace of, and since when.
    pub missing: Vec<(CallId, Duration)>,
}

impl Handler<Inspect> for SupervisorActor {
    type Result = SupervisorView;

    fn handle(&mut self, _: Inspect, _: &mut Context<Self>) -> SupervisorView {
        let now = self.sweep.now();
        SupervisorView {
            sweeping: self.memory.is_none(),
            step: self.sweep.progress.now(),
            sweeps: self.sweeps,
            waiting: self.waiting.len(),
            last: self.last.clone(),
            schedule: self.schedule,
            sweeper: self.sweeper.clone(),
            missing: self.memory.as_ref().map(|memory| memory.missing(&now)).unwrap_or_default(),
        }
    }
}
