//! What can be asked of a call, and how it may refuse.

use chrono::{DateTime, Utc};

use super::profile::Profile;
use super::reason::{Doubt, EndReason, TerminationReason, Witness};
use super::reference::References;

/// What `decide` may know of the world.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The time of the decision.
    pub now: DateTime<Utc>,
}

/// What the ledger and the policy made of an inbound call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboundDecision {
    /// It has a slot.
    Admit {
        /// The ledger's epoch.
        epoch: u64,
        /// The limit of the business.
        business_limit: u32,
    },
    /// It stays without one.
    Overflow {
        /// Why there was none, as an error code.
        cause: String,
    },
    /// It is hung up.
    Terminate {
        /// Why.
        reason: TerminationReason,
    },
    /// It is turned away before anybody answers it: it never takes a place at the provider.
    TurnAway {
        /// Why.
        reason: TerminationReason,
    },
}

/// How a call stood, for us, when the provider was asked about it: its answer may be older than what is known by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It was live: that it is over was learnt later.
    WhileLive,
    /// It was over already.
    WhileOver,
}

/// What can be asked of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin an outbound call that holds a slot.
    Request {
        /// What it is about.
        profile: Profile,
        /// The ledger's epoch.
        epoch: u64,
        /// The limit of the business.
        business_limit: u32,
    },
    /// Take note of an inbound call.
    Receive {
        /// What it is about.
        profile: Profile,
        /// Its names.
        references: References,
        /// What becomes of it.
        decision: InboundDecision,
    },
    /// The provider has it: its answer, or a started webhook, names it.
    ConfirmPlacement {
        /// Its names.
        references: References,
        /// Who says so.
        witness: Witness,
    },
    /// The provider was asked, and says it is live.
    ObserveLive {
        /// Its names.
        references: References,
        /// How it stood when the provider was asked.
        asked: Asked,
    },
    /// It was certainly not dialled, or refused.
    FailPlacement {
        /// Why.
        reason: EndReason,
        /// What the provider said.
        detail: String,
        /// What the provider asked us to wait, in seconds.
        retry_after_seconds: Option<u64>,
    },
    /// Nobody knows whether it was dialled.
    DoubtPlacement {
        /// Why not.
        doubt: Doubt,
    },
    /// It is over.
    End {
        /// Why.
        reason: EndReason,
        /// When, if the witness knows; never later than now.
        at: Option<DateTime<Utc>>,
        /// Its names, as the witness knows them.
        references: References,
        /// Who says so.
        witness: Witness,
        /// An operator's words.
        note: Option<String>,
    },
    /// Hang it up.
    RequestTermination {
        /// Why.
        reason: TerminationReason,
    },
    /// The hang-up is confirmed.
    ConfirmTermination,
    /// The hang-up has gone on for long without being confirmed: somebody is to know.
    ReportStall {
        /// Attempts of the session that reports it.
        attempts: u32,
        /// What came of the latest.
        detail: String,
    },
    /// Close an admission whose commit is in doubt.
    Abandon,
}

impl Command {
    /// The same, without the names: they belong to another call.
    #[must_use]
    pub fn unnamed(self) -> Self {
        let none = References::none;
        match self {
            Self::ConfirmPlacement { witness, .. } => Self::ConfirmPlacement { references: none(), witness },
            Self::ObserveLive { asked, .. } => Self::ObserveLive { references: none(), asked },
            Self::End { reason, at, witness, note, .. } => Self::End { reason, at, references: none(), witness, note },
            command => command,
        }
    }
}

/// Why a call does not do what it was asked. Nothing is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such call.
    #[error("there is no such call")]
    Unknown,
    /// The stream is taken: the admission exists, or was closed.
    #[error("the call exists already")]
    AlreadyExists,
    /// It is over already.
    #[error("the call is over already")]
    AlreadyOver,
}
