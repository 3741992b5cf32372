//! The actor over ledgers that misbehave, on a real database.

use std::collections::BTreeMap;
use std::sync::Mutex as Locked;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::Addr;
use async_trait::async_trait;
use tempfile::TempDir;

use super::*;
use crate::domain::admission::{Holder, Request};
use crate::domain::pool::Pool;
use crate::ledger::{Answer, DatabaseLedger, Instruction, LedgerError, LedgerMode, MemoryLedger, Occupied};
use crate::sources;
use crate::store::Sequence;

/// What is wrong with a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    /// It answers, and cannot be loaded.
    NoLoad,
    /// It says that it is whole, and does nothing all the same.
    NoBatch,
    /// It takes long to load.
    SlowLoad,
}

/// A ledger in memory that several values reach, as Redis is reached.
#[derive(Clone)]
struct Faulty {
    ledger: Arc<Mutex<MemoryLedger>>,
    fault: Arc<Locked<Fault>>,
    loads: Arc<AtomicU32>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let fault = Arc::new(Locked::new(fault));
        Self { ledger: Arc::default(), fault, loads: Arc::default() }
    }

    fn has(&self, fault: Fault) -> bool {
        *self.fault.lock().unwrap() == fault
    }

    fn mend(&self) {
        *self.fault.lock().unwrap() = Fault::Nothing;
    }
}

#[async_trait]
impl SlotLedger for Faulty {
    async fn look(&mut self) -> Result<Option<Epoch>, LedgerError> {
        self.ledger.lock().await.look().await
    }

    async fn load(&mut self, epoch: Epoch, pool: Pool, holders: Vec<(Holder, Sequence)>) -> Result<(), LedgerError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.has(Fault::NoLoad) {
            return Err(LedgerError::Away("no permission to rename".to_owned()));
        }
        if self.has(Fault::SlowLoad) {
            tokio::time::sleep(Duration::from_millis(1200)).await;
        }
        if self.has(Fault::NoBatch) && self.loads.load(Ordering::SeqCst) > 1 {
            self.mend();
        }
        self.ledger.lock().await.load(epoch, pool, holders).await
    }

    async fn apply(&mut self, epoch: Epoch, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError> {
        if self.has(Fault::NoBatch) {
            return Err(LedgerError::NotReady { holds: None });
        }
        self.ledger.lock().await.apply(epoch, batch).await
    }

    async fn occupied(&mut self) -> Result<Occupied, LedgerError> {
        self.ledger.lock().await.occupied().await
    }

    async fn holders(&mut self) -> Result<Vec<Holder>, LedgerError> {
        self.ledger.lock().await.holders().await
    }
}

struct Rig {
    capacity: Addr<CapacityActor>,
    _folder: TempDir,
}

async fn rig(ledgers: impl Fn(&Store) -> Ledgers + Send + Sync + 'static) -> Rig {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("gate.db").display());
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    let pool = Pool { id: PoolId::default_pool(), cap: 2, paused: false, reserves: BTreeMap::new() };
    store.seed_pool(&pool).await.unwrap();
    store.mark_surveyed(&pool.id).await.unwrap();
    let made = store.clone();
    let make_ledgers: LedgerFactory = Arc::new(move || ledgers(&made));
    let capacity = CapacityActor::new(store, pool.id, make_ledgers, Arc::default(), Arc::default()).start();
    Rig { capacity, _folder: folder }
}

/// A replica among several, whose Redis is `redis`.
async fn replica(redis: &Faulty) -> Rig {
    let redis = redis.clone();
    rig(move |store| {
        let redis = || Box::new(redis.clone());
        let database = || Box::new(DatabaseLedger::new(store.clone(), PoolId::default_pool()));
        Ledgers::Cluster { redis: Access::two(redis(), redis()), database: Access::two(database(), database()) }
    })
    .await
}

impl Rig {
    async fn ask(&self) -> Result<Acquired, AcquireError> {
        let business_id = "42".parse().unwrap();
        let (call_id, plan) = (sources::new_call_id(), "PRO".parse().unwrap());
        self.capacity.send(Acquire(Request { call_id, business_id, plan, business_limit: 9 })).await.unwrap()
    }

    async fn glance(&self) -> Capacity {
        self.capacity.send(Glance).await.unwrap()
    }

    async fn decides_in(&self, mode: LedgerMode) {
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            while self.glance().await.mode != mode {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("admissions are not decided in {mode:?}"));
    }
}

#[actix::test]
async fn i7_a_redis_that_answers_and_cannot_be_loaded_does_not_keep_the_database_from_deciding() {
    let redis = Faulty::new(Fault::NoLoad);
    let rig = replica(&redis).await;
    assert!(matches!(rig.ask().await, Err(AcquireError::Recovering | AcquireError::Unavailable)));
    rig.decides_in(LedgerMode::Database).await;
    assert!(matches!(rig.ask().await, Ok(Acquired::Granted(_))));
}

#[actix::test]
async fn a_ledger_that_refuses_whatever_it_is_told_is_rebuilt_although_it_looks_whole() {
    let redis = Faulty::new(Fault::NoBatch);
    let rig = replica(&redis).await;
    rig.decides_in(LedgerMode::Redis).await;
    let before = rig.glance().await.epoch;
    assert!(matches!(rig.ask().await, Ok(Acquired::Granted(_))), "the request waits for the rebuild");
    assert!(rig.glance().await.epoch > before);
    assert_eq!(redis.loads.load(Ordering::SeqCst), 2);
}

#[actix::test]
async fn a_ledger_that_takes_long_to_load_is_loaded_once() {
    for alone in [true, false] {
        let slow = Faulty::new(Fault::SlowLoad);
        let rig = if alone {
            let slow = slow.clone();
            rig(move |_| Ledgers::Alone(Access::one(Box::new(slow.clone())))).await
        } else {
            replica(&slow).await
        };
        rig.decides_in(if alone { LedgerMode::Memory } else { LedgerMode::Redis }).await;
        tokio::time::sleep(2 * LOOK).await;
        assert_eq!(slow.loads.load(Ordering::SeqCst), 1);
        assert!(matches!(rig.ask().await, Ok(Acquired::Granted(_))));
    }
}

#[actix::test]
async fn whoever_waits_for_the_ledger_to_be_told_everything_hears_when_it_was() {
    let rig = replica(&Faulty::new(Fault::Nothing)).await;
    let _lease = rig.ask().await.unwrap();
    rig.capacity.do_send(Release { call_id: sources::new_call_id(), as_of: Sequence(2) });
    rig.capacity.send(Flush).await.unwrap();
    assert_eq!(rig.capacity.send(Snapshot).await.unwrap().unwrap().occupied.total.held, 1);
}
