//! What the provider's answer about a call means. Absence is weak evidence.

use chrono::TimeDelta;

use super::policy::{Now, Policy};
use super::question::Look;
use super::row::Row;
use crate::domain::call::{Asked, Command, EndReason, References, Witness};

/// What was seen of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The provider's answer.
    Answer(Look),
    /// Every conversation that is live at the provider is another call.
    Unclaimed,
}

/// What is known beside that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Since the first of an unbroken row of looks that found nothing.
    pub(super) missing_for: Option<TimeDelta>,
    /// In this sweep the provider answered for some conversation that was once bound: it is the right account.
    pub(super) account_proven: bool,
    /// The provider counts more live calls than it lists: whatever is missing may be among them.
    pub(super) list_is_short: bool,
}

/// What it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conclusion {
    /// Nothing to do; what was missing is not missing any more.
    Sound,
    /// Nothing to do yet; remember that it was missing.
    StillMissing,
    /// Nothing can be concluded.
    Unknown,
    /// Tell the call, for this reason.
    Tell(Box<Command>, &'static str),
}

pub(super) fn conclude(row: &Row, seen: Seen, evidence: Evidence, policy: &Policy, now: &Now) -> Conclusion {
    let (age, bound) = (row.age(now), row.conversation().is_some());
    let twice = now.clock_steady
        && evidence.missing_for.is_some_and(|gap| gap * 2 >= policy.grace)
        && row.quiet(now) >= policy.grace;
    // What the gate may have erased itself is denied by any provider.
    let longest = if row.perhaps_erased(policy) { policy.blind_max_age } else { policy.max_call_age };
    // A provider that denies every conversation is no better than one that is silent.
    let credible = evidence.account_proven || age >= policy.blind_max_age;
    let complete = !evidence.list_is_short || age >= policy.blind_max_age;
    match seen {
        Seen::Answer(Look::Live(_)) if bound && row.was_placed() => Conclusion::Sound,
        Seen::Answer(Look::Live(references)) => Conclusion::Tell(
            Box::new(Command::ObserveLive { references, asked: Asked::WhileLive }),
            "placement_confirmed",
        ),
        Seen::Answer(Look::Over { references, at }) => {
            let reason = EndReason::ProviderEnded;
            let command = Command::End { reason, at, references, witness: Witness::LookUp, note: None };
            Conclusion::Tell(Box::new(command), reason.as_str())
        }
        Seen::Unclaimed if twice && age >= policy.bind_timeout => end(EndReason::NeverBound),
        Seen::Answer(Look::Missing) if twice && !row.was_placed() && complete => not_dialled(),
        Seen::Answer(Look::Missing) if twice && credible && age >= longest => end(EndReason::AgedOut),
        Seen::Answer(Look::Missing) if twice && evidence.account_proven && !row.perhaps_erased(policy) => {
            end(EndReason::ProviderMissing)
        }
        Seen::Answer(Look::Missing) | Seen::Unclaimed => Conclusion::StillMissing,
        Seen::Answer(Look::Unanswered) if now.clock_steady && age >= policy.blind_max_age => end(EndReason::AgedOut),
        Seen::Answer(Look::Unanswered | Look::NotAsked) => Conclusion::Unknown,
    }
}

/// The gate's own conclusion that a call is over.
fn end(reason: EndReason) -> Conclusion {
    let references = References::none();
    let command = Command::End { reason, at: None, references, witness: Witness::Gate, note: None };
    Conclusion::Tell(Box::new(command), reason.as_str())
}

fn not_dialled() -> Conclusion {
    let reason = EndReason::ProviderMissing;
    let detail = "two looks at the provider found no trace of it".to_owned();
    let command = Command::FailPlacement { reason, detail, retry_after_seconds: None };
    Conclusion::Tell(Box::new(command), reason.as_str())
}
