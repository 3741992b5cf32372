//! Who of a batch wins, item by item in the order given: pure, over the ground and what earlier winners made of it.

use super::super::bulletin::Bulletin;
use super::super::inbox::{Delivery, DeliveryState};
use super::super::port::{Append, Conflict, Sequence, Write};
use super::ground::{Ground, Place, Waiting};
use super::stakes::learned;
use crate::domain::call::{Reference, ReferenceKind};
use crate::domain::ids::CallId;

/// A waiting webhook that waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled<'a> {
    pub(super) id: i64,
    pub(super) outcome: &'a str,
    pub(super) call_id: Option<CallId>,
}

/// What one winner does to the tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Effect<'a> {
    pub(super) filed: Option<&'a Delivery>,
    pub(super) settled: Vec<Settled<'a>>,
    pub(super) named: Vec<(&'a Reference, CallId)>,
    pub(super) moved: Option<&'a Append>,
    pub(super) noted: Option<&'a Bulletin>,
    /// Webhooks that waited for what it makes known.
    pub(super) meets: Vec<Waiting>,
}

impl Ground {
    /// What the item does, or why it loses.
    pub(super) fn judge<'a>(&self, write: &'a Write) -> Result<Effect<'a>, Conflict> {
        match write {
            Write::Append(append) => self.judge_append(append),
            Write::File(delivery) => self.judge_delivery(delivery),
            Write::Settle { id, outcome } => {
                Ok(Effect { settled: self.settled(&[*id], outcome, None), ..Effect::default() })
            }
            Write::Note(bulletin) => Ok(Effect { noted: Some(bulletin), ..Effect::default() }),
        }
    }

    /// Takes what a winner did as done.
    pub(super) fn absorb(&mut self, effect: &Effect<'_>) {
        for settled in &effect.settled {
            self.settled.insert(settled.id);
            self.waiting.retain(|waiting| waiting.place != Place::Stored(settled.id));
        }
        if let Some(delivery) = effect.filed {
            self.bodies.insert(delivery.body_hash.clone());
            self.waiting.extend(waiting_as(delivery));
        }
        for (name, owner) in &effect.named {
            self.owners.insert((*name).clone(), Some(*owner));
        }
        if let Some(append) = effect.moved {
            self.sequences.insert(append.call_id, append.expected.after(append.events.len()));
        }
    }

    fn judge_append<'a>(&self, append: &'a Append) -> Result<Effect<'a>, Conflict> {
        if append.epoch.is_some_and(|epoch| epoch != self.epoch) {
            return Err(Conflict::StaleEpoch);
        }
        if append.delivery.as_ref().is_some_and(|delivery| self.bodies.contains(&delivery.body_hash)) {
            return Err(Conflict::DuplicateDelivery);
        }
        let learned = learned(append);
        if let Some(owner) = self.owner_among(learned.iter().copied(), |owner| owner != append.call_id) {
            return Err(Conflict::ReferenceTaken(owner));
        }
        if self.sequences.get(&append.call_id).copied().unwrap_or(Sequence::START) != append.expected {
            return Err(Conflict::SequenceMoved);
        }
        let settled = self.settled(&append.settles, "settled", Some(append.call_id));
        let filed = append.delivery.as_ref();
        if append.events.is_empty() {
            return Ok(Effect { filed, settled, ..Effect::default() });
        }
        let meets = self.waiting.iter().cloned().chain(filed.and_then(waiting_as));
        let still = |waiting: &Waiting| !settled.iter().any(|settled| waiting.place == Place::Stored(settled.id));
        let meets = meets.filter(|waiting| still(waiting) && learned.iter().any(|name| waits_for(waiting, name)));
        Ok(Effect {
            meets: meets.collect(),
            named: learned
                .iter()
                .filter(|name| !self.owners.contains_key(**name))
                .map(|name| (*name, append.call_id))
                .collect(),
            filed,
            settled,
            moved: Some(append),
            noted: None,
        })
    }

    /// A webhook that changes no call is filed, unless one of its names has come to be known meanwhile.
    fn judge_delivery<'a>(&self, delivery: &'a Delivery) -> Result<Effect<'a>, Conflict> {
        let anybody = self.owner_among(delivery.notice.references.iter(), |_| delivery.call_id.is_none());
        if let Some(owner) = anybody {
            return Err(Conflict::ReferenceTaken(owner));
        }
        if self.bodies.contains(&delivery.body_hash) {
            return Err(Conflict::DuplicateDelivery);
        }
        Ok(Effect { filed: Some(delivery), ..Effect::default() })
    }

    fn owner_among<'a>(
        &self,
        names: impl IntoIterator<Item = &'a Reference>,
        counts: impl Fn(CallId) -> bool,
    ) -> Option<CallId> {
        names.into_iter().filter_map(|name| *self.owners.get(name)?).find(|owner| counts(*owner))
    }

    /// Those of `ids` that nobody before has settled. Whether one waits at all, its row says when it is written.
    fn settled<'a>(&self, ids: &[i64], outcome: &'a str, call_id: Option<CallId>) -> Vec<Settled<'a>> {
        let news = ids.iter().filter(|id| !self.settled.contains(id));
        news.map(|id| Settled { id: *id, outcome, call_id }).collect()
    }
}

fn waiting_as(delivery: &Delivery) -> Option<Waiting> {
    (delivery.state != DeliveryState::Settled).then(|| Waiting {
        place: Place::Filed(delivery.body_hash.clone()),
        notice: delivery.notice.clone(),
        received_at: delivery.received_at,
    })
}

/// As the columns of the inbox have it: one conversation, one call of the carrier.
fn waits_for(waiting: &Waiting, name: &Reference) -> bool {
    let column = match name.kind {
        ReferenceKind::ConversationId => waiting.notice.conversation(),
        ReferenceKind::CallSid | ReferenceKind::SipCallId => waiting.notice.carrier_call(),
    };
    column == Some(name.value.as_str())
}
