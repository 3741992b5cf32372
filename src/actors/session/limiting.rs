//! The end of a call's maximum duration: then it is to be hung up, and that is stored, however long it takes.
//!
//! The wall clock tells when that is, once, while it goes as it should; from then on the monotonic clock counts. While the
//! wall clock has jumped lately, only what this session has seen of the call by the monotonic one says anything.

use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message};
use chrono::{DateTime, Utc};

use super::log::Entry;
use super::{CallSessionActor, SessionError};
use crate::domain::call::{Command, Phase, TerminationReason};
use crate::sources;
use crate::store::Trace;

/// Between two attempts to store it, or two looks at a clock that has jumped; up to twice as long by chance, because many
/// may wait for the same.
const PAUSE: Duration = Duration::from_secs(1);

fn pause() -> Duration {
    PAUSE.mul_f64(1.0 + sources::chance())
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// The end of the call's duration, so long from now.
    EndsIn(Duration),
    /// A clock that tells when that is.
    NobodyKnows,
}

/// When a call ends that may last for `longest`. It has lasted for `by_the_clock`, none while that says nothing, and the
/// session has known it to be live for `seen`, so no less.
fn limit_of(longest: Duration, by_the_clock: Option<Duration>, seen: Duration) -> Limit {
    match by_the_clock {
        Some(lasted) => Limit::EndsIn(longest.saturating_sub(lasted.max(seen))),
        None if seen >= longest => Limit::EndsIn(Duration::ZERO),
        None => Limit::NobodyKnows,
    }
}

/// For how long a call has lasted by the wall clock; none where that has not been steady for `grace`.
fn lasted(started_at: DateTime<Utc>, grace: Duration) -> Option<Duration> {
    sources::clock_is_steady(grace).then(|| (sources::now() - started_at).to_std().unwrap_or_default())
}

impl CallSessionActor {
    /// Hangs up at the end of the maximum duration; a session that is activated later, later.
    pub(super) fn limit_duration(&mut self, ctx: &mut Context<Self>) {
        let Some(live) = self.log.call().live().filter(|live| live.phase == Phase::Active) else { return };
        let (Some(seconds), Some(started_at)) = (live.profile.max_duration_seconds, live.started_at) else { return };
        let seen = self.seen_live.get_or_insert_with(Instant::now).elapsed();
        if std::mem::replace(&mut self.limited, true) {
            return;
        }
        let longest = Duration::from_secs(u64::from(seconds));
        match limit_of(longest, lasted(started_at, self.services.clock_grace), seen) {
            Limit::EndsIn(left) => {
                ctx.notify_later(DurationOver, left);
            }
            Limit::NobodyKnows => {
                ctx.run_later(pause().min(longest.saturating_sub(seen)), |act, ctx| {
                    act.limited = false;
                    act.limit_duration(ctx);
                });
            }
        }
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
                ctx.notify_later(DurationOver, pause());
            }
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const LONGEST: Duration = s(60);

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[rstest]
    #[case::it_has_just_begun(Some(s(0)), s(0), Limit::EndsIn(s(60)))]
    #[case::its_session_is_new(Some(s(59)), s(0), Limit::EndsIn(s(1)))]
    #[case::it_is_too_long(Some(s(61)), s(0), Limit::EndsIn(s(0)))]
    #[case::its_beginning_is_in_the_future_of_a_clock_that_was_set_back(Some(s(0)), s(50), Limit::EndsIn(s(10)))]
    #[case::the_clock_has_jumped(None, s(0), Limit::NobodyKnows)]
    #[case::the_clock_has_jumped_and_it_may_go_on(None, s(59), Limit::NobodyKnows)]
    #[case::the_clock_has_jumped_and_it_was_seen_to_be_too_long(None, s(60), Limit::EndsIn(s(0)))]
    fn a_call_ends_by_a_steady_clock_or_by_what_was_seen_of_it(
        #[case] by_the_clock: Option<Duration>,
        #[case] seen: Duration,
        #[case] limit: Limit,
    ) {
        assert_eq!(limit_of(LONGEST, by_the_clock, seen), limit);
    }
}
