//! The database as the ledger, on real databases: two replicas, one rule.

use rstest::rstest;

use super::*;
use crate::domain::admission::{Rejection, Request, Verdict};
use crate::domain::call::{Command, EndReason, References, Slot, Witness};
use crate::domain::ids::CallId;
use crate::sources;
use crate::store::contract::support::{Database, Fresh, Postgres, Session, Sqlite, commit, fresh, request_of};
use crate::store::{Append, Home, NewEpoch};

/// One database, and what two replicas make of it.
struct Shared {
    store: Fresh,
}

async fn shared(on: Database) -> Shared {
    let store = fresh(on).await;
    store.seed_pool(&pool(2)).await.unwrap();
    Shared { store }
}

fn pool(cap: u32) -> Pool {
    Pool { id: PoolId::default_pool(), cap, paused: false, reserves: std::collections::BTreeMap::new() }
}

impl Shared {
    fn replica(&self) -> DatabaseLedger {
        DatabaseLedger::new((*self.store).clone(), PoolId::default_pool())
    }

    async fn begin(&self, home: Home) -> Epoch {
        self.store.begin_epoch(&PoolId::default_pool(), NewEpoch::at(home)).await.unwrap().state().epoch
    }

    /// Stores the admission of a call, as its session does.
    async fn admit(&self, call_id: CallId, epoch: Epoch) -> Session {
        let mut session = Session { id: call_id, ..Session::new() };
        let append = Append { epoch: Some(epoch), ..session.append(request_of("b")) };
        commit(&self.store, append.clone()).await.unwrap();
        session.adopt(&append);
        session
    }

    /// Stores the end of a call.
    async fn end(&self, mut session: Session) {
        let command = Command::End {
            reason: EndReason::Completed,
            at: None,
            references: References::none(),
            witness: Witness::Webhook,
            note: None,
        };
        session.tell(&self.store, command).await;
    }
}

fn ask(call_id: CallId, lease: u64) -> Instruction {
    let request =
        Request { call_id, business_id: "b".parse().unwrap(), plan: "PRO".parse().unwrap(), business_limit: 9 };
    Instruction::Acquire(request, LeaseId(lease))
}

async fn verdict(ledger: &mut DatabaseLedger, epoch: Epoch, call_id: CallId, lease: u64) -> Verdict {
    match ledger.apply(epoch, &[ask(call_id, lease)]).await.unwrap()[0] {
        Answer::Acquired(verdict, _) => verdict,
        ref other => panic!("an acquire is answered as one, not {other:?}"),
    }
}

const FULL: Verdict = Verdict::Rejected(Rejection::GlobalCapacity);

#[rstest]
#[actix::test]
async fn i1_two_replicas_at_once_give_as_many_leases_as_the_cap_allows(#[values(Sqlite, Postgres)] on: Database) {
    let shared = shared(on).await;
    let epoch = shared.begin(Home::Database).await;
    let asked = (0..2).map(|_| {
        let mut ledger = shared.replica();
        async move {
            let mut granted = 0;
            for lease in 0..20 {
                let verdict = verdict(&mut ledger, epoch, sources::new_call_id(), lease).await;
                granted += usize::from(verdict == Verdict::Granted);
            }
            granted
        }
    });
    let granted: usize = futures_util::future::join_all(asked).await.into_iter().sum();
    assert_eq!(granted, 2);
    assert_eq!(shared.replica().occupied().await.unwrap().total.held, 2);
}

#[rstest]
#[actix::test]
async fn i1_an_admission_counts_once_before_and_after_it_is_stored(#[values(Sqlite, Postgres)] on: Database) {
    let shared = shared(on).await;
    let epoch = shared.begin(Home::Database).await;
    let (mut one, mut other) = (shared.replica(), shared.replica());
    let (call_id, second) = (sources::new_call_id(), sources::new_call_id());
    assert_eq!(verdict(&mut one, epoch, call_id, 1).await, Verdict::Granted);
    assert_eq!(verdict(&mut one, epoch, call_id, 1).await, Verdict::Granted, "the answer may have been lost");
    assert_eq!(verdict(&mut other, epoch, call_id, 2).await, Verdict::Held);
    shared.admit(call_id, epoch).await;
    assert_eq!(other.occupied().await.unwrap().total.held, 1);
    assert_eq!(verdict(&mut other, epoch, second, 3).await, Verdict::Granted);
    assert_eq!(verdict(&mut one, epoch, sources::new_call_id(), 4).await, FULL);

    // What another lease has stays; what the log has stays.
    let back = [Instruction::GiveBack(second, LeaseId(9)), Instruction::GiveBack(call_id, LeaseId(1))];
    assert_eq!(one.apply(epoch, &back).await.unwrap(), [Answer::Released(false); 2]);
    assert_eq!(one.apply(epoch, &[Instruction::GiveBack(second, LeaseId(3))]).await.unwrap(), [Answer::Released(true)]);
    let holders = one.holders().await.unwrap();
    assert_eq!(holders.iter().map(|holder| (holder.call_id, holder.slot)).collect::<Vec<_>>(), [(call_id, Slot::Held)]);
}

#[rstest]
#[actix::test]
async fn i1_a_new_epoch_ends_the_leases_of_the_old_and_another_home_decides_elsewhere(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let shared = shared(on).await;
    let old = shared.begin(Home::Database).await;
    let mut ledger = shared.replica();
    assert_eq!(verdict(&mut ledger, old, sources::new_call_id(), 1).await, Verdict::Granted);
    let new = shared.begin(Home::Database).await;
    assert_eq!(ledger.occupied().await.unwrap().total.held, 0);
    let late = ledger.apply(old, &[ask(sources::new_call_id(), 2)]).await.unwrap_err();
    assert_eq!(late, LedgerError::NotReady { holds: Some(new) });
    assert_eq!(ledger.load(new, pool(2), Vec::new()).await, Ok(()));

    let redis = shared.begin(Home::Redis).await;
    for epoch in [new, redis] {
        let elsewhere = ledger.apply(epoch, &[ask(sources::new_call_id(), 3)]).await.unwrap_err();
        assert_eq!(elsewhere, LedgerError::NotReady { holds: None });
    }
}

/// Its admission will lose against the stored one; until then it is an acquire as any other.
#[rstest]
#[actix::test]
async fn an_acquire_of_a_call_that_is_over_breaks_nothing_and_counts_for_nobody(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let shared = shared(on).await;
    let epoch = shared.begin(Home::Database).await;
    let mut ledger = shared.replica();
    let (over, next) = (sources::new_call_id(), sources::new_call_id());
    assert_eq!(verdict(&mut ledger, epoch, over, 1).await, Verdict::Granted);
    let session = shared.admit(over, epoch).await;
    shared.end(session).await;
    for lease in [2, 2, 3] {
        let answers = ledger.apply(epoch, &[ask(over, lease), ask(next, 9)]).await.unwrap();
        let granted = |answer: &Answer| matches!(answer, Answer::Acquired(Verdict::Granted, _));
        assert!(answers.iter().all(granted), "{answers:?}");
        let holders = ledger.holders().await.unwrap();
        assert_eq!(holders.iter().map(|holder| holder.call_id).collect::<Vec<_>>(), [next]);
    }
}
