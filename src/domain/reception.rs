//! What becomes of an inbound call: a slot, a place beside the slots, or none.

use super::admission::Rejection;
use super::call::{InboundDecision, TerminationReason};

/// What becomes of an inbound call that finds no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// It is hung up.
    Terminate,
    /// It stays, and counts as overflow.
    Admit,
}

/// What becomes of a call that is live at the provider and that the gate knows nothing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmanaged {
    /// It stays, and counts as overflow.
    Adopt,
    /// It is hung up.
    Terminate,
}

/// What becomes of inbound calls that have no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboundPolicy {
    /// Those that come in.
    pub on_full: OnFull,
    /// Those that the sweep finds.
    pub unmanaged: Unmanaged,
}

/// How a call was heard of that nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It says so itself.
    ByWebhook,
    /// Its carrier asks whether to connect it: nobody has answered it.
    Ringing,
    /// It was live at the provider, unknown to us.
    BySweep,
}

/// Why a call that came in has no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    /// By the rule.
    Rejected(Rejection),
    /// The ledger is being rebuilt.
    Recovering,
    /// The ledger does not answer.
    Unavailable,
}

impl NoSlot {
    /// The error code of the contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rejected(why) => why.code(),
            Self::Recovering => "CAPACITY_RECOVERING",
            Self::Unavailable => "CAPACITY_STORE_UNAVAILABLE",
        }
    }
}

impl InboundPolicy {
    /// What becomes of a call without asking for a slot; none where the ledger is to be asked.
    pub fn at_the_door(self, found: Found, takes_calls: bool) -> Option<InboundDecision> {
        match (found, self.unmanaged) {
            (Found::BySweep, Unmanaged::Adopt) => Some(overflow("UNMANAGED")),
            (Found::BySweep, Unmanaged::Terminate) => Some(terminate(TerminationReason::Unmanaged)),
            (Found::ByWebhook | Found::Ringing, _) if !takes_calls => {
                Some(unwanted(found, TerminationReason::InboundDisabled))
            }
            (Found::ByWebhook | Found::Ringing, _) => None,
        }
    }

    /// What becomes of a call that asked for a slot and has none.
    pub fn without_a_slot(self, found: Found, why: NoSlot) -> InboundDecision {
        match (why, found) {
            // No call that talks is hung up for our trouble.
            (NoSlot::Recovering | NoSlot::Unavailable, Found::ByWebhook | Found::BySweep) => overflow(why.code()),
            // One that rings is not at the provider yet: only a proven slot leads there.
            (NoSlot::Rejected(_), _) | (_, Found::Ringing) => match self.on_full {
                OnFull::Terminate => unwanted(found, TerminationReason::Capacity),
                OnFull::Admit => overflow(why.code()),
            },
        }
    }
}

fn overflow(cause: &str) -> InboundDecision {
    InboundDecision::Overflow { cause: cause.to_owned() }
}

/// One that is at the provider is hung up; one that is not yet never gets there.
fn unwanted(found: Found, reason: TerminationReason) -> InboundDecision {
    match found {
        Found::Ringing => InboundDecision::TurnAway { reason },
        Found::ByWebhook | Found::BySweep => terminate(reason),
    }
}

fn terminate(reason: TerminationReason) -> InboundDecision {
    InboundDecision::Terminate { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: InboundPolicy = InboundPolicy { on_full: OnFull::Terminate, unmanaged: Unmanaged::Terminate };

    #[test]
    fn no_call_that_talks_is_hung_up_for_our_trouble() {
        for why in [NoSlot::Recovering, NoSlot::Unavailable] {
            assert!(matches!(STRICT.without_a_slot(Found::ByWebhook, why), InboundDecision::Overflow { .. }));
        }
    }

    #[test]
    fn i7_no_call_that_rings_reaches_the_provider_without_a_proven_slot() {
        let reason = TerminationReason::Capacity;
        let open = InboundPolicy { on_full: OnFull::Admit, ..STRICT };
        for why in [NoSlot::Recovering, NoSlot::Unavailable] {
            assert_eq!(STRICT.without_a_slot(Found::Ringing, why), InboundDecision::TurnAway { reason });
            assert!(matches!(open.without_a_slot(Found::Ringing, why), InboundDecision::Overflow { .. }));
        }
    }

    #[test]
    fn where_the_gate_is_full_a_call_that_talks_is_hung_up_and_one_that_rings_is_turned_away() {
        let reason = TerminationReason::Capacity;
        let full = NoSlot::Rejected(Rejection::GlobalCapacity);
        assert_eq!(STRICT.without_a_slot(Found::ByWebhook, full), InboundDecision::Terminate { reason });
        assert_eq!(STRICT.without_a_slot(Found::Ringing, full), InboundDecision::TurnAway { reason });
    }

    #[test]
    fn the_ledger_is_asked_only_for_calls_that_come_in_and_are_taken() {
        assert_eq!(STRICT.at_the_door(Found::ByWebhook, true), None);
        let reason = TerminationReason::InboundDisabled;
        assert_eq!(STRICT.at_the_door(Found::ByWebhook, false), Some(InboundDecision::Terminate { reason }));
        let reason = TerminationReason::Unmanaged;
        assert_eq!(STRICT.at_the_door(Found::BySweep, false), Some(InboundDecision::Terminate { reason }));
        let adopting = InboundPolicy { unmanaged: Unmanaged::Adopt, ..STRICT };
        assert!(matches!(adopting.at_the_door(Found::BySweep, true), Some(InboundDecision::Overflow { .. })));
    }
}
