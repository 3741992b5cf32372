//! One batch is as good as its items one by one, over tables that are a few maps.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proptest::prelude::*;

use super::effects::{Effects, Happened};
use super::ground::{Ground, Place, Waiting};
use super::memory::MemoryStore;
use super::stakes::Stakes;
use crate::domain::call::{Record, Reference};
use crate::domain::ids::CallId;
use crate::store::contract::batches::{EPOCH, stories, that_knows};
use crate::store::{Conflict, Delivery, DeliveryState, ParkedNotice, Sequence, Write};

/// The tables, each as short as its columns matter here.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tables {
    inbox: Vec<(Delivery, Option<String>)>,
    owners: BTreeMap<Reference, CallId>,
    sessions: BTreeMap<CallId, (Sequence, Record)>,
    log: Vec<(CallId, Sequence)>,
    notes: usize,
}

type Results = Vec<Result<Vec<ParkedNotice>, Conflict>>;

impl Tables {
    fn waits(&self, row: usize) -> bool {
        let (delivery, settled) = &self.inbox[row];
        delivery.state != DeliveryState::Settled && settled.is_none()
    }

    /// Only what the stakes ask for.
    fn ground(&self, stakes: &Stakes<'_>) -> Ground {
        let bodies = self.inbox.iter().map(|(delivery, _)| delivery.body_hash.clone());
        let waiting = (0..self.inbox.len()).filter(|row| self.waits(*row)).map(|row| Waiting {
            place: Place::Stored(number(row)),
            notice: self.inbox[row].0.notice.clone(),
            received_at: self.inbox[row].0.received_at,
        });
        let asked: HashSet<_> = stakes.names().collect();
        let owners = self.owners.iter().filter(|(name, _)| asked.contains(name));
        let sessions = self.sessions.iter().filter(|(call_id, _)| stakes.calls.contains(call_id));
        Ground {
            epoch: if stakes.fenced { EPOCH } else { crate::store::Epoch::default() },
            bodies: bodies.filter(|body| stakes.bodies.contains(body.as_str())).collect(),
            owners: owners.map(|(name, owner)| (name.clone(), Some(*owner))).collect(),
            sequences: sessions.map(|(call_id, (sequence, _))| (*call_id, *sequence)).collect(),
            waiting: if stakes.learned.is_empty() { Vec::new() } else { waiting.collect() },
            settled: HashSet::new(),
        }
    }

    fn commit(&mut self, batch: &[Write]) -> Results {
        let mut ground = self.ground(&Stakes::of(batch));
        let mut effects = Effects::default();
        let verdicts: Vec<_> = batch.iter().map(|write| super::decide(&mut ground, &mut effects, write)).collect();
        self.write(&effects);
        let numbers: HashMap<String, i64> = self
            .inbox
            .iter()
            .enumerate()
            .map(|(row, (delivery, _))| (delivery.body_hash.clone(), number(row)))
            .collect();
        let parked = |meets: Vec<Waiting>| meets.into_iter().filter_map(|waiting| waiting.into_notice(&numbers));
        verdicts.into_iter().map(|verdict| verdict.map(|meets| parked(meets).collect())).collect()
    }

    fn write(&mut self, effects: &Effects<'_>) {
        for delivery in &effects.filed {
            assert!(self.inbox.iter().all(|(other, _)| other.body_hash != delivery.body_hash), "a body is unique");
            self.inbox.push(((*delivery).clone(), None));
        }
        for settled in &effects.settled {
            let row = usize::try_from(settled.id - 1).unwrap();
            if row < self.inbox.len() && self.waits(row) {
                self.inbox[row].1 = Some(format!("{} {:?}", settled.outcome, settled.call_id));
            }
        }
        for (name, owner) in &effects.named {
            assert_eq!(self.owners.insert((*name).clone(), *owner), None, "a name is unique");
        }
        for moved in &effects.moved {
            let sequence = moved.last.expected.after(moved.last.events.len());
            let before = self.sessions.insert(moved.last.call_id, (sequence, moved.last.record.clone()));
            assert!(before.is_none_or(|(before, _)| before < sequence), "a session moves forward");
        }
        for happened in &effects.happened {
            match happened {
                Happened::AtTheGate(_) => self.notes += 1,
                Happened::ToACall(append) => {
                    let places = (1..=append.events.len()).map(|place| append.expected.after(place));
                    self.log.extend(places.map(|place| (append.call_id, place)));
                }
            }
        }
        let places: BTreeSet<_> = self.log.iter().collect();
        assert_eq!(places.len(), self.log.len(), "a place in a stream is unique");
    }
}

fn number(row: usize) -> i64 {
    i64::try_from(row + 1).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_at_once_is_what_its_items_are_one_by_one(story in stories()) {
        let (mut at_once, mut one_by_one) = (Tables::default(), Tables::default());
        for batch in story {
            let batch = that_knows(batch, number(at_once.inbox.len()) - 1);
            let results = at_once.commit(&batch);
            let singly: Results = batch.iter().flat_map(|write| one_by_one.commit(std::slice::from_ref(write))).collect();
            prop_assert_eq!(results, singly);
            prop_assert_eq!(&at_once, &one_by_one);
        }
    }

    #[test]
    fn the_store_in_memory_gives_the_same_verdicts_and_keeps_the_same(story in stories()) {
        let (mut tables, mut memory) = (Tables::default(), MemoryStore::new());
        prop_assert_eq!(memory.begin_epoch(), EPOCH);
        for batch in story {
            let batch = that_knows(batch, number(tables.inbox.len()) - 1);
            let results = tables.commit(&batch);
            let said = memory.commit(&batch, chrono::DateTime::UNIX_EPOCH);
            prop_assert_eq!(results, said.into_iter().map(|result| result.map(|written| written.parked)).collect::<Results>());
            for (call_id, (sequence, record)) in &tables.sessions {
                let session = memory.session(*call_id);
                prop_assert_eq!(session.map(|session| (&session.sequence, &session.record)), Some((sequence, record)));
                prop_assert_eq!(memory.stream(*call_id).len() as u64, sequence.0);
            }
        }
    }
}
