//! The SupervisorActor: sweeps on an interval and on request, wakes what crashed, lets parked webhooks go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;

use super::capacity::Snapshot;
use super::crash::{Crash, crash};
use super::directory::SessionCrashed;
use super::services::Nudge;
use super::sweep::Memory;
pub use super::sweep::{Report, Scope, Sweep, SweepError};
use crate::domain::ids::CallId;
use crate::sources;

/// Between two attempts at the first look at the provider.
const SURVEY_PAUSE: Duration = Duration::from_secs(2);

/// Between two sweeps that a doubt brings about, at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// Between two looks at who sweeps.
const BEAT: Duration = Duration::from_secs(5);
/// Who sweeps has the lock so long without renewing it.
const LOCK: Duration = Duration::from_secs(15);
/// The lock of the replica that sweeps on the interval.
const SWEEPER: &str = "sweeper";
/// The lock of a look that a full pool brings about.
const LOOK: &str = "look-on-demand";

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
    last_on_demand: Option<Instant>,
    last: Option<LastSweep>,
    sweeps: u64,
}

/// Who sweeps on the interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweeper {
    /// There is one replica.
    Alone,
    /// This one, among several.
    Here,
    /// The one of that name.
    Other(String),
    /// The database has not said yet.
    Unknown,
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
        Self {
            sweeper,
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

    fn on_interval(&mut self, scope: Scope, trigger: &'static str, ctx: &mut Context<Self>) {
        if matches!(self.sweeper, Sweeper::Alone | Sweeper::Here) {
            self.on_timer(scope, trigger, ctx);
        }
    }

    /// Finds out who sweeps; takes it over where nobody does.
    fn stand_for_sweeper(&mut self, ctx: &mut Context<Self>) {
        if self.sweeper == Sweeper::Alone {
            return;
        }
        let sweep = Arc::clone(&self.sweep);
        let held = async move {
            // A sweep begins with the ledger: whoever is cut off from it leaves the lock to others.
            let ledger = sweep.intake.capacity.send(Snapshot).await.ok().flatten()?;
            if ledger.cut_off {
                return None;
            }
            sweep.store.hold_lock(SWEEPER, sources::node(), LOCK).await.ok()
        };
        ctx.spawn(held.into_actor(self).map(|held, act, _| {
            let sweeper = match held {
                Some(held) if held.mine => Sweeper::Here,
                Some(held) => Sweeper::Other(held.holder),
                None => Sweeper::Unknown,
            };
            if sweeper != act.sweeper {
                tracing::info!(sweeper = ?sweeper, "who sweeps has changed");
                act.sweeper = sweeper;
            }
        }));
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
        let sweep = Arc::clone(&self.sweep);
        let swept = async move {
            let result = sweep.run(scope, trigger, &mut memory).await;
            (memory, result)
        };
        ctx.spawn(swept.into_actor(self).map(|(memory, result), act, ctx| {
            act.memory = Some(memory);
            act.under_way = None;
            act.sweeps += 1;
            if result.as_ref().is_ok_and(|report| report.in_doubt > 0) {
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
                act.on_timer(Scope::Full, "doubt", ctx);
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
        ctx.run_later(startup_delay, |act, ctx| act.on_interval(Scope::Full, "start", ctx));
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
            Nudge::PlacementInDoubt => self.follow_up(self.sweep.policy.grace, ctx),
            Nudge::Full => self.look_on_demand(ctx),
        }
    }
}

impl SupervisorActor {
    /// A gate that is full and refusing looks for itself, but not all the time.
    fn look_on_demand(&mut self, ctx: &mut Context<Self>) {
        let Some(pause) = self.schedule.on_demand else { return };
        if self.last_on_demand.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.last_on_demand = Some(Instant::now());
        if self.sweeper == Sweeper::Alone {
            return self.on_timer(Scope::Full, "demand", ctx);
        }
        // The provider is not asked by every replica.
        let sweep = Arc::clone(&self.sweep);
        let held = async move { sweep.store.hold_lock(LOOK, sources::node(), pause).await };
        ctx.spawn(held.into_actor(self).map(|held, act, ctx| {
            if held.is_ok_and(|held| held.mine) {
                act.on_timer(Scope::Full, "demand", ctx);
            }
        }));
    }

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

/// Shows the supervisor.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "SupervisorView")]
pub struct Inspect;

/// The supervisor at one moment.
#[derive(Clone, Debug, actix::MessageResponse)]
pub struct SupervisorView {
    /// Whether a sweep is under way.
    pub sweeping: bool,
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
        let now = Instant::now();
        SupervisorView {
            sweeping: self.memory.is_none(),
            sweeps: self.sweeps,
            waiting: self.waiting.len(),
            last: self.last.clone(),
            schedule: self.schedule,
            sweeper: self.sweeper.clone(),
            missing: self.memory.as_ref().map(|memory| memory.missing(now)).unwrap_or_default(),
        }
    }
}

impl Handler<Crash> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        crash();
    }
}
