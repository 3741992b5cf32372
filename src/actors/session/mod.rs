//! The CallSessionActor: one live call, its state and its duties.
//!
//! Decisions are made one at a time: while an event is being stored the mailbox waits. What a session knows it
//! knows from the log; after a crash it is activated again by replay, on this replica or another.

mod admitting;
mod hanging_up;
mod hearing;
mod limiting;
mod log;
mod placing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, ResponseActFuture,
    WrapFuture,
};
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

pub use self::admitting::{Admit, AdmitError, Admitted};
use self::hanging_up::HangUpState;
pub use self::hearing::Hear;
use self::log::{CallLog, Entry, Recorded};
pub use self::placing::{PlacementAnswer, command_of};
use super::crash::{Crash, crash};
use super::services::{Dial, Nudge, Services};
use crate::domain::call::{Call, Command, Consequence, Record, Refusal, Standing, StandingNews};
use crate::domain::ids::CallId;
use crate::provider::DialPermit;
use crate::store::{Conflict, ParkedNotice, Sequence, Trace};

/// A session whose call is over leaves after this long without a message.
const LINGER: Duration = Duration::from_secs(5);
/// Between two looks whether it is idle, at least.
const SHORTEST_LOOK: Duration = Duration::from_millis(500);

/// One live call.
pub struct CallSessionActor {
    services: Arc<Services>,
    log: CallLog,
    /// Known from the start to have no events: nothing to load.
    fresh: bool,
    /// The placement that is under way here.
    dial: Option<Dialling>,
    hang_up: HangUpState,
    /// An admission whose commit is in doubt is being settled.
    resolving: bool,
    /// The end of its maximum duration is awaited.
    limited: bool,
    /// Since when it is known here to be live at the provider, where it has a maximum duration.
    seen_live: Option<Instant>,
    last_message: Instant,
}

/// A placement that is under way here.
struct Dialling {
    permit: DialPermit,
    answer: Option<oneshot::Sender<PlacementAnswer>>,
    /// Until what came of it is stored.
    _counted: Dial,
}

/// Why a session does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The call refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something else was stored first.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The event store is away; nothing is known to have changed.
    #[error("the event store is not available: {0}")]
    Unavailable(String),
}

impl CallSessionActor {
    /// A session that learns its state by replay when it starts; a `fresh` one has no events to learn.
    pub fn new(services: Arc<Services>, call_id: CallId, fresh: bool) -> Self {
        Self {
            services,
            log: CallLog::absent(call_id),
            fresh,
            dial: None,
            hang_up: HangUpState::default(),
            resolving: false,
            limited: false,
            seen_live: None,
            last_message: Instant::now(),
        }
    }

    /// Runs `work` on the log, with the mailbox waiting, then does what the new state asks for.
    fn with_log<T, F>(&mut self, work: impl FnOnce(CallLog, Arc<Services>) -> F) -> ResponseActFuture<Self, T>
    where
        T: 'static,
        F: Future<Output = (CallLog, T, Vec<ParkedNotice>)> + 'static,
    {
        self.last_message = Instant::now();
        let before = Standing::of(self.log.call());
        let absent = CallLog::absent(self.log.call_id());
        let log = std::mem::replace(&mut self.log, absent);
        let done = work(log, Arc::clone(&self.services)).into_actor(self);
        Box::pin(done.map(move |(log, result, parked), act, ctx| {
            act.log = log;
            for notice in parked {
                ctx.notify(Hear::parked(notice));
            }
            act.settle(before, ctx);
            result
        }))
    }

    /// Asks one command of the call.
    fn record(&mut self, entry: Entry) -> ResponseActFuture<Self, Result<Recorded, SessionError>> {
        self.with_log(|mut log, services| async move {
            let mut result = log.record(&services, entry).await;
            let parked = result.as_mut().map(|recorded| std::mem::take(&mut recorded.parked)).unwrap_or_default();
            (log, result, parked)
        })
    }

