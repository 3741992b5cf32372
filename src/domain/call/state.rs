//! Where a call stands. An enum of states: what must not be has no representation.

use chrono::{DateTime, Utc};

use super::profile::Profile;
use super::reason::{EndReason, TerminationReason, Witness};
use super::reference::References;

/// The state of one call, folded from its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Call {
    /// No event yet.
    #[default]
    Absent,
    /// Asked for or received; what became of it follows in the same commit.
    Announced {
        /// What it is about.
        profile: Profile,
        /// Its names.
        references: References,
        /// When it was announced.
        at: DateTime<Utc>,
    },
    /// It takes a place at the provider, or may.
    Live(LiveCall),
    /// It is over.
    Over(OverCall),
    /// Closed at sequence 1; it never was.
    Abandoned {
        /// When it was closed.
        at: DateTime<Utc>,
    },
}

/// A call that takes a place at the provider, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCall {
    /// What it is about.
    pub profile: Profile,
    /// Its names.
    pub references: References,
    /// What it holds.
    pub slot: Slot,
    /// Where it stands.
    pub phase: Phase,
    /// When it was announced.
    pub announced_at: DateTime<Utc>,
    /// When the provider had it.
    pub started_at: Option<DateTime<Utc>>,
    /// Under which epoch of the ledger it was admitted; none, where it never had a slot.
    pub epoch: Option<u64>,
    /// Whether it came alive after it had been over.
    pub revived: bool,
}

/// What a live call holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A slot, by admission.
    Held,
    /// None: it counts as overflow.
    Overflow,
}

/// Where a live call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The provider is being asked.
    Placing,
    /// It may be ringing.
    Uncertain,
    /// The provider has it.
    Active,
    /// It is being hung up.
    Terminating {
        /// Why.
        reason: TerminationReason,
        /// What is known of its placement.
        placement: Placement,
        /// Since when.
        since: DateTime<Utc>,
        /// Whether it was reported that this takes long.
        stalled: bool,
    },
}

/// What is known of a placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The provider is being asked.
    Pending,
    /// Nobody knows.
    Uncertain,
    /// The provider has the call.
    Confirmed,
}

impl Phase {
    /// The beginning of a hang-up.
    pub fn terminating(reason: TerminationReason, placement: Placement, since: DateTime<Utc>) -> Self {
        Self::Terminating { reason, placement, since, stalled: false }
    }

    /// Since when it is being hung up.
    pub fn terminating_since(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Terminating { since, .. } => Some(since),
            _ => None,
        }
    }

    /// What is known of the placement in this phase.
    pub fn placement(self) -> Placement {
        match self {
            Self::Placing => Placement::Pending,
            Self::Uncertain => Placement::Uncertain,
            Self::Active => Placement::Confirmed,
            Self::Terminating { placement, .. } => placement,
        }
    }

    /// The same phase, with more or less known of the placement.
    #[must_use]
    pub fn with_placement(self, placement: Placement) -> Self {
        match (self, placement) {
            (Self::Terminating { reason, since, stalled, .. }, placement) => {
                Self::Terminating { reason, placement, since, stalled }
            }
            (_, Placement::Pending) => Self::Placing,
            (_, Placement::Uncertain) => Self::Uncertain,
            (_, Placement::Confirmed) => Self::Active,
        }
    }
}

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverCall {
    /// What it was about.
    pub profile: Profile,
    /// Its names.
    pub references: References,
    /// How it went.
    pub outcome: Outcome,
    /// Why it is over.
    pub reason: EndReason,
    /// Who said so.
    pub witness: Witness,
    /// What the provider or an operator said.
    pub detail: Option<String>,
    /// What the provider asked us to wait, in seconds.
    pub retry_after_seconds: Option<u64>,
    /// When it was announced.
    pub announced_at: DateTime<Utc>,
    /// When the provider had it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub ended_at: DateTime<Utc>,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was a call.
    Ended,
    /// It never came to be one.
    Failed,
    /// It was hung up because there was no slot.
    TerminatedCapacity,
}

impl Call {
    /// What the call holds in the ledger.
    pub fn slot(&self) -> Option<Slot> {
        match self {
            Self::Live(live) => Some(live.slot),
            _ => None,
        }
    }

    /// What the call is about, once it is known.
    pub fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Announced { profile, .. } => Some(profile),
            Self::Live(live) => Some(&live.profile),
            Self::Over(over) => Some(&over.profile),
            Self::Absent | Self::Abandoned { .. } => None,
        }
    }

    /// Its names at the provider.
    pub fn references(&self) -> Option<&References> {
        match self {
            Self::Announced { references, .. } => Some(references),
            Self::Live(live) => Some(&live.references),
            Self::Over(over) => Some(&over.references),
            Self::Absent | Self::Abandoned { .. } => None,
        }
    }

    /// The live call, if it is one.
    pub fn live(&self) -> Option<&LiveCall> {
        match self {
            Self::Live(live) => Some(live),
            _ => None,
        }
    }
}
