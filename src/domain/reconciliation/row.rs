//! A row of the session table, as a sweep sees it.

use chrono::{DateTime, TimeDelta, Utc};

use super::policy::{Now, Policy};
use crate::domain::admission::Holder;
use crate::domain::call::{Direction, Record, SlotState, Status};
use crate::domain::ids::CallId;

/// A call as the session table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The call.
    pub call_id: CallId,
    /// What it is.
    pub record: Record,
    /// The sequence of its latest event.
    pub as_of: u64,
    /// When its latest event was stored.
    pub updated_at: DateTime<Utc>,
}

impl Row {
    /// What it has in the ledger, as a holder.
    pub fn holder(&self) -> Option<Holder> {
        Holder::of(self.call_id, &self.record)
    }

    /// Its conversation at the provider, once it is known.
    pub fn conversation(&self) -> Option<&str> {
        self.record.references.conversation()
    }

    /// Who dialled.
    pub fn direction(&self) -> Direction {
        self.record.profile.as_ref().map_or(Direction::Inbound, |profile| profile.direction)
    }

    /// Whether the provider ever had it.
    pub fn was_placed(&self) -> bool {
        self.record.started_at.is_some()
    }

    /// Only the provider can tell what it is.
    pub fn is_in_doubt(&self) -> bool {
        match self.direction() {
            Direction::Inbound => self.conversation().is_none(),
            Direction::Outbound => !self.was_placed() && self.record.status != Status::Placing,
        }
    }

    /// The gate may have erased its conversation: then its absence says nothing.
    pub(super) fn perhaps_erased(&self, policy: &Policy) -> bool {
        policy.erases && self.record.slot == SlotState::Overflow && self.record.status == Status::Terminating
    }

    /// Its placement is under way, or was when a process died.
    pub(super) fn is_being_placed(&self) -> bool {
        matches!(self.record.status, Status::Placing | Status::Terminating) && !self.was_placed()
    }

    /// Since it was announced.
    pub(super) fn age(&self, now: &Now) -> TimeDelta {
        now.at - self.record.announced_at
    }

    /// Since its latest event.
    pub(super) fn quiet(&self, now: &Now) -> TimeDelta {
        now.at - self.updated_at
    }
}