    /// What the state asks for, once.
    fn settle(&mut self, before: Standing, ctx: &mut Context<Self>) {
        match before.news(Standing::of(self.log.call())) {
            Some(StandingNews::Decided) => self.services.nudge(Nudge::PlacementDecided),
            Some(StandingNews::InDoubt) => self.services.nudge(Nudge::InDoubt),
            None => {}
        }
        match Consequence::of(self.log.call()) {
            Consequence::HangUp => self.hang_up(ctx),
            Consequence::WatchDuration => self.limit_duration(ctx),
            Consequence::Rest => {
                if let Some(dial) = &self.dial {
                    // Its slot is free: it must not be dialled any more.
                    dial.permit.cancel();
                }
                ctx.run_later(LINGER, Self::leave_if_idle);
            }
            Consequence::Wait => {}
        }
    }

    /// A session without a duty leaves; the next message, here or elsewhere, activates it again by replay.
    fn leave_if_idle(&mut self, ctx: &mut Context<Self>) {
        let over = matches!(self.log.call(), Call::Over(_) | Call::Abandoned { .. } | Call::Absent);
        let patience = if over { LINGER.min(self.services.idle_after) } else { self.services.idle_after };
        let on_duty = self.resolving || self.dial.is_some() || !over && (self.hang_up.under_way || self.limited);
        let quiet_for = self.last_message.elapsed();
        if !on_duty && quiet_for >= patience {
            ctx.stop();
        } else {
            ctx.run_later(patience.saturating_sub(quiet_for).max(SHORTEST_LOOK), Self::leave_if_idle);
        }
    }
}

impl Actor for CallSessionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.services.idle_after, Self::leave_if_idle);
        if self.fresh {
            return;
        }
        let (events, call_id) = (Arc::clone(&self.services.events), self.log.call_id());
        let loaded = async move { CallLog::load(events.as_ref(), call_id).await };
        ctx.wait(loaded.into_actor(self).map(|loaded, act, ctx| match loaded {
            Ok(log) => {
                act.log = log;
                if matches!(act.log.call(), Call::Absent) {
                    ctx.run_later(LINGER, Self::leave_if_idle);
                }
                act.settle(Standing::Decided, ctx);
            }
            Err(error) => {
                tracing::warn!(call_id = %act.log.call_id(), %error, "a session cannot be activated");
                ctx.stop();
            }
        }));
    }
}

/// Asks a command of the call: a hang-up, a correction of the sweep.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Applied, SessionError>")]
pub struct Apply {
    /// What is asked.
    pub command: Command,
    /// To which request it belongs.
    pub trace: Trace,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Whether anything is different now.
    pub changed: bool,
    /// The call after it; none where there is no call.
    pub record: Option<Record>,
}

impl Handler<Apply> for CallSessionActor {
    type Result = AtomicResponse<Self, Result<Applied, SessionError>>;

    fn handle(&mut self, Apply { command, trace }: Apply, _: &mut Context<Self>) -> Self::Result {
        let recorded = self.record(Entry::of(command, trace));
        AtomicResponse::new(Box::pin(recorded.map(|recorded, act, _| {
            let changed = recorded?.changed;
            Ok(Applied { changed, record: Record::of(act.log.call()) })
        })))
    }
}

/// Does what the state asks for: continues a hang-up, for example. Activation alone does the same.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Wake;

impl Handler<Wake> for CallSessionActor {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.settle(Standing::Decided, ctx);
    }
}

/// Shows the session.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "SessionView")]
pub struct View;

/// A session at one moment.
#[derive(Clone, Debug, actix::MessageResponse)]
pub struct SessionView {
    /// The call; none where there is none.
    pub record: Option<Record>,
    /// The sequence of its latest event.
    pub sequence: Sequence,
    /// Whether it is being placed by this session.
    pub dialling: bool,
    /// Attempts to hang it up by this session.
    pub hang_up_attempts: u32,
    /// What came of the latest.
    pub last_hang_up_error: Option<String>,
    /// When the next one is due; none while one is under way, or none is.
    pub next_hang_up_at: Option<DateTime<Utc>>,
}

impl Handler<View> for CallSessionActor {
    type Result = SessionView;

    fn handle(&mut self, _: View, _: &mut Context<Self>) -> SessionView {
        SessionView {
            record: Record::of(self.log.call()),
            sequence: self.log.sequence(),
            dialling: self.dial.is_some(),
            hang_up_attempts: self.hang_up.attempts,
            last_hang_up_error: self.hang_up.last_error.clone(),
            next_hang_up_at: self.hang_up.next.filter(|_| self.log.call().live().is_some()),
        }
    }
}

impl Handler<Crash> for CallSessionActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        crash();
    }
}
