//! The call and its place in the log: decides, stores, and only then changes what it knows.

use super::{Services, SessionError};
use crate::actors::capacity::{Put, Release};
use crate::actors::journal::{Commit, JournalError};
use crate::actors::lease::Lease;
use crate::domain::call::{
    Asking, Call, CallEvent, Command, Context, Direction, EndReason, LedgerNews, Next, Outcome, Record, Slot, decide,
    evolve, news_for_the_ledger,
};
use crate::domain::ids::CallId;
use crate::domain::notice::News;
use crate::sources;
use crate::store::{
    Append, Conflict, Delivery, Epoch, EventStore, ParkedNotice, Sequence, StoreError, Trace, Write, Written,
};

/// Decisions that are made again because somebody else was first; more are a sign of something else.
const ATTEMPTS: u32 = 9;

/// One call and the sequence up to which it is known.
#[derive(Debug)]
pub(super) struct CallLog {
    call_id: CallId,
    call: Call,
    sequence: Sequence,
}

/// A command, and what is stored together with what it comes to.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) command: Command,
    pub(super) delivery: Option<Delivery>,
    pub(super) settles: Vec<i64>,
    pub(super) trace: Trace,
}

impl Entry {
    pub(super) fn of(command: Command, trace: Trace) -> Self {
        Self { command, delivery: None, settles: Vec::new(), trace }
    }

    fn is_about_an_inbox_row(&self) -> bool {
        self.delivery.is_some() || !self.settles.is_empty()
    }
}

/// What a command came to.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Whether anything is different now.
    pub(super) changed: bool,
    /// The contract's word for a webhook's effect.
    pub(super) outcome: &'static str,
    /// Webhooks that waited for what became known.
    pub(super) parked: Vec<ParkedNotice>,
}

/// Why an admission is not stored.
#[derive(Debug)]
pub(super) enum NotAdmitted {
    /// The stream is taken.
    Exists,
    /// It lost, without a trace.
    Conflict(Conflict),
    /// It is certainly not stored.
    Unavailable(String),
    /// Nobody knows whether it was stored, under this epoch; it must be settled before the slot is free.
    InDoubt(Option<Epoch>, String),
}

impl CallLog {
    /// A call without events.
    pub(super) fn absent(call_id: CallId) -> Self {
        Self { call_id, call: Call::Absent, sequence: Sequence::START }
    }

    /// A call as its stream makes it.
    pub(super) async fn load(events: &dyn EventStore, call_id: CallId) -> Result<Self, StoreError> {
        let stream = events.load(call_id).await?;
        Ok(Self { call_id, call: stream.replay(), sequence: stream.sequence() })
    }

    pub(super) fn call_id(&self) -> CallId {
        self.call_id
    }

    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    pub(super) fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Stores the first events of a call. With a lease, its slot follows the log from here on.
    pub(super) async fn admit(
        &mut self,
        services: &Services,
        entry: Entry,
        mut lease: Option<Lease>,
    ) -> Result<Recorded, NotAdmitted> {
        let context = Context { now: sources::now() };
        let Ok(events) = decide(&self.call, entry.command.clone(), &context) else { return Err(NotAdmitted::Exists) };
        let epoch = lease.as_ref().map(Lease::epoch);
        if let Some(lease) = &mut lease {
            lease.submit();
        }
        match self.append(services, &entry, events, epoch).await {
            Ok(recorded) => Ok(recorded),
            Err(JournalError::Unknown(reason)) => Err(NotAdmitted::InDoubt(epoch, reason)),
            Err(certain) => {
                // Certainly not stored: there is no admission that could need the slot.
                if let Some(lease) = &mut lease {
                    lease.take_back();
                }
                Err(match certain {
                    JournalError::Conflict(Conflict::SequenceMoved) => NotAdmitted::Exists,
                    JournalError::Conflict(conflict) => NotAdmitted::Conflict(conflict),
                    JournalError::NotStored(reason) | JournalError::Unknown(reason) => NotAdmitted::Unavailable(reason),
                })
            }
        }
    }

