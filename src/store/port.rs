//! The event store's port: what may be written together, and how a write may lose.

use async_trait::async_trait;

use super::bulletin::Bulletin;
use super::epoch::Epoch;
use super::events::Stream;
use super::inbox::{Delivery, ParkedNotice};
use crate::domain::call::{CallEvent, Record};
use crate::domain::ids::CallId;

/// The place of an event in its stream, from 1; 0 is a stream without events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The sequence after `events` more.
    #[must_use]
    pub fn after(self, events: usize) -> Self {
        Self(self.0 + events as u64)
    }
}

/// To which request a write belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The request.
    pub correlation_id: Option<String>,
    /// What caused it, for example `webhook` or `sweep`.
    pub causation_id: Option<String>,
}

impl Trace {
    /// What the gate does by itself.
    pub fn caused_by(what: &str) -> Self {
        Self { correlation_id: None, causation_id: Some(what.to_owned()) }
    }
}

/// New events of one call, and everything that is true only together with them.
///
/// Without events it says that nothing was to be decided; that too is true only of the stream as it was expected.
#[derive(Clone, Debug)]
pub struct Append {
    /// The stream.
    pub call_id: CallId,
    /// The sequence of the last event on which the decision was made.
    pub expected: Sequence,
    /// What happened.
    pub events: Vec<CallEvent>,
    /// The call after it.
    pub record: Record,
    /// For an admission: the epoch of its lease. Under any other it does not commit.
    pub epoch: Option<Epoch>,
    /// The webhook that said so.
    pub delivery: Option<Delivery>,
    /// Parked webhooks that are settled by this.
    pub settles: Vec<i64>,
    /// To which request it belongs.
    pub trace: Trace,
}

/// One item of a group commit. Items win or lose one by one.
#[derive(Clone, Debug)]
pub enum Write {
    /// Events of a call.
    Append(Box<Append>),
    /// A webhook that changes no call; it loses where one of its references is known by then.
    File(Delivery),
    /// A parked webhook that came to nothing after all.
    Settle {
        /// Its number in the inbox.
        id: i64,
        /// What it came to.
        outcome: &'static str,
    },
    /// A note of the gate, on a stream of its own.
    Note(Bulletin),
}

/// A write that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Webhooks that were waiting for the references that this write made known.
    pub parked: Vec<ParkedNotice>,
}

/// Why one write lost, certainly without a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The stream is not where it was expected: reload and decide again.
    #[error("the stream has moved on")]
    SequenceMoved,
    /// Another call has this name at the provider.
    #[error("the reference belongs to call {0}")]
    ReferenceTaken(CallId),
    /// The webhook is in the inbox already.
    #[error("the webhook was delivered before")]
    DuplicateDelivery,
    /// The admission's lease is of another epoch.
    #[error("the ledger's epoch has changed")]
    StaleEpoch,
}

/// A group commit that did not say that it succeeded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing was stored.
    #[error("nothing was stored: {0}")]
    NotStored(String),
    /// Everything or nothing was stored; nobody knows.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
}

/// A read that failed; it may be tried again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the database does not answer: {0}")]
pub struct StoreError(pub String);

impl From<sea_orm::DbErr> for StoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self(error.to_string())
    }
}

impl From<super::codec::CodecError> for StoreError {
    fn from(error: super::codec::CodecError) -> Self {
        Self(error.to_string())
    }
}

/// The log of all calls.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Stores a batch in one transaction: each item wins or loses by itself, in the order given.
    async fn commit(&self, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError>;

    /// The whole stream of a call; empty where there is none.
    async fn load(&self, call_id: CallId) -> Result<Stream, StoreError>;
}
