//! The SupervisorActor: sweeps on an interval and on request, wakes what crashed, lets parked webhooks go on.

mod turns;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;

use super::crash::{Crash, crash};
use super::directory::SessionCrashed;
use super::services::Nudge;
pub use super::sweep::{Courtesy, Digest, Progress, Report, Scope, Step, Sweep, SweepError};
use super::sweeper::{Candidate, Sweeper};
use crate::domain::reconciliation::Memory;
use crate::sources;

pub use turns::Resign;
pub use view::{Inspect, SupervisorView};

/// Between two attempts at the first look at the provider.
const SURVEY_PAUSE: Duration = Duration::from_secs(2);

/// Between two sweeps that a doubt brings about, at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// Between two looks at who sweeps.
const BEAT: Duration = Duration::from_secs(5);
/// Why a sweep follows a placement that came into doubt.
const DOUBT: &str = "doubt";
/// Why a sweep follows a refusal for want of a slot.
const DEMAND: &str = "demand";

/// When the supervisor does what.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Between two sweeps of all views.
    pub full: Duration,
    /// Between two sweeps of ledger against table.
    pub ledger: Duration,
    /// From the start to the first full sweep.
    pub startup_delay: Duration,
    /// Between two sweeps that a full pool brings about, at least; none: it brings about none.
    pub on_demand: Option<Duration>,
}

/// How many replicas there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// One, by the lock of the process.
    One,
    /// As many as there are.
    Several,
}

/// Compares all views, periodically.
pub struct SupervisorActor {
    sweep: Arc<Sweep>,
    schedule: Schedule,
    /// What earlier sweeps found missing; away while one runs.
    memory: Option<Memory>,
    /// Which sweep runs.
    under_way: Option<Scope>,
    waiting: Vec<Asked>,
    revisiting: bool,
    revisit_again: bool,
    /// A sweep is due soon, because a placement is in doubt.
    follow_up_due: bool,
    sweeper: Sweeper,
    candidate: Arc<Candidate>,
    last_on_demand: Option<Instant>,
    last: Option<LastSweep>,
    sweeps: u64,
}

/// A sweep that was asked for: its scope, why, and who waits for the report.
type Asked = (Scope, &'static str, oneshot::Sender<Result<Report, SweepError>>);

/// The latest sweep of this node.
#[derive(Clone, Debug)]
pub struct LastSweep {
    /// When it was done.
    pub finished_at: DateTime<Utc>,
    /// Its report, or why it was cut short.
    pub result: Result<Report, SweepError>,
}

impl SupervisorActor {
    /// A supervisor that begins to sweep when it starts; among `replicas` only one does on the interval.
    pub fn new(sweep: Arc<Sweep>, schedule: Schedule, replicas: Replicas) -> Self {
        let sweeper = match replicas {
            Replicas::One => Sweeper::Alone,
            Replicas::Several => Sweeper::Unknown,
        };
        let candidate = Candidate::new(sweep.store.clone(), sources::node(), sources::new_uuid());
        Self {
            sweeper,
            candidate: Arc::new(candidate),
            sweep,
            schedule,
            memory: Some(Memory::default()),
            under_way: None,
            waiting: Vec::new(),
            revisiting: false,
            revisit_again: false,
            follow_up_due: false,
            last_on_demand: None,
            last: None,
            sweeps: 0,
        }
    }

    fn on_timer(&mut self, scope: Scope, trigger: &'static str, ctx: &mut Context<Self>) {
        // A sweep that is under way, or waits, serves as well, unless it compares fewer views.
        let mut coming = self.under_way.into_iter().chain(self.waiting.iter().map(|(other, ..)| *other));
        if !coming.any(|other| other.covers(scope)) {
            let (done, _) = oneshot::channel();
            self.waiting.push((scope, trigger, done));
            self.next(ctx);
        }
    }

    /// The first full sweep, once it is known who sweeps.
    fn sweep_after_start(&mut self, ctx: &mut Context<Self>) {
        match self.sweeper {
            Sweeper::Unknown => drop(ctx.run_later(SHORTEST_PAUSE, Self::sweep_after_start)),
            Sweeper::Alone | Sweeper::Here => self.on_timer(Scope::Full, "start", ctx),
            Sweeper::Other(_) => {}
        }
    }

    fn on_interval(&mut self, scope: Scope, trigger: &'static str, ctx: &mut Context<Self>) {
        if self.sweeper.is_here() {
            self.on_timer(scope, trigger, ctx);
        }
    }

    /// Runs the next sweep, if none is under way: runs never overlap.
    fn next(&mut self, ctx: &mut Context<Self>) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(mut memory) = self.memory.take() else { return };
        let (scope, trigger, first) = self.waiting.remove(0);
        self.under_way = Some(scope);
        // Whoever else waits for such a sweep shares it.
        let (same, others) = std::mem::take(&mut self.waiting).into_iter().partition(|(other, ..)| *other == scope);
        self.waiting = others;
        let waiting: Vec<_> =
            std::iter::once(first).chain(Vec::into_iter(same).map(|(_, _, done): Asked| done)).collect();
        let (sweep, candidate) = (Arc::clone(&self.sweep), Arc::clone(&self.candidate));
        let alone = self.sweeper == Sweeper::Alone;
        let swept = async move {
            let run = Box::pin(sweep.run(scope, trigger, &mut memory));
            let result = if alone { run.await } else { candidate.while_nobody_sweeps(run).await };
            (memory, result)
        };
        ctx.spawn(swept.into_actor(self).map(move |(memory, result), act, ctx| {
            act.memory = Some(memory);
            act.under_way = None;
            act.sweeps += 1;
            if matches!(result, Err(SweepError::Ledger)) {
                act.step_down(ctx);
            }
            if result.as_ref().map_or(trigger == DOUBT, |report| report.in_doubt > 0) {
                act.follow_up(act.sweep.policy.grace / 2, ctx);
            }
            act.last = Some(LastSweep { finished_at: sources::now(), result: result.clone() });
            for done in waiting {
                let _ = done.send(result.clone());
            }
            act.next(ctx);
        }));
    }

    /// A placement in doubt holds a slot that may be free: it does not wait for the interval.
    fn follow_up(&mut self, after: TimeDelta, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.follow_up_due, true) {
            let after = after.to_std().unwrap_or_default().max(SHORTEST_PAUSE);
            ctx.run_later(after, |act, ctx| {
                act.follow_up_due = false;
                act.look_at_doubts(ctx);
            });
        }
    }

    /// Calls may be live that a fresh database knows nothing of: then the provider is asked before any admission.
    fn survey(&mut self, ctx: &mut Context<Self>) {
        let sweep = Arc::clone(&self.sweep);
        let surveyed = async move { sweep.survey().await };
        ctx.spawn(surveyed.into_actor(self).map(|surveyed, _, ctx| {
            if let Err(error) = surveyed {
                tracing::warn!(%error, "the provider has not been asked for its live calls yet");
            }
            // A database that turns out to have lost commits makes it necessary again.
            ctx.run_later(SURVEY_PAUSE, Self::survey);
        }));
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.survey(ctx);
        let Schedule { full, ledger, startup_delay, .. } = self.schedule;
        ctx.run_later(startup_delay, Self::sweep_after_start);
        ctx.run_interval(full, |act, ctx| act.on_interval(Scope::Full, "interval", ctx));
        ctx.run_interval(ledger, |act, ctx| act.on_interval(Scope::Ledger, "interval", ctx));
        self.stand_for_sweeper(ctx);
        ctx.run_interval(BEAT, Self::stand_for_sweeper);
        self.revisit_parked(ctx);
    }
}

