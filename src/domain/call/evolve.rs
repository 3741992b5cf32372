//! Folds events into the state. Total: an event that cannot follow leaves the state as it is.

use chrono::{DateTime, Utc};

use super::event::{CallEvent, EventKind};
use super::reason::{EndReason, TerminationReason, Witness};
use super::state::{Call, LiveCall, Outcome, OverCall, Phase, Placement, Slot};

/// The state of a call whose whole stream is `events`.
pub fn replay<'a>(events: impl IntoIterator<Item = &'a CallEvent>) -> Call {
    events.into_iter().fold(Call::Absent, evolve)
}

/// The state after one more event.
pub fn evolve(call: Call, event: &CallEvent) -> Call {
    let at = event.occurred_at;
    match (call, &event.kind) {
        (Call::Absent, EventKind::CallRequested { profile }) => {
            Call::Announced { profile: profile.clone(), references: super::References::none(), at }
        }
        (Call::Absent, EventKind::InboundReceived { profile, references }) => {
            Call::Announced { profile: profile.clone(), references: references.clone(), at }
        }
        (Call::Absent, EventKind::AdmissionAbandoned {}) => Call::Abandoned { at },
        // Turned away before anybody answered: it never was at the provider.
        (Call::Announced { profile, references, at: announced_at }, EventKind::CallEnded { reason, witness, note }) => {
            Call::Over(OverCall {
                profile,
                references,
                outcome: outcome_of(*reason),
                reason: *reason,
                witness: *witness,
                detail: note.clone(),
                retry_after_seconds: None,
                announced_at,
                started_at: None,
                ended_at: at,
            })
        }
        (Call::Announced { profile, references, at: announced_at }, kind) => {
            match first_phase(event, profile.direction) {
                Some((slot, phase)) => Call::Live(LiveCall {
                    started_at: (phase != Phase::Placing).then_some(announced_at),
                    profile,
                    references,
                    slot,
                    phase,
                    announced_at,
                    epoch: match kind {
                        EventKind::CallAdmitted { epoch, .. } => Some(*epoch),
                        _ => None,
                    },
                    revived: false,
                }),
                None => Call::Announced { profile, references, at: announced_at },
            }
        }
        (Call::Live(live), _) => evolve_live(live, event),
        (Call::Over(over), _) => evolve_over(over, event),
        (call, _) => call,
    }
}

/// What the event that follows the announcement makes of the call.
fn first_phase(event: &CallEvent, direction: super::Direction) -> Option<(Slot, Phase)> {
    let admitted = match direction {
        super::Direction::Outbound => Phase::Placing,
        super::Direction::Inbound => Phase::Active,
    };
    match &event.kind {
        EventKind::CallAdmitted { .. } => Some((Slot::Held, admitted)),
        EventKind::CallOverflowed { .. } => Some((Slot::Overflow, Phase::Active)),
        EventKind::TerminationRequested { reason } => {
            Some((Slot::Overflow, Phase::terminating(*reason, Placement::Confirmed, event.occurred_at)))
        }
        _ => None,
    }
}

fn evolve_live(mut live: LiveCall, event: &CallEvent) -> Call {
    let at = event.occurred_at;
    match &event.kind {
        EventKind::CallPlaced { references, .. } => {
            live.references.learn(references);
            live.phase = live.phase.with_placement(Placement::Confirmed);
            live.started_at.get_or_insert(at);
            Call::Live(live)
        }
        EventKind::ReferencesLearned { references } => {
            live.references.learn(references);
            Call::Live(live)
        }
        EventKind::PlacementUncertain { .. } if live.phase.placement() == Placement::Pending => {
            live.phase = live.phase.with_placement(Placement::Uncertain);
            Call::Live(live)
        }
        EventKind::TerminationRequested { reason } if !matches!(live.phase, Phase::Terminating { .. }) => {
            live.phase = Phase::terminating(*reason, live.phase.placement(), at);
            Call::Live(live)
        }
        EventKind::HangUpStalled { .. } => {
            if let Phase::Terminating { stalled, .. } = &mut live.phase {
                *stalled = true;
            }
            Call::Live(live)
        }
        EventKind::PlacementFailed { reason, detail, retry_after_seconds } => {
            let refused = matches!(reason, EndReason::ProviderRefused | EndReason::Provider429);
            let witness = if refused { Witness::Answer } else { Witness::Gate };
            let mut over = close(live, *reason, witness, at);
            over.detail = Some(detail.clone());
            over.retry_after_seconds = *retry_after_seconds;
            Call::Over(over)
        }
        EventKind::CallEnded { reason, witness, note } => {
            let reason = match live.phase {
                // A call that is being hung up ends for the reason for which it is hung up.
                Phase::Terminating { reason, .. } => reason.into(),
                _ => *reason,
            };
            let mut over = close(live, reason, *witness, at);
            over.detail.clone_from(note);
            Call::Over(over)
        }
        _ => Call::Live(live),
    }
}

fn evolve_over(mut over: OverCall, event: &CallEvent) -> Call {
    match &event.kind {
        EventKind::ReferencesLearned { references } => {
            over.references.learn(references);
            Call::Over(over)
        }
        EventKind::CallRevived { references, .. } => {
            over.references.learn(references);
            Call::Live(LiveCall {
                profile: over.profile,
                references: over.references,
                slot: Slot::Overflow,
                phase: Phase::terminating(TerminationReason::Late, Placement::Confirmed, event.occurred_at),
                announced_at: over.announced_at,
                started_at: Some(over.started_at.unwrap_or(event.occurred_at)),
                epoch: None,
                revived: true,
            })
        }
        _ => Call::Over(over),
    }
}

fn outcome_of(reason: EndReason) -> Outcome {
    match reason {
        EndReason::Capacity => Outcome::TerminatedCapacity,
        reason if reason.is_failure() => Outcome::Failed,
        _ => Outcome::Ended,
    }
}

fn close(live: LiveCall, reason: EndReason, witness: Witness, at: DateTime<Utc>) -> OverCall {
    OverCall {
        profile: live.profile,
        references: live.references,
        outcome: outcome_of(reason),
        reason,
        witness,
        detail: None,
        retry_after_seconds: None,
        announced_at: live.announced_at,
        started_at: live.started_at,
        ended_at: at,
    }
}
