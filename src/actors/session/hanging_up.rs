//! The duty to hang up: tried again and again, ever more slowly, until the provider or a webhook confirms.
//!
//! It is never given up. Once it has taken long, that is stored, counted and logged, so that somebody can see to it.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};

use chrono::{DateTime, Utc};

use super::CallSessionActor;
use super::log::Entry;
use crate::domain::back_off::BackOff;
use crate::domain::call::{
    Asked, Command, EndReason, LiveCall, Phase, Placement, ReferenceKind, References, Slot, Witness,
};
use crate::domain::phone::without_numbers;
use crate::provider::{ConversationState, HangUp, HangUpWay};
use crate::sources;
use crate::store::Trace;

/// Between two attempts.
const BACK_OFF: BackOff = BackOff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };
/// Longer than any attempt takes, by all ways, at a provider that is slow to say no. What takes longer never ends.
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(5);
/// As much of what the provider says is stored.
const LONGEST_DETAIL: usize = 300;

/// How far the hang-up is.
#[derive(Debug, Default)]
pub(super) struct HangUpState {
    /// An attempt is under way, or the pause after it.
    pub(super) under_way: bool,
    /// Attempts of this session at the present hang-up.
    pub(super) attempts: u32,
    /// What came of the latest.
    pub(super) last_error: Option<String>,
    /// When the next one is due.
    pub(super) next: Option<DateTime<Utc>>,
    /// When the present hang-up was asked for.
    since: Option<DateTime<Utc>>,
}

impl HangUpState {
    /// Another attempt at the hang-up that was asked for at `since`.
    fn begin(&mut self, since: Option<DateTime<Utc>>) {
        if self.since != since {
            *self = Self { since, ..Self::default() };
        }
        self.under_way = true;
        self.attempts = self.attempts.saturating_add(1);
        self.next = None;
    }
}

impl CallSessionActor {
    /// Goes on with the hang-up, unless an attempt is under way.
    pub(super) fn hang_up(&mut self, ctx: &mut Context<Self>) {
        let Some(live) = self.log.call().live() else { return };
        if let Some(dial) = &self.dial {
            // It may still be in time; otherwise what comes of the dial tells what to hang up.
            dial.permit.cancel();
            return;
        }
        if self.hang_up.under_way || live.phase.placement() == Placement::Pending {
            return;
        }
        self.hang_up.begin(live.phase.terminating_since());
        let (provider, call_id) = (Arc::clone(&self.services.provider), self.log.call_id());
        let ways = allowed(&self.services.hang_up_ways, live);
        let names = live.references.clone();
        let (user_id, since) = (live.profile.user_id.clone(), live.announced_at);
        let attempt = async move {
            let carried = names.of_kind(ReferenceKind::CallSid).is_some() && ways.contains(&HangUpWay::Twilio);
            if names.conversation().is_none() {
                match provider.find(call_id, user_id.as_deref(), since).await {
                    Ok(Some(found)) => {
                        return Ok(match found.state {
                            ConversationState::Live => {
                                Command::ObserveLive { references: found.references, asked: Asked::WhileLive }
                            }
                            ConversationState::Over { at } => ended(found.references, at),
                        });
                    }
                    // The carrier can end a call that has no conversation yet.
                    _ if carried => {}
                    Ok(None) => return Err("the provider knows of no conversation of this call".to_owned()),
                    Err(error) => return Err(error.to_string()),
                }
            }
            match provider.hang_up(&names, &ways).await {
                HangUp::Confirmed => Ok(Command::ConfirmTermination),
                HangUp::Unconfirmed { detail } => Err(detail),
            }
        };
        let attempt = async move {
            let late = |_| Err(format!("no end after {} s", ATTEMPT_TIMEOUT.as_secs()));
            tokio::time::timeout(ATTEMPT_TIMEOUT, attempt).await.unwrap_or_else(late)
        };
        ctx.spawn(attempt.into_actor(self).map(|command, act, ctx| match command {
            Ok(command) => ctx.notify(Attempted(command)),
            Err(reason) => act.hang_up_later(&reason, ctx),
        }));
    }