impl Supervised for SupervisorActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // What was found missing before must be found missing again: the safe direction.
        self.memory = Some(Memory::default());
        self.under_way = None;
        self.waiting.clear();
        self.revisiting = false;
        self.revisit_again = false;
        self.follow_up_due = false;
    }
}

/// Runs a sweep and gives its report; waits for one that is under way.
#[derive(Debug, Message)]
#[rtype(result = "Result<Report, SweepError>")]
pub struct Reconcile {
    /// Which views.
    pub scope: Scope,
    /// Why now.
    pub trigger: &'static str,
}

impl Handler<Reconcile> for SupervisorActor {
    type Result = ResponseFuture<Result<Report, SweepError>>;

    fn handle(&mut self, Reconcile { scope, trigger }: Reconcile, ctx: &mut Context<Self>) -> Self::Result {
        let (done, report) = oneshot::channel();
        self.waiting.push((scope, trigger, done));
        self.next(ctx);
        Box::pin(async move { report.await.unwrap_or(Err(SweepError::Crashed)) })
    }
}

impl Handler<SessionCrashed> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, SessionCrashed { call_id }: SessionCrashed, _: &mut Context<Self>) {
        self.sweep.intake.directory.wake(call_id);
    }
}

impl Handler<Nudge> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, nudge: Nudge, ctx: &mut Context<Self>) {
        match nudge {
            Nudge::PlacementDecided => self.revisit_parked(ctx),
            Nudge::InDoubt => self.follow_up(self.sweep.policy.grace, ctx),
            Nudge::Full => self.look_on_demand(ctx),
        }
    }
}

impl SupervisorActor {
    fn revisit_parked(&mut self, ctx: &mut Context<Self>) {
        if self.revisiting {
            self.revisit_again = true;
            return;
        }
        self.revisiting = true;
        let sweep = Arc::clone(&self.sweep);
        let revisited = async move { sweep.intake.revisit_parked().await };
        ctx.spawn(revisited.into_actor(self).map(|revisited, act, ctx| {
            if let Err(error) = revisited {
                tracing::warn!(%error, "parked webhooks wait for the next sweep");
            }
            act.revisiting = false;
            if std::mem::take(&mut act.revisit_again) {
                act.revisit_parked(ctx);
            }
        }));
    }
}

impl Handler<Crash> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        crash();
    }
}
