//! The epoch: an admission whose lease is of another ledger does not commit.

use rstest::rstest;

use super::support::*;
use crate::domain::ids::PoolId;
use crate::store::{Conflict, Epoch, EpochState, EventStore};

#[tokio::test]
async fn each_ledger_begins_the_next_epoch_and_the_survey_is_remembered() {
    let store = fresh().await;
    let pool = PoolId::default_pool();
    for epoch in 1..=2 {
        let state = store.begin_epoch(&pool).await.unwrap();
        assert_eq!(state, EpochState { epoch: Epoch(epoch), surveyed: false });
    }
    store.mark_surveyed(&pool).await.unwrap();
    for epoch in 3..=4 {
        let state = store.begin_epoch(&pool).await.unwrap();
        assert_eq!(state, EpochState { epoch: Epoch(epoch), surveyed: true });
    }
}

#[tokio::test]
async fn each_pool_counts_its_own_epochs() {
    let store = fresh().await;
    let other: PoolId = "other".parse().unwrap();
    store.begin_epoch(&PoolId::default_pool()).await.unwrap();
    store.begin_epoch(&PoolId::default_pool()).await.unwrap();
    store.mark_surveyed(&PoolId::default_pool()).await.unwrap();
    let state = store.begin_epoch(&other).await.unwrap();
    assert_eq!(state, EpochState { epoch: Epoch(1), surveyed: false });
}

#[tokio::test]
async fn of_ledgers_that_begin_at_once_no_two_have_the_same_epoch() {
    let store = fresh().await;
    let doors = [store.open_again().await, store.open_again().await];
    let tasks: Vec<_> = (0..10)
        .map(|task| {
            let door = doors[task % 2].clone();
            tokio::spawn(async move { door.begin_epoch(&PoolId::default_pool()).await.unwrap().epoch.0 })
        })
        .collect();
    let mut epochs = Vec::new();
    for task in tasks {
        epochs.push(task.await.unwrap());
    }
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_admission_under_the_current_epoch_commits() {
    let store = fresh().await;
    let epoch = store.begin_epoch(&PoolId::default_pool()).await.unwrap().epoch;
    let append = admission(epoch);
    commit(&store, append.clone()).await.unwrap();
    assert_eq!(store.live_sessions().await.unwrap()[0].call_id, append.call_id);
}

#[rstest]
#[case::of_the_past(1)]
#[case::of_the_future(3)]
#[case::before_the_first(0)]
#[tokio::test]
async fn an_admission_of_another_epoch_loses_alone_and_the_rest_of_the_batch_commits(#[case] epoch: u64) {
    let store = fresh().await;
    for _ in 0..2 {
        store.begin_epoch(&PoolId::default_pool()).await.unwrap();
    }
    let mut good = [admission(Epoch(2)), admission(Epoch(2))];
    good.sort_by_key(|append| append.call_id);
    let stale = admission(Epoch(epoch));
    let unfenced = Session::new().append(request());
    let mut ids = vec![good[0].call_id, good[1].call_id, unfenced.call_id];
    let [first, second] = good;

    let results = store.commit(&[first.into(), stale.into(), unfenced.into(), second.into()]).await.unwrap();
    assert!(matches!(results[..], [Ok(_), Err(Conflict::StaleEpoch), Ok(_), Ok(_)]), "{results:?}");
    let mut live: Vec<_> = store.live_sessions().await.unwrap().iter().map(|session| session.call_id).collect();
    live.sort_unstable();
    ids.sort_unstable();
    assert_eq!(live, ids);
}

#[tokio::test]
async fn a_stale_admission_leaves_no_trace() {
    let store = fresh().await;
    store.begin_epoch(&PoolId::default_pool()).await.unwrap();
    let before = footprint(&store).await;
    let mut stale = admission(Epoch(7));
    stale.delivery = Some(delivery("body", &conversations(&["conv_1"]), crate::store::DeliveryState::Settled));
    assert_eq!(commit(&store, stale).await, Err(Conflict::StaleEpoch));
    assert_eq!(footprint(&store).await, before);
}
