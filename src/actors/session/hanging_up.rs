//! The duty to hang up: tried again and again, ever more slowly, until the provider or a webhook confirms.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};

use super::CallSessionActor;
use super::log::Entry;
use crate::domain::call::{Command, EndReason, LiveCall, Phase, Placement, ReferenceKind, References, Slot, Witness};
use crate::provider::{ConversationState, HangUp, HangUpWay};
use crate::sources;
use crate::store::Trace;

/// The pause after the first attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

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
        self.hang_up.under_way = true;
        self.hang_up.attempts += 1;
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
                            ConversationState::Live => Command::ObserveLive { references: found.references },
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
        ctx.spawn(attempt.into_actor(self).map(|command, act, ctx| match command {
            Ok(command) => ctx.notify(Attempted(command)),
            Err(reason) => act.hang_up_later(&reason, ctx),
        }));
    }

    fn hang_up_later(&mut self, reason: &str, ctx: &mut Context<Self>) {
        let doublings = self.hang_up.attempts.saturating_sub(1).min(6);
        let pause = (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE);
        let attempts = self.hang_up.attempts;
        tracing::warn!(call_id = %self.log.call_id(), attempts, reason, "a call is not hung up yet");
        ctx.run_later(pause.mul_f64(1.0 + sources::chance() / 4.0), |act, ctx| {
            act.hang_up.under_way = false;
            if act.log.call().live().is_some_and(|live| matches!(live.phase, Phase::Terminating { .. })) {
                act.hang_up(ctx);
            }
        });
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
