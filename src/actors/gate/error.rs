//! Why a request is not done: the caller's turn, or ours.

use std::time::Duration;

use crate::actors::session::SessionError;
use crate::domain::admission::Rejection;
use crate::domain::business::Subscription;
use crate::domain::call::Refusal;
use crate::domain::ids::CallId;
use crate::domain::retry_after::Wait;
use crate::ledger::Standing;
use crate::store::StoreError;

/// The caller's turn: what was asked cannot be done, and asking again does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No telephone number.
    #[error("the number must be E.164, for example +14155550123, or national with the business's country")]
    InvalidNumber,
    /// Nobody of that name.
    #[error("the business is not registered")]
    UnknownBusiness,
    /// Not paying.
    #[error("the subscription is {0}")]
    SubscriptionInactive(Subscription),
    /// Its limit is 0.
    #[error("the business has a limit of 0 calls at once")]
    CallsDisabled,
    /// Of another business.
    #[error("the agent belongs to another business")]
    OthersAgent,
    /// Of another business.
    #[error("the phone number belongs to another business")]
    OthersNumber,
    /// On the list.
    #[error("the number is on the do-not-call list of the business")]
    DoNotCall,
    /// The same key, another body.
    #[error("the Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    /// No such call.
    #[error("there is no call of that id")]
    UnknownCall,
    /// Too late.
    #[error("the call is over already")]
    CallAlreadyOver,
}

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The caller's turn.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No slot, by the rule.
    #[error("{0}")]
    NoSlot(Rejection, Standing),
    /// The provider is full.
    #[error("the provider is full: {detail}")]
    ProviderFull {
        /// The call that failed.
        call_id: CallId,
        /// How long the provider asks us to wait.
        retry_after: Option<Duration>,
        /// What it said.
        detail: String,
    },
    /// The provider refused.
    #[error("the provider refused the call: {detail}")]
    ProviderRefused {
        /// The call that failed.
        call_id: CallId,
        /// What it said.
        detail: String,
    },
    /// It may be ringing.
    #[error("it is unknown whether the provider dialled; the slot is kept, poll the call: {detail}")]
    OutcomeUnknown {
        /// The call.
        call_id: Option<CallId>,
        /// What was seen.
        detail: String,
    },
    /// An earlier request of the same key came to this.
    #[error("{0}")]
    Replayed(Box<GateError>),
    /// The ledger is being rebuilt, or the provider has not been asked yet.
    #[error("the gate is finding out which calls are live")]
    Recovering,
    /// The ledger does not answer.
    #[error("the ledger of slots is not available")]
    LedgerAway,
    /// The event store does not answer.
    #[error("the event store is not available")]
    EventStore(String),
    /// The task that was to dial came too late.
    #[error("the gate has too much to do: the call was admitted, but not dialled in time; its slot is free")]
    NotDialled {
        /// The call that failed.
        call_id: CallId,
    },
    /// Too much at once.
    #[error("the gate has too much to do")]
    Overloaded,
}

impl GateError {
    /// The error code of the contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => match refused {
                Refused::InvalidNumber => "INVALID_DESTINATION_PHONE",
                Refused::UnknownBusiness => "SUBSCRIPTION_NOT_FOUND",
                Refused::SubscriptionInactive(_) => "SUBSCRIPTION_INACTIVE",
                Refused::CallsDisabled => "CONCURRENT_CALLS_DISABLED",
                Refused::OthersAgent | Refused::OthersNumber => "FORBIDDEN",
                Refused::DoNotCall => "DO_NOT_CALL_BLOCKED",
                Refused::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
                Refused::UnknownCall => "NOT_FOUND",
                Refused::CallAlreadyOver => "CALL_ALREADY_OVER",
            },
            Self::NoSlot(why, _) => why.code(),
            Self::ProviderFull { .. } => "ELEVENLABS_429_RATE_LIMIT",
            Self::ProviderRefused { .. } => "CALL_INITIATION_FAILED",
            Self::OutcomeUnknown { .. } => "CALL_OUTCOME_UNKNOWN",
            Self::Replayed(error) => error.code(),
            Self::Recovering => "CAPACITY_RECOVERING",
            Self::LedgerAway => "CAPACITY_STORE_UNAVAILABLE",
            Self::EventStore(_) => "EVENT_STORE_UNAVAILABLE",
            Self::NotDialled { .. } | Self::Overloaded => "OVERLOADED",
        }
    }

    /// When to ask again, where asking again may help.
    pub fn wait(&self) -> Option<Wait> {
        match self {
            Self::NoSlot(why, _) => Some(why.wait()),
            Self::ProviderFull { retry_after, .. } => Some(Wait::Provider { asked: *retry_after }),
            Self::Recovering | Self::LedgerAway | Self::EventStore(_) | Self::NotDialled { .. } | Self::Overloaded => {
                Some(Wait::Other)
            }
            Self::Refused(_) | Self::ProviderRefused { .. } | Self::OutcomeUnknown { .. } | Self::Replayed(_) => None,
        }
    }

    pub(in crate::actors) fn replayed(self) -> Self {
        Self::Replayed(Box::new(self))
    }
}

impl From<StoreError> for GateError {
    fn from(error: StoreError) -> Self {
        Self::EventStore(error.to_string())
    }
}

impl From<SessionError> for GateError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Refused(Refusal::AlreadyOver) => Self::Refused(Refused::CallAlreadyOver),
            SessionError::Refused(Refusal::Unknown | Refusal::AlreadyExists) => Self::Refused(Refused::UnknownCall),
            SessionError::Conflict(conflict) => Self::EventStore(conflict.to_string()),
            SessionError::Unavailable(reason) => Self::EventStore(reason),
        }
    }
}
