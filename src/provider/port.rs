//! What the gate asks of a voice provider. Answers keep apart what is certain and what is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use crate::domain::call::{Direction, Doubt, References};
use crate::domain::ids::{AgentId, BusinessId, CallId, PhoneNumberId};
use crate::domain::phone::{E164, MaskedNumber};
use crate::sources::Moment;

/// One outbound call to be placed.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Our name for it; the provider echoes it in webhooks and look-ups.
    pub call_id: CallId,
    /// For whom.
    pub business_id: BusinessId,
    /// Who talks.
    pub agent_id: AgentId,
    /// From which number.
    pub phone_number_id: PhoneNumberId,
    /// To which number.
    pub to_number: E164,
    /// The platform's name for whoever asked; else the call's id is sent, by which the list can be filtered.
    pub user_id: Option<String>,
    /// Variables of the conversation.
    pub client_data: Map<String, Value>,
    /// Seconds to let it ring.
    pub ringing_timeout_seconds: Option<u32>,
}

/// The right to dial: for a short time after the admission was committed, and while nobody cancels it.
///
/// It is looked at last of all, when the request's body is about to be written.
#[derive(Clone, Debug)]
pub struct DialPermit {
    since: Moment,
    within: Duration,
    cancelled: Arc<AtomicBool>,
}

impl DialPermit {
    /// A permit from `since`, when the admission was handed in, for `within`.
    pub fn new(since: Moment, within: Duration) -> Self {
        Self { since, within, cancelled: Arc::default() }
    }

    /// Takes the permit back; too late where the request was written already.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// Whether it is still right to dial.
    pub fn check(&self) -> Result<(), NotDialled> {
        if self.cancelled.load(Ordering::SeqCst) {
            Err(NotDialled::Cancelled)
        } else if self.since.elapsed() >= self.within {
            Err(NotDialled::Expired)
        } else {
            Ok(())
        }
    }
}

/// Why the provider was certainly not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDialled {
    /// Hung up before it was dialled.
    #[error("the call was cancelled before it was dialled")]
    Cancelled,
    /// The admission was too long ago.
    #[error("too much time passed between the admission and the dial")]
    Expired,
    /// No connection.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
}

/// What came of a placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementOutcome {
    /// The provider has the call, under these names.
    Placed(References),
    /// The provider is full; certainly not dialled.
    RateLimited {
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// What it said.
        detail: String,
    },
    /// The provider refused; certainly not dialled.
    Refused {
        /// What it said.
        detail: String,
    },
    /// The provider was not asked.
    NotDialled(NotDialled),
    /// Nobody knows.
    Uncertain {
        /// Why not.
        doubt: Doubt,
        /// What was seen.
        detail: String,
    },
}

/// One inbound call that a carrier is about to connect. It has the caller's whole number: not to be shown.
#[derive(Clone)]
pub struct Registration {
    /// Our name for it; the provider echoes it in webhooks and look-ups.
    pub call_id: CallId,
    /// For whom.
    pub business_id: BusinessId,
    /// Who talks.
    pub agent_id: AgentId,
    /// Who calls, as the carrier says it: a number, or a word such as `anonymous`.
    pub from: String,
    /// Which number was called, as the carrier says it.
    pub to: String,
}

/// Why the provider does not expect an inbound call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRegistered {
    /// The provider is full.
    #[error("the provider is full: {0}")]
    Full(String),
    /// The provider refused.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The provider was not asked.
    #[error(transparent)]
    NotAsked(NotDialled),
    /// Nobody knows; it may expect the call.
    #[error("it is unknown whether the provider expects the call: {0}")]
    Unclear(String),
}

/// Whether a conversation takes a place at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationState {
    /// It does, or may: a state that is not known counts as live.
    Live,
    /// It does not any more.
    Over {
        /// Since when, if the provider says so.
        at: Option<DateTime<Utc>>,
    },
}

/// A conversation as the provider shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its names.
    pub references: References,
    /// Whether it is live.
    pub state: ConversationState,
    /// Our name for the call, where the provider echoes it.
    pub call_id: Option<CallId>,
    /// Who talks.
    pub agent_id: Option<AgentId>,
    /// Who dialled.
    pub direction: Option<Direction>,
    /// The other end.
    pub counterpart: Option<MaskedNumber>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
}

/// A stretch of time, both ends included; without an end it goes on for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// From this moment.
    pub from: Option<DateTime<Utc>>,
    /// To this moment.
    pub to: Option<DateTime<Utc>>,
}

/// One page of the live conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationPage {
    /// The names of the conversations.
    pub conversation_ids: Vec<String>,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

/// A way to hang up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUpWay {
    /// The monitor WebSocket's `end_call`.
    Monitor,
    /// The carrier's REST API, for calls whose `call_sid` is known.
    Twilio,
    /// Deleting the conversation: erases the customer's record, so only for calls that never had a slot.
    Delete,
}

impl HangUpWay {
    /// The word used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Twilio => "twilio",
            Self::Delete => "delete",
        }
    }
}

/// What came of a hang-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HangUp {
    /// Provider or carrier was asked afterwards, and the call is over.
    Confirmed,
    /// Not confirmed; try again.
    Unconfirmed {
        /// What each way came to.
        detail: String,
    },
}

/// The provider gave no usable answer to a question; nothing can be concluded from that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider gave no answer: {0}")]
pub struct ProviderError(pub String);

/// A provider of voice calls. Futures stay on the thread that asked.
pub trait VoiceProvider: Send + Sync {
    /// Asks the provider to dial, once, if the permit still allows it at the last moment.
    fn place(&self, placement: Placement, permit: DialPermit) -> LocalBoxFuture<'_, PlacementOutcome>;

    /// One conversation; none where the provider knows nothing of it.
    fn look_up<'a>(
        &'a self,
        conversation_id: &'a str,
    ) -> LocalBoxFuture<'a, Result<Option<Conversation>, ProviderError>>;

    /// The conversation of a call whose names are not known; none only where every candidate was looked at.
    fn find<'a>(
        &'a self,
        call_id: CallId,
        user_id: Option<&'a str>,
        since: DateTime<Utc>,
    ) -> LocalBoxFuture<'a, Result<Option<Conversation>, ProviderError>>;

    /// The live conversations that began in a stretch of time, page by page.
    fn list_live<'a>(
        &'a self,
        began: Stretch,
        cursor: Option<&'a str>,
    ) -> LocalBoxFuture<'a, Result<ConversationPage, ProviderError>>;

    /// How many conversations are live.
    fn live_count(&self) -> LocalBoxFuture<'_, Result<u64, ProviderError>>;

    /// Hangs up by every way that is allowed and that a name of the call is known for, until one is confirmed.
    fn hang_up<'a>(&'a self, names: &'a References, ways: &'a [HangUpWay]) -> LocalBoxFuture<'a, HangUp>;

    /// Announces an inbound call that the carrier is about to connect, once, if the permit still allows it at the last
    /// moment. What the carrier must do to connect it, as TwiML.
    fn register_call(
        &self,
        registration: Registration,
        permit: DialPermit,
    ) -> LocalBoxFuture<'_, Result<String, NotRegistered>>;
}