    /// Asks the call, and stores what it says; where somebody else was first, asks again.
    pub(super) async fn record(&mut self, services: &Services, entry: Entry) -> Result<Recorded, SessionError> {
        let mut asking = Asking::new(entry.command.clone());
        if entry.is_about_an_inbox_row() {
            asking = asking.with_webhook();
        }
        for _ in 0..ATTEMPTS {
            let events = match asking.next(&self.call, sources::now()) {
                Next::Append(events) => events,
                Next::Nothing => return Ok(Recorded { changed: false, outcome: "duplicate", parked: Vec::new() }),
                Next::Refused(refusal) => return Err(refusal.into()),
                Next::Read => {
                    self.reload(services).await?;
                    asking.has_read();
                    continue;
                }
            };
            match self.append(services, &entry, events, None).await {
                Ok(recorded) => return Ok(recorded),
                Err(JournalError::Conflict(Conflict::SequenceMoved) | JournalError::Unknown(_)) => {
                    self.reload(services).await?;
                    asking.has_read();
                }
                Err(JournalError::Conflict(Conflict::ReferenceTaken(owner))) => {
                    // Two calls under one name: what is said of this one is still true.
                    tracing::error!(call_id = %self.call_id, %owner, "a name at the provider belongs to two calls");
                    asking.unname();
                }
                Err(JournalError::Conflict(conflict)) => return Err(conflict.into()),
                Err(JournalError::NotStored(reason)) => return Err(SessionError::Unavailable(reason)),
            }
        }
        Err(SessionError::Unavailable(format!("lost {ATTEMPTS} times to others")))
    }

    /// Reads the stream again, and gives back what it turns out to hold no more.
    pub(super) async fn reload(&mut self, services: &Services) -> Result<(), SessionError> {
        let loaded = Self::load(services.events.as_ref(), self.call_id).await;
        let loaded = loaded.map_err(|error| SessionError::Unavailable(error.to_string()))?;
        let before = std::mem::replace(self, loaded);
        self.tell_the_ledger(services, before.call.slot());
        Ok(())
    }

    async fn append(
        &mut self,
        services: &Services,
        entry: &Entry,
        events: Vec<CallEvent>,
        epoch: Option<Epoch>,
    ) -> Result<Recorded, JournalError> {
        let after = events.iter().fold(self.call.clone(), evolve);
        let outcome = outcome_of(&after, entry, !events.is_empty());
        let Some(record) = Record::of(&after) else {
            return Err(JournalError::NotStored("the events make no call".to_owned()));
        };
        let count = events.len();
        let append = Append {
            call_id: self.call_id,
            expected: self.sequence,
            events,
            record,
            epoch,
            delivery: entry.delivery.clone().map(|delivery| Delivery {
                outcome,
                call_id: Some(self.call_id),
                ..delivery
            }),
            settles: entry.settles.clone(),
            trace: entry.trace.clone(),
        };
        let stored = services.journal.send(Commit(Write::Append(Box::new(append)))).await;
        let Written { parked } = stored.unwrap_or_else(|error| Err(JournalError::Unknown(error.to_string())))?;
        let before = std::mem::replace(&mut self.call, after);
        self.sequence = self.sequence.after(count);
        self.tell_the_ledger(services, before.slot());
        Ok(Recorded { changed: count > 0, outcome, parked })
    }

    fn tell_the_ledger(&self, services: &Services, before: Option<Slot>) {
        let as_of = self.sequence;
        match news_for_the_ledger(self.call_id, before, &self.call) {
            Some(LedgerNews::Release) => services.capacity.do_send(Release { call_id: self.call_id, as_of }),
            Some(LedgerNews::Put(holder)) => services.capacity.do_send(Put { holder, as_of }),
            None => {}
        }
    }
}

/// The contract's word for what a webhook came to.
fn outcome_of(after: &Call, entry: &Entry, changed: bool) -> &'static str {
    let news = entry.delivery.as_ref().map(|delivery| delivery.notice.news);
    match (&entry.command, after) {
        (Command::Receive { .. }, Call::Live(live)) => match live.phase {
            crate::domain::call::Phase::Terminating { reason, .. } => unwanted(reason.into()),
            _ => "admitted",
        },
        (Command::Receive { .. }, Call::Over(over)) => unwanted(over.reason),
        (Command::ConfirmPlacement { .. }, Call::Live(_)) => "bound",
        (Command::ConfirmPlacement { .. }, _) if news == Some(News::Started) => "ignored",
        (Command::End { .. }, Call::Over(over)) if changed && over.profile.direction == Direction::Outbound => {
            if over.outcome == Outcome::Failed { "failed" } else { "ended" }
        }
        (Command::End { .. }, Call::Over(_)) if changed => "ended",
        _ => "duplicate",
    }
}

/// The word for an inbound call that does not stay.
fn unwanted(reason: EndReason) -> &'static str {
    match reason {
        EndReason::InboundDisabled => "inbound_disabled",
        _ => "terminated_capacity",
    }
}
