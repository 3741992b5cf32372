//! The pool's row: the configuration seeds it, operators change it, and neither forgets the other.

use rstest::rstest;

use std::collections::BTreeMap;

use super::support::*;
use crate::domain::ids::PoolId;
use crate::domain::pool::Pool;

fn pool(cap: u32, reserves: &[(&str, u32)]) -> Pool {
    let reserves: BTreeMap<_, _> = reserves.iter().map(|(plan, slots)| (plan.parse().unwrap(), *slots)).collect();
    Pool { id: PoolId::default_pool(), cap, paused: false, reserves }
}

#[rstest]
#[tokio::test]
async fn the_configuration_seeds_the_pool(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let configured = pool(30, &[("PRO", 2)]);
    assert_eq!(store.pool(&configured.id).await.unwrap(), None);
    assert_eq!(store.seed_pool(&configured).await.unwrap(), configured);
    assert_eq!(store.pool(&configured.id).await.unwrap(), Some(configured));
}

#[rstest]
#[tokio::test]
async fn a_change_at_run_time_stays_while_the_configuration_says_the_same(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let configured = pool(30, &[("PRO", 2)]);
    store.seed_pool(&configured).await.unwrap();
    let changed = store.change_pool(&configured.id, Some(20), Some(true)).await.unwrap();
    assert_eq!(changed, Some(Pool { cap: 20, paused: true, ..configured.clone() }));
    for _ in 0..2 {
        assert_eq!(store.seed_pool(&configured).await.unwrap(), changed.clone().unwrap());
    }
    assert_eq!(store.pool(&configured.id).await.unwrap(), changed);
}

#[rstest]
#[tokio::test]
async fn a_changed_configured_value_is_applied_once_and_leaves_the_others_alone(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let id = PoolId::default_pool();
    store.seed_pool(&pool(30, &[("PRO", 2)])).await.unwrap();
    store.change_pool(&id, Some(20), Some(true)).await.unwrap();

    let reserves_changed = store.seed_pool(&pool(30, &[("PRO", 3)])).await.unwrap();
    assert_eq!(reserves_changed, Pool { paused: true, ..pool(20, &[("PRO", 3)]) });
    let cap_changed = store.seed_pool(&pool(40, &[("PRO", 3)])).await.unwrap();
    assert_eq!(cap_changed, Pool { paused: true, ..pool(40, &[("PRO", 3)]) });

    store.change_pool(&id, Some(25), None).await.unwrap();
    assert_eq!(store.seed_pool(&pool(40, &[("PRO", 3)])).await.unwrap().cap, 25);
}

#[rstest]
#[tokio::test]
async fn what_a_change_does_not_name_stays(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let id = PoolId::default_pool();
    store.seed_pool(&pool(30, &[])).await.unwrap();
    let paused = store.change_pool(&id, None, Some(true)).await.unwrap().unwrap();
    assert_eq!((paused.cap, paused.paused), (30, true));
    let smaller = store.change_pool(&id, Some(1), None).await.unwrap().unwrap();
    assert_eq!((smaller.cap, smaller.paused), (1, true));
}

#[rstest]
#[tokio::test]
async fn a_pool_that_does_not_exist_is_not_changed_and_the_next_write_goes_through(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let other: PoolId = "other".parse().unwrap();
    store.seed_pool(&pool(30, &[])).await.unwrap();
    assert_eq!(store.change_pool(&other, Some(1), None).await.unwrap(), None);
    assert_eq!(store.pool(&other).await.unwrap(), None);
    assert_eq!(store.change_pool(&PoolId::default_pool(), Some(2), None).await.unwrap().unwrap().cap, 2);
}
