//! The lease: a granted slot on its way to a committed admission.

use actix::{Message, Recipient};

use crate::domain::ids::{CallId, LeaseId};
use crate::ledger::Standing;
use crate::store::Epoch;

/// A slot that nobody else has, and that no event speaks of yet. Dropped, it gives the slot back.
///
/// Once its admission is handed to the journal the lease is over: from then on the slot follows the log.
#[derive(Debug)]
pub struct Lease {
    call_id: CallId,
    id: LeaseId,
    epoch: Epoch,
    standing: Standing,
    capacity: Recipient<GiveBack>,
    /// Whether the log answers for the slot.
    submitted: bool,
}

impl Lease {
    pub(super) fn new(
        call_id: CallId,
        id: LeaseId,
        epoch: Epoch,
        standing: Standing,
        capacity: Recipient<GiveBack>,
    ) -> Self {
        Self { call_id, id, epoch, standing, capacity, submitted: false }
    }

    /// The call that has the slot.
    pub fn call_id(&self) -> CallId {
        self.call_id
    }

    /// The epoch under which it was given; the admission must commit under the same.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The counts after it was given.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Hands the slot over to the log. Whoever calls this answers for what becomes of the admission.
    pub fn submit(&mut self) {
        self.submitted = true;
    }

    /// Takes the slot back from the log: the admission was certainly not stored.
    pub fn take_back(&mut self) {
        self.submitted = false;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.submitted {
            self.capacity.do_send(GiveBack { call_id: self.call_id, lease: self.id });
        }
    }
}

/// A slot comes back whose admission was never handed in.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct GiveBack {
    /// The call that had it.
    pub call_id: CallId,
    /// By which lease: what the call has otherwise by now stays.
    pub lease: LeaseId,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use actix::{Actor, Addr};

    use super::*;
    use crate::actors::capacity::{
        Access, Acquire, AcquireError, Acquired, Capacity, CapacityActor, Ledgers, Release, Snapshot, Surveyed,
    };
    use crate::domain::admission::Request;
    use crate::domain::ids::PoolId;
    use crate::domain::pool::Pool;
    use crate::ledger::MemoryLedger;
    use crate::sources;
    use crate::store::{Sequence, Store};

    async fn capacity(folder: &tempfile::TempDir) -> Addr<CapacityActor> {
        let store =
            Store::open(&format!("sqlite://{}?mode=rwc", folder.path().join("gate.db").display())).await.unwrap();
        store.migrate().await.unwrap();
        let pool = Pool { id: PoolId::default_pool(), cap: 2, paused: false, reserves: BTreeMap::new() };
        store.seed_pool(&pool).await.unwrap();
        let make_ledgers = Arc::new(|| Ledgers::Alone(Access::one(Box::new(MemoryLedger::new()))));
        CapacityActor::new(store, PoolId::default_pool(), make_ledgers, Arc::default(), Arc::default()).start()
    }

    /// Waits for the ledger, and says that the provider was asked.
    async fn survey(capacity: &Addr<CapacityActor>) {
        let Capacity { epoch, .. } = capacity.send(Snapshot).await.unwrap().unwrap();
        capacity.do_send(Surveyed(epoch.unwrap()));
    }

    fn ask(call_id: CallId) -> Acquire {
        let business_id = "42".parse().unwrap();
        Acquire(Request { call_id, business_id, plan: "PRO".parse().unwrap(), business_limit: 9 })
    }

    async fn lease(capacity: &Addr<CapacityActor>) -> Lease {
        match capacity.send(ask(sources::new_call_id())).await.unwrap() {
            Ok(Acquired::Granted(lease)) => lease,
            other => panic!("there is room, but: {other:?}"),
        }
    }

    async fn held(capacity: &Addr<CapacityActor>) -> u32 {
        let Capacity { occupied, .. } = capacity.send(Snapshot).await.unwrap().unwrap();
        occupied.total.held
    }

    #[actix::test]
    async fn i3_a_lease_that_is_dropped_gives_its_slot_back_and_one_that_was_handed_in_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let capacity = capacity(&folder).await;
        survey(&capacity).await;
        let (dropped, mut submitted) = (lease(&capacity).await, lease(&capacity).await);
        let call_id = submitted.call_id();
        assert_eq!(held(&capacity).await, 2);
        drop(dropped);
        submitted.submit();
        drop(submitted);
        assert_eq!(held(&capacity).await, 1, "the log answers for the other");
        capacity.do_send(Release { call_id, as_of: Sequence(2) });
        assert_eq!(held(&capacity).await, 0);
    }

    #[actix::test]
    async fn i1_a_lease_that_comes_back_frees_nothing_that_the_call_has_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let capacity = capacity(&folder).await;
        survey(&capacity).await;
        let lease = lease(&capacity).await;
        let other = GiveBack { call_id: lease.call_id(), lease: sources::new_lease_id() };
        capacity.send(other).await.unwrap();
        assert_eq!(held(&capacity).await, 1);
    }

    #[actix::test]
    async fn i7_nothing_is_granted_before_the_provider_was_asked() {
        let folder = tempfile::tempdir().unwrap();
        let capacity = capacity(&folder).await;
        let refused = capacity.send(ask(sources::new_call_id())).await.unwrap();
        assert!(matches!(refused, Err(AcquireError::Recovering)));
    }
}
