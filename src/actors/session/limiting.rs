//! The end of a call's maximum duration: then it is to be hung up, and that is stored, however long it takes.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message};
use chrono::TimeDelta;

use super::log::Entry;
use super::{CallSessionActor, SessionError};
use crate::domain::call::{Command, TerminationReason};
use crate::sources;
use crate::store::Trace;

/// Between two attempts to store it; up to twice as long by chance, because many may wait for the same database.
const PAUSE: Duration = Duration::from_secs(1);

impl CallSessionActor {
    /// Hangs up at the end of the maximum duration; a session that is activated later, later.
    pub(super) fn limit_duration(&mut self, ctx: &mut Context<Self>) {
        let Some(live) = self.log.call().live() else { return };
        let (Some(seconds), Some(started_at)) = (live.profile.max_duration_seconds, live.started_at) else { return };
        if std::mem::replace(&mut self.limited, true) {
            return;
        }
        let left = TimeDelta::seconds(i64::from(seconds)) - (sources::now() - started_at);
        ctx.notify_later(DurationOver, left.to_std().unwrap_or_default());
    }
}

/// The call has lasted as long as it may.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
struct DurationOver;

impl Handler<DurationOver> for CallSessionActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: DurationOver, _: &mut Context<Self>) -> Self::Result {
        let command = Command::RequestTermination { reason: TerminationReason::MaxDuration };
        let recorded = self.record(Entry::of(command, Trace::caused_by("max_duration")));
        AtomicResponse::new(Box::pin(recorded.map(|recorded, act, ctx| match recorded {
            Ok(_) | Err(SessionError::Refused(_)) => {}
            Err(error) => {
                tracing::warn!(call_id = %act.log.call_id(), %error, "a call is not hung up yet, whose time is over");
                ctx.notify_later(DurationOver, PAUSE.mul_f64(1.0 + sources::chance()));
            }
        })))
    }
}
