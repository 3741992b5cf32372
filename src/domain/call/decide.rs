//! Turns a command into events, or refuses. What says nothing new gives no events.

use chrono::{DateTime, Utc};

use super::command::{Asked, Command, Context, InboundDecision, Refusal};
use super::event::{CallEvent, EventKind};
use super::reason::{EndReason, Witness};
use super::reference::References;
use super::state::{Call, LiveCall, OverCall, Phase, Placement};

/// What happens to `call` when `command` is asked of it at `context.now`.
pub fn decide(call: &Call, command: Command, context: &Context) -> Result<Vec<CallEvent>, Refusal> {
    let at_now = |kinds: Vec<EventKind>| {
        kinds.into_iter().map(|kind| CallEvent { occurred_at: context.now, kind }).collect::<Vec<_>>()
    };
    match (call, command) {
        (Call::Absent, Command::Request { profile, epoch, business_limit }) => {
            Ok(at_now(vec![EventKind::CallRequested { profile }, EventKind::CallAdmitted { epoch, business_limit }]))
        }
        (Call::Absent, Command::Receive { profile, references, decision }) => {
            Ok(at_now(vec![EventKind::InboundReceived { profile, references }, outcome_of(decision)]))
        }
        (Call::Absent, Command::Abandon) => Ok(at_now(vec![EventKind::AdmissionAbandoned {}])),
        (Call::Absent, _) | (Call::Abandoned { .. } | Call::Announced { .. }, Command::RequestTermination { .. }) => {
            Err(Refusal::Unknown)
        }
        (_, Command::Request { .. } | Command::Receive { .. } | Command::Abandon) => Err(Refusal::AlreadyExists),
        (Call::Abandoned { .. } | Call::Announced { .. }, _) => Ok(Vec::new()),
        // Whoever concluded that looked before it had become a conversation.
        (Call::Live(live), Command::End { reason: EndReason::NeverBound, .. })
            if live.references.conversation().is_some() =>
        {
            Ok(Vec::new())
        }
        (Call::Live(live), Command::End { reason, at, references, witness, note }) => {
            // The provider's clock gives whole seconds, and may be another than ours.
            let occurred_at =
                at.unwrap_or(context.now).max(live.started_at.unwrap_or(live.announced_at)).min(context.now);
            let mut events = at_now(learned(&live.references, &references));
            events.push(CallEvent { occurred_at, kind: EventKind::CallEnded { reason, witness, note } });
            Ok(events)
        }
        (Call::Live(live), command) => Ok(at_now(decide_live(live, command, context.now))),
        (Call::Over(over), command) => decide_over(over, command).map(at_now),
    }
}

fn outcome_of(decision: InboundDecision) -> EventKind {
    match decision {
        InboundDecision::Admit { epoch, business_limit } => EventKind::CallAdmitted { epoch, business_limit },
        InboundDecision::Overflow { cause } => EventKind::CallOverflowed { cause },
        InboundDecision::Terminate { reason } => EventKind::TerminationRequested { reason },
        InboundDecision::TurnAway { reason } => {
            EventKind::CallEnded { reason: reason.into(), witness: Witness::Gate, note: None }
        }
    }
}

/// The names that are news, as an event; nothing where there are none.
fn learned(known: &References, told: &References) -> Vec<EventKind> {
    let references = known.news_in(told);
    if references.is_empty() { Vec::new() } else { vec![EventKind::ReferencesLearned { references }] }
}

fn decide_live(live: &LiveCall, command: Command, now: DateTime<Utc>) -> Vec<EventKind> {
    let placement = live.phase.placement();
    let confirmed = |references: References, witness| {
        if placement == Placement::Confirmed {
            learned(&live.references, &references)
        } else {
            vec![EventKind::CallPlaced { references, witness }]
        }
    };
    match command {
        Command::ConfirmPlacement { references, witness } => confirmed(references, witness),
        Command::ObserveLive { references, .. } => confirmed(references, Witness::LookUp),
        Command::FailPlacement { reason, detail, retry_after_seconds } if placement != Placement::Confirmed => {
            vec![EventKind::PlacementFailed { reason, detail, retry_after_seconds }]
        }
        Command::DoubtPlacement { doubt } if placement == Placement::Pending => {
            vec![EventKind::PlacementUncertain { doubt }]
        }
        Command::RequestTermination { reason } if !matches!(live.phase, Phase::Terminating { .. }) => {
            vec![EventKind::TerminationRequested { reason }]
        }
        Command::ConfirmTermination => match live.phase {
            Phase::Terminating { reason, .. } => {
                vec![EventKind::CallEnded { reason: reason.into(), witness: Witness::LookUp, note: None }]
            }
            _ => Vec::new(),
        },
        Command::ReportStall { attempts, detail } => match live.phase {
            Phase::Terminating { since, stalled: false, .. } => {
                let seconds = u64::try_from((now - since).num_seconds()).unwrap_or(0);
                vec![EventKind::HangUpStalled { attempts, seconds, detail }]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn decide_over(over: &OverCall, command: Command) -> Result<Vec<EventKind>, Refusal> {
    let revived = |references, witness| vec![EventKind::CallRevived { references, witness }];
    match command {
        Command::RequestTermination { .. } => Err(Refusal::AlreadyOver),
        // The provider has said that it is over since it was asked: its latest word counts. If that was wrong, the next
        // sweep finds the conversation and asks about it again.
        Command::ObserveLive { references, asked: Asked::WhileLive } if over.witness.is_the_provider() => {
            Ok(learned(&over.references, &references))
        }
        Command::ObserveLive { references, .. } => Ok(revived(references, Witness::LookUp)),
        // The answer to our own dialling, after we had concluded that nothing was dialled or that it is gone:
        // the call may be ringing now. Where the provider itself had said that it is over, the answer is merely late.
        Command::ConfirmPlacement { references, witness: Witness::Answer } if !over.witness.is_the_provider() => {
            Ok(revived(references, Witness::Answer))
        }
        Command::ConfirmPlacement { references, .. } | Command::End { references, .. } => {
            Ok(learned(&over.references, &references))
        }
        _ => Ok(Vec::new()),
    }
}
