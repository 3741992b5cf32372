//! The event store in memory: the same verdicts as in a database, over tables that are a few maps.
//!
//! Nothing waits here and nothing fails. Whoever drives it says when a commit is lost, late, or in doubt, and what
//! time it is; so a simulated day is the same each time.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::super::bulletin::Bulletin;
use super::effects::{Effects, Happened};
use super::ground::{Ground, Place};
use crate::domain::call::{Call, CallEvent, References, SlotState, replay};
use crate::domain::ids::CallId;
use crate::domain::notice::News;
use crate::store::{Conflict, DeliveryState, Epoch, ParkedNotice, Session, Write, Written};

/// The tables, each as short as it can be.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// What verdicts stand on is all there is of epoch, names, bodies, sequences and waiting webhooks.
    ground: Ground,
    streams: HashMap<CallId, Vec<CallEvent>>,
    sessions: HashMap<CallId, Session>,
    live: BTreeSet<CallId>,
    inbox: i64,
    bulletins: Vec<Bulletin>,
}

impl MemoryStore {
    /// An empty one, before the first epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// The epoch of the ledger.
    pub fn epoch(&self) -> Epoch {
        self.ground.epoch
    }

    /// Begins the next epoch.
    pub fn begin_epoch(&mut self) -> Epoch {
        self.ground.epoch = Epoch(self.ground.epoch.0 + 1);
        self.ground.epoch
    }

    /// Stores a batch in one transaction at `now`: each item wins or loses by itself, in the order given.
    pub fn commit(&mut self, batch: &[Write], now: DateTime<Utc>) -> Vec<Result<Written, Conflict>> {
        let mut effects = Effects::default();
        let verdicts: Vec<_> = batch.iter().map(|write| super::decide(&mut self.ground, &mut effects, write)).collect();
        let filed = self.file(&effects);
        self.happen(&effects, now);
        self.ground.settled.clear();
        verdicts
            .into_iter()
            .map(|meets| {
                let notices = meets?.into_iter().filter_map(|waiting| waiting.into_notice(&filed));
                Ok(Written { parked: notices.collect() })
            })
            .collect()
    }

    /// Gives numbers to what was filed, and takes those out that wait no longer.
    fn file(&mut self, effects: &Effects<'_>) -> HashMap<String, i64> {
        let mut filed = HashMap::new();
        for delivery in &effects.filed {
            self.inbox += 1;
            if delivery.state != DeliveryState::Settled {
                filed.insert(delivery.body_hash.clone(), self.inbox);
            }
        }
        for waiting in &mut self.ground.waiting {
            if let Place::Filed(body) = &waiting.place
                && let Some(id) = filed.get(body)
            {
                waiting.place = Place::Stored(*id);
            }
        }
        filed
    }

    fn happen(&mut self, effects: &Effects<'_>, now: DateTime<Utc>) {
        for happened in &effects.happened {
            match happened {
                Happened::ToACall(append) => {
                    self.streams.entry(append.call_id).or_default().extend(append.events.iter().cloned());
                }
                Happened::AtTheGate(bulletin) => self.bulletins.push((*bulletin).clone()),
            }
        }
        for moved in &effects.moved {
            let append = moved.last;
            let sequence = append.expected.after(append.events.len());
            let record = append.record.clone();
            if matches!(record.slot, SlotState::Held | SlotState::Overflow) {
                self.live.insert(append.call_id);
            } else {
                self.live.remove(&append.call_id);
            }
            let session = Session { call_id: append.call_id, record, sequence, updated_at: now };
            self.sessions.insert(append.call_id, session);
        }
    }

    /// The events of a call, from the first.
    pub fn stream(&self, call_id: CallId) -> &[CallEvent] {
        self.streams.get(&call_id).map_or(&[], Vec::as_slice)
    }

    /// The call that its stream makes.
    pub fn replay(&self, call_id: CallId) -> Call {
        replay(self.stream(call_id))
    }

    /// The session of a call.
    pub fn session(&self, call_id: CallId) -> Option<&Session> {
        self.sessions.get(&call_id)
    }

    /// Every session, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// The sessions of calls that hold something, by their ids.
    pub fn live_sessions(&self) -> impl Iterator<Item = &Session> {
        self.live.iter().filter_map(|call_id| self.sessions.get(call_id))
    }

    /// The call that has one of these names.
    pub fn call_of(&self, references: &References) -> Option<CallId> {
        references.iter().find_map(|name| *self.ground.owners.get(name)?)
    }

    /// Whether a webhook with this body was filed before.
    pub fn was_delivered(&self, body_hash: &str) -> bool {
        self.ground.bodies.contains(body_hash)
    }

    /// Every start that waits for its call, and every early end whose call is known by now; oldest first.
    pub fn parked(&self) -> Vec<ParkedNotice> {
        let due = |notice: &ParkedNotice| {
            notice.notice.news == News::Started || self.call_of(&notice.notice.references).is_some()
        };
        self.waiting().filter(due).collect()
    }

    /// The webhooks that wait for one of these references.
    pub fn parked_for(&self, references: &References) -> Vec<ParkedNotice> {
        let meant = |parked: &ParkedNotice| parked.notice.references.iter().any(|name| references.contains(name));
        self.waiting().filter(meant).collect()
    }

    /// Lets go of early ends that came before `before`: no start of theirs is to be expected any more.
    pub fn forget_early_ends(&mut self, before: DateTime<Utc>) {
        self.ground.waiting.retain(|waiting| waiting.notice.news == News::Started || waiting.received_at >= before);
    }

    fn waiting(&self) -> impl Iterator<Item = ParkedNotice> {
        let none = HashMap::new();
        self.ground.waiting.iter().filter_map(move |waiting| waiting.clone().into_notice(&none))
    }
}
