//! What to ask the provider about a call.

use chrono::{DateTime, Utc};

use super::policy::{Now, Policy};
use super::row::Row;
use crate::domain::call::{Direction, References, Status};

/// What to ask the provider about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Look its conversation up.
    LookUp,
    /// Find its conversation.
    Find,
}

/// What a sweep wants to know of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing.
    None,
    /// The answer to a question.
    Ask(Question),
    /// Nothing to ask by: it has not become a conversation, and none that is live is it.
    Unclaimed,
    /// Nothing to ask by, and nobody to tell.
    Blind,
}

/// What the provider answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is live, under these names.
    Live(References),
    /// It is over.
    Over {
        /// Its names.
        references: References,
        /// Since when.
        at: Option<DateTime<Utc>>,
    },
    /// The provider knows nothing of it.
    Missing,
    /// No usable answer.
    Unanswered,
    /// Others were asked, and it was not its turn any more.
    NotAsked,
}

/// What is to be known of a call. `listed`: whether the list of live conversations has it, for a call without a
/// conversation whether the list has one that may be it; none where that is not known.
pub(super) fn doubt(row: &Row, listed: Option<bool>, policy: &Policy, now: &Now) -> Doubt {
    let inbound = row.direction() == Direction::Inbound;
    let (bound, age) = (row.conversation().is_some(), row.age(now));
    match (row.record.status, bound, listed) {
        (Status::Active | Status::Terminating, false, Some(false)) if inbound => Doubt::Unclaimed,
        (Status::Active | Status::Terminating, false, None) if inbound && age >= policy.blind_max_age => Doubt::Blind,
        (Status::Active | Status::Terminating, false, _) if inbound => Doubt::None,
        // Its placement may be under way.
        (Status::Terminating, false, _) if !row.was_placed() && age < policy.place_deadline => Doubt::None,
        (Status::Uncertain, ..) | (Status::Active | Status::Terminating, false, _) => Doubt::Ask(Question::Find),
        (Status::Active | Status::Terminating, true, Some(false)) if row.quiet(now) >= policy.listing_lag() => {
            Doubt::Ask(Question::LookUp)
        }
        // Without a list every old call is asked for by itself.
        (Status::Active | Status::Terminating, true, None) if age >= policy.max_call_age => {
            Doubt::Ask(Question::LookUp)
        }
        _ => Doubt::None,
    }
}