    fn hang_up_later(&mut self, reason: &str, ctx: &mut Context<Self>) {
        let (attempts, now) = (self.hang_up.attempts, sources::now());
        tracing::warn!(call_id = %self.log.call_id(), attempts, reason, "a call is not hung up yet");
        let pause = BACK_OFF.pause(attempts, sources::chance());
        self.hang_up.last_error = Some(reason.to_owned());
        self.hang_up.next = Some(now + pause);
        self.report_stall(now, ctx);
        ctx.run_later(pause, |act, ctx| {
            act.hang_up.under_way = false;
            if act.log.call().live().is_some_and(|live| matches!(live.phase, Phase::Terminating { .. })) {
                act.hang_up(ctx);
            }
        });
    }

    /// Has it stored that the hang-up takes long. Where that cannot be stored, the next attempt in vain asks again.
    fn report_stall(&mut self, now: DateTime<Utc>, ctx: &mut Context<Self>) {
        let phase = self.log.call().live().map(|live| live.phase);
        let Some(Phase::Terminating { since, stalled: false, .. }) = phase else { return };
        let attempts = self.hang_up.attempts;
        if self.services.stall_limits.are_reached(attempts, since, now) {
            let detail = without_numbers(self.hang_up.last_error.as_deref().unwrap_or_default());
            ctx.notify(Stalled { attempts, detail: detail.chars().take(LONGEST_DETAIL).collect() });
        }
    }
}

/// DELETE erases the customer's record: only for calls that never had a slot.
fn allowed(ways: &[HangUpWay], live: &LiveCall) -> Vec<HangUpWay> {
    let never_had_a_slot = live.slot == Slot::Overflow && !live.revived;
    ways.iter().copied().filter(|way| *way != HangUpWay::Delete || never_had_a_slot).collect()
}

fn ended(references: References, at: Option<chrono::DateTime<chrono::Utc>>) -> Command {
    Command::End { reason: EndReason::ProviderEnded, at, references, witness: Witness::LookUp, note: None }
}

/// The hang-up takes long.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
struct Stalled {
    attempts: u32,
    detail: String,
}

impl Handler<Stalled> for CallSessionActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Stalled { attempts, detail }: Stalled, _: &mut Context<Self>) -> Self::Result {
        let command = Command::ReportStall { attempts, detail: detail.clone() };
        let recorded = self.record(Entry::of(command, Trace::caused_by("hang_up")));
        AtomicResponse::new(Box::pin(recorded.map(move |recorded, act, _| {
            // Another session of the same call may have said so before: then it is counted there.
            if recorded.is_ok_and(|recorded| recorded.changed) {
                act.services.metrics.hangups_stalled.inc();
                let since = act.log.call().live().and_then(|live| live.phase.terminating_since());
                let seconds = since.map(|since| (sources::now() - since).num_seconds());
                tracing::warn!(
                    call_id = %act.log.call_id(), attempts, seconds, detail,
                    "a call cannot be hung up; it counts against the cap until it is, and is tried on"
                );
            }
        })))
    }
}

/// What an attempt found out.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
struct Attempted(Command);

impl Handler<Attempted> for CallSessionActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Attempted(command): Attempted, _: &mut Context<Self>) -> Self::Result {
        let trace = Trace::caused_by("hang_up");
        let confirmed = command == Command::ConfirmTermination;
        let recorded = self.record(Entry::of(command, trace));
        AtomicResponse::new(Box::pin(recorded.map(move |recorded, act, ctx| match recorded {
            Ok(_) if act.log.call().live().is_some_and(|live| live.references.conversation().is_none()) => {
                act.hang_up_later("its name at the provider belongs to another call", ctx);
            }
            Ok(_) => {
                act.hang_up.under_way = false;
                if !confirmed {
                    // Its names are known now.
                    ctx.notify(super::Wake);
                }
            }
            Err(error) => act.hang_up_later(&error.to_string(), ctx),
        })))
    }
}
