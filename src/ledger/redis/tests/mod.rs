//! What only the ledger in Redis must do, shown on real servers.

mod access;
mod away;
mod lateness;
mod loading;
mod wholeness;

use std::time::{Duration, Instant};

use callgate_rig::Redis;

use super::super::contract::{EPOCH, ask, ask_under, call, holder, pool, release, verdicts};
use super::super::port::{Answer, Instruction, LeaseId, LedgerError, SlotLedger};
use super::*;
use crate::domain::admission::Verdict;
use crate::domain::call::Slot;
use crate::sources::new_uuid;

const NOT_WHOLE: LedgerError = LedgerError::NotReady { holds: None };
/// Longer than anything may wait for Redis.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A ledger of its own in that server.
fn ledger_at(url: &str) -> RedisLedger {
    ledger_of(url, new_uuid())
}

fn ledger_of(url: &str, sender: Uuid) -> RedisLedger {
    let pool = PoolId::default_pool();
    let target = RedisTarget { url, certificate_authority: None, prefix: "callgate", pool: &pool };
    RedisLedger::new(&target, sender).unwrap()
}

/// The same, loaded, with one call that holds a slot by a lease.
async fn with_one_call(redis: &Redis) -> RedisLedger {
    let mut ledger = ledger_at(&redis.url());
    ledger.load(EPOCH, pool(5), Vec::new()).await.unwrap();
    let answers = ledger.apply(EPOCH, &[ask(1, "a", "PRO", 3)]).await.unwrap();
    assert_eq!(verdicts(&answers), [Verdict::Granted]);
    ledger
}

fn key(name: &str) -> String {
    format!("{{callgate:default}}:{name}")
}

/// What Away says, and that it was said in time.
async fn away<T: std::fmt::Debug>(answer: impl Future<Output = Result<T, LedgerError>>) -> String {
    let began = Instant::now();
    let answer = answer.await;
    assert!(began.elapsed() < PATIENCE, "{answer:?} after {:?}", began.elapsed());
    let Err(LedgerError::Away(reason)) = answer else { panic!("{answer:?} is not away") };
    reason
}

/// Looks until there is an answer.
async fn look_until_it_answers(ledger: &mut RedisLedger) -> Option<Epoch> {
    let began = Instant::now();
    loop {
        match ledger.look().await {
            Ok(epoch) => return epoch,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Nothing is granted, and nothing counted, until it is loaded under a later epoch; then all is well.
async fn assert_not_whole_until_loaded(ledger: &mut RedisLedger) {
    assert_eq!(look_until_it_answers(ledger).await, None);
    assert_eq!(ledger.apply(EPOCH, &[ask(9, "z", "PRO", 3)]).await.unwrap_err(), NOT_WHOLE);
    assert_eq!(ledger.occupied().await.unwrap_err(), NOT_WHOLE);
    assert!(matches!(ledger.load(EPOCH, pool(5), Vec::new()).await, Err(LedgerError::NotReady { .. })));
    let after = Epoch(EPOCH.0 + 1);
    ledger.load(after, pool(5), vec![(holder(1, "a", "PRO", Slot::Held), Sequence(2))]).await.unwrap();
    assert_eq!(ledger.look().await.unwrap(), Some(after));
    assert_eq!(ledger.occupied().await.unwrap().total.held, 1);
}
