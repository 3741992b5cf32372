//! What a batch could collide on with another, and the locks that let only one of the two at it.

use std::collections::BTreeSet;

use sea_orm::DbErr;

use super::super::connection::{Key, Transaction};
use super::super::inbox::Delivery;
use super::super::port::{Append, Write};
use crate::domain::call::{Reference, References};
use crate::domain::ids::{CallId, PoolId};

/// Everything that the items of a batch ask the database about.
#[derive(Debug, Default)]
pub(super) struct Stakes<'a> {
    /// Whether an admission is among them.
    pub(super) fenced: bool,
    /// Streams that would move, or must stand still.
    pub(super) calls: BTreeSet<CallId>,
    /// Names that would be learnt.
    pub(super) learned: BTreeSet<&'a Reference>,
    /// Names by which webhooks would be filed.
    named: BTreeSet<&'a Reference>,
    /// Webhooks that would be filed.
    pub(super) bodies: BTreeSet<&'a str>,
    /// Webhooks that would wait no longer.
    settles: BTreeSet<i64>,
}

/// The names that an append makes known, each once.
pub(super) fn learned(append: &Append) -> Vec<&Reference> {
    let mut names: Vec<&Reference> = Vec::new();
    for name in append.events.iter().filter_map(|event| event.kind.references()).flat_map(References::iter) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl<'a> Stakes<'a> {
    pub(super) fn of(batch: &'a [Write]) -> Self {
        let mut stakes = Self::default();
        for write in batch {
            match write {
                Write::Append(append) => stakes.append(append),
                Write::File(delivery) => stakes.file(delivery),
                Write::Settle { id, .. } => drop(stakes.settles.insert(*id)),
                Write::Note(_) => {}
            }
        }
        stakes
    }

    fn append(&mut self, append: &'a Append) {
        self.fenced |= append.epoch.is_some();
        self.settles.extend(&append.settles);
        if let Some(delivery) = &append.delivery {
            self.file(delivery);
        }
        self.calls.insert(append.call_id);
        self.learned.extend(learned(append));
    }

    fn file(&mut self, delivery: &'a Delivery) {
        self.bodies.insert(&delivery.body_hash);
        self.named.extend(delivery.notice.references.iter());
    }

    /// Every name, learnt or filed by.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a Reference> {
        self.learned.union(&self.named).copied()
    }

    /// Waits until nobody else is at any of it. What is read afterwards stays true until the transaction ends.
    ///
    /// All locks of a kind go out in one statement and in one order, so that two replicas never wait for each other in
    /// a circle; and a webhook that is parked and the append that makes its name known come one after the other, so
    /// that the second sees what the first left.
    pub(super) async fn lock(&self, txn: &Transaction) -> Result<(), DbErr> {
        if self.fenced {
            txn.lock_shared(Key::of_epoch(&PoolId::default_pool())).await?;
        }
        let calls = self.calls.iter().map(|call| Key::of("call", &call.to_string()));
        let names = self.names().map(|name| Key::of(name.kind.as_str(), &name.value));
        let bodies = self.bodies.iter().map(|body| Key::of("body", body));
        let settles = self.settles.iter().map(|id| Key::of("inbox", &id.to_string()));
        txn.lock(calls.chain(names).chain(bodies).chain(settles).collect()).await
    }
}
