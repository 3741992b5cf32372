//! Batches of anything: items of every kind that compete for a handful of calls, names, bodies and inbox rows.

use proptest::prelude::*;
use uuid::Uuid;

use super::support::{Session, delivery, request};
use crate::domain::call::{CallEvent, EventKind, Reference, References};
use crate::domain::ids::{CallId, PoolId};
use crate::store::{Append, Bulletin, Delivery, DeliveryState, Epoch, Sequence, Write};

/// The epoch that is current wherever these batches are committed.
pub(in crate::store) const EPOCH: Epoch = Epoch(1);

/// Batches that follow each other.
pub(in crate::store) fn stories() -> impl Strategy<Value = Vec<Vec<Write>>> {
    prop::collection::vec(prop::collection::vec(writes(), 1..14), 1..4)
}

/// Without the items that settle a webhook after the `last` of the inbox: no item can know the number that another
/// of its batch will get.
pub(in crate::store) fn that_knows(batch: Vec<Write>, last: i64) -> Vec<Write> {
    let knows = |write: &Write| match write {
        Write::Settle { id, .. } => *id <= last,
        Write::Append(append) => append.settles.iter().all(|id| *id <= last),
        Write::File(_) | Write::Note(_) => true,
    };
    batch.into_iter().filter(knows).collect()
}

fn writes() -> impl Strategy<Value = Write> {
    let note = Bulletin::PoolChanged { pool: PoolId::default_pool(), cap: 1, paused: false, by: "ops".to_owned() };
    prop_oneof![
        6 => appends().prop_map(Write::from),
        3 => deliveries().prop_map(Write::from),
        1 => (1..5i64).prop_map(|id| Write::Settle { id, outcome: "expired" }),
        1 => Just(Write::Note(note)),
    ]
}

fn call_ids() -> impl Strategy<Value = CallId> {
    (1..4u128).prop_map(|number| CallId::new(Uuid::from_u128(number)))
}

fn names() -> impl Strategy<Value = References> {
    let name = prop_oneof![
        2 => "[a-d]".prop_map(Reference::conversation),
        1 => "[a-d]".prop_map(Reference::call_sid),
        1 => "[a-d]".prop_map(Reference::sip_call_id),
    ];
    prop::collection::vec(name, 0..3).prop_map(References::from_iter)
}

fn deliveries() -> impl Strategy<Value = Delivery> {
    let states = prop::sample::select(vec![DeliveryState::Settled, DeliveryState::Parked, DeliveryState::Early]);
    let about = prop::option::weighted(0.2, call_ids());
    ("body_[a-e]", names(), states, about).prop_map(|(body, names, state, call_id)| {
        let mut delivery = delivery(&body, &names, state);
        delivery.call_id = call_id;
        delivery
    })
}

fn appends() -> impl Strategy<Value = Append> {
    let delivery = prop::option::weighted(0.3, deliveries());
    let settles = prop::collection::vec(1..5i64, 0..2);
    let epoch = prop_oneof![4 => Just(None), 4 => Just(Some(EPOCH)), 1 => Just(Some(Epoch(EPOCH.0 + 1)))];
    (call_ids(), 0..4u64, prop::collection::vec(names(), 0..3), delivery, settles, epoch).prop_map(
        |(call_id, expected, learned, delivery, settles, epoch)| {
            let mut append = Session::new().append(request());
            append.record.references = learned.iter().flat_map(References::iter).cloned().collect();
            let event = |references| CallEvent {
                occurred_at: append.record.announced_at,
                kind: EventKind::ReferencesLearned { references },
            };
            append.events = learned.into_iter().map(event).collect();
            Append { call_id, expected: Sequence(expected), delivery, settles, epoch, ..append }
        },
    )
}
