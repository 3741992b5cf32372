//! What the state of a call asks of whoever runs it: of its session, of the ledger, and of a commit in doubt.

use super::command::Command;
use super::profile::Direction;
use super::reason::EndReason;
use super::state::{Call, LiveCall, Phase, Placement, Slot};
use crate::domain::admission::Holder;
use crate::domain::ids::CallId;

/// What a session does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing yet.
    Wait,
    /// See to it that the call does not grow too long.
    WatchDuration,
    /// Hang up, until that is confirmed.
    HangUp,
    /// It is over: nothing of it may be dialled any more.
    Rest,
}

impl Consequence {
    /// What this state asks for.
    pub fn of(call: &Call) -> Self {
        match call {
            Call::Live(LiveCall { phase: Phase::Terminating { .. }, .. }) => Self::HangUp,
            Call::Live(LiveCall { phase: Phase::Active, .. }) => Self::WatchDuration,
            Call::Over(_) | Call::Abandoned { .. } => Self::Rest,
            Call::Live(_) | Call::Absent | Call::Announced { .. } => Self::Wait,
        }
    }
}

/// As much of a call's state as other calls care about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its placement is under way: an unknown start at its agent may be its own.
    Undecided,
    /// Only the provider can tell: what became of the placement, or which conversation an inbound call has become.
    InDoubt,
    /// It has its names, or will never have any.
    Decided,
}

/// What others may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingNews {
    /// Webhooks that waited for the placement may go on.
    Decided,
    /// Only the provider can tell what it is.
    InDoubt,
}

impl Standing {
    /// Where a call stands.
    pub fn of(call: &Call) -> Self {
        let Some(live) = call.live() else { return Self::Decided };
        let is_bound = live.references.conversation().is_some();
        match live.phase.placement() {
            Placement::Pending => Self::Undecided,
            Placement::Uncertain => Self::InDoubt,
            Placement::Confirmed if live.profile.direction == Direction::Inbound && !is_bound => Self::InDoubt,
            Placement::Confirmed => Self::Decided,
        }
    }

    /// What is news after this.
    pub fn news(self, now: Self) -> Option<StandingNews> {
        match (self, now) {
            (Self::Undecided | Self::InDoubt, Self::Decided) => Some(StandingNews::Decided),
            (Self::Undecided | Self::Decided, Self::InDoubt) => Some(StandingNews::InDoubt),
            _ => None,
        }
    }
}

/// What the log says to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerNews {
    /// The call holds nothing any more.
    Release,
    /// The call is live without a slot.
    Put(Holder),
}

/// The ledger follows the log, never the other way round: what it is told of a call that held `before`, and is `after`
/// now. A slot that is held came from the ledger, so it knows of that.
pub fn news_for_the_ledger(call_id: CallId, before: Option<Slot>, after: &Call) -> Option<LedgerNews> {
    match (before, after.slot()) {
        (Some(_), None) => Some(LedgerNews::Release),
        (before, Some(Slot::Overflow)) if before != Some(Slot::Overflow) => {
            let profile = after.profile()?;
            Some(LedgerNews::Put(Holder {
                call_id,
                business_id: profile.business_id.clone(),
                plan: profile.plan.clone(),
                slot: Slot::Overflow,
            }))
        }
        _ => None,
    }
}

/// How an admission is settled whose commit is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Ask this of the call; a refusal is an answer too. Then look again.
    Ask(Box<Command>),
    /// The admission never was: its slot is free.
    Release,
    /// The call goes on without it, or is over.
    Settled,
}

impl Settlement {
    /// Nobody dialled for an admission in doubt, under this epoch: it is closed before it was, or failed as not dialled.
    ///
    /// An admission of the same call under another epoch is somebody else's, who may be dialling: within one epoch
    /// the ledger gives a call one lease, and that of a doubt is not given back.
    pub fn of(call: &Call, epoch: Option<u64>) -> Self {
        match call {
            Call::Absent => Self::Ask(Box::new(Command::Abandon)),
            Call::Abandoned { .. } => Self::Release,
            Call::Live(live) if live.epoch == epoch && live.phase == Phase::Placing => {
                Self::Ask(Box::new(Command::FailPlacement {
                    reason: EndReason::NotDialled,
                    detail: "the commit of the admission was in doubt".to_owned(),
                    retry_after_seconds: None,
                }))
            }
            Call::Live(_) | Call::Over(_) | Call::Announced { .. } => Self::Settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specification::{admit, profile, receive, request};
    use super::super::{Command, Context, Reference, Witness, decide, evolve};
    use super::*;
    use chrono::DateTime;
    use uuid::Uuid;

    fn after(commands: impl IntoIterator<Item = Command>) -> Call {
        let context = Context { now: DateTime::UNIX_EPOCH };
        commands.into_iter().fold(Call::Absent, |call, command| {
            let events = decide(&call, command, &context).unwrap();
            events.iter().fold(call, evolve)
        })
    }

    #[test]
    fn i1_a_doubt_fails_only_the_admission_of_its_own_epoch_that_nobody_dialled() {
        let own = Settlement::of(&after([request()]), Some(1));
        assert!(matches!(own, Settlement::Ask(command) if matches!(*command, Command::FailPlacement { .. })));
        assert_eq!(Settlement::of(&after([request()]), Some(2)), Settlement::Settled, "somebody else may be dialling");
        assert_eq!(Settlement::of(&after([receive(admit())]), Some(1)), Settlement::Settled, "it is live already");
    }

    #[test]
    fn i3_only_the_provider_can_tell_what_an_inbound_call_without_a_conversation_has_become() {
        let unbound = Command::Receive {
            profile: profile(Direction::Inbound),
            references: std::iter::once(Reference::call_sid("CA1")).collect(),
            decision: admit(),
        };
        let names = std::iter::once(Reference::conversation("conv_1")).collect();
        let bind = Command::ConfirmPlacement { references: names, witness: Witness::Webhook };
        let (before, after) = (after([unbound.clone()]), after([unbound, bind]));
        assert_eq!(Standing::Decided.news(Standing::of(&before)), Some(StandingNews::InDoubt));
        assert_eq!(Standing::of(&before).news(Standing::of(&after)), Some(StandingNews::Decided));
    }

    #[test]
    fn an_admission_that_never_was_is_called_off_and_then_gives_its_slot_back() {
        assert_eq!(Settlement::of(&Call::Absent, Some(1)), Settlement::Ask(Box::new(Command::Abandon)));
        assert_eq!(Settlement::of(&after([Command::Abandon]), Some(1)), Settlement::Release);
    }

    #[test]
    fn the_ledger_hears_of_what_it_did_not_give_and_of_what_comes_back() {
        let call_id = CallId::new(Uuid::from_u128(1));
        let told = |before, call: &Call| news_for_the_ledger(call_id, before, call);
        let held = after([receive(admit())]);
        assert_eq!(told(None, &held), None, "it gave that slot itself");
        assert_eq!(told(Some(Slot::Held), &after([Command::Abandon])), Some(LedgerNews::Release));
        let decision = super::super::InboundDecision::Overflow { cause: "FULL".to_owned() };
        let overflow = after([receive(decision)]);
        assert!(matches!(told(None, &overflow), Some(LedgerNews::Put(Holder { slot: Slot::Overflow, .. }))));
        assert_eq!(told(Some(Slot::Overflow), &overflow), None);
    }
}
