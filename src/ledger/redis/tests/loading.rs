//! Rebuilds that cross, stop half way or come late.

use super::*;

const LATER: Epoch = Epoch(EPOCH.0 + 1);

fn rows(calls: std::ops::Range<u128>) -> Vec<(Holder, Sequence)> {
    calls.map(|n| (holder(n, "a", "PRO", Slot::Held), Sequence(2))).collect()
}

#[actix::test]
async fn of_two_rebuilds_at_once_the_later_epoch_wins_whatever_the_order() {
    for later_first in [true, false] {
        let redis = Redis::start();
        let (mut one, mut other) = (ledger_at(&redis.url()), ledger_at(&redis.url()));
        let earlier = one.stage(EPOCH, &rows(0..3)).await.unwrap();
        let later = other.stage(LATER, &rows(0..2)).await.unwrap();
        if later_first {
            other.switch(LATER, &pool(5), &later).await.unwrap();
            let refused = one.switch(EPOCH, &pool(5), &earlier).await.unwrap_err();
            assert_eq!(refused, LedgerError::NotReady { holds: Some(LATER) });
        } else {
            one.switch(EPOCH, &pool(5), &earlier).await.unwrap();
            other.switch(LATER, &pool(5), &later).await.unwrap();
        }
        for ledger in [&mut one, &mut other] {
            assert_eq!(ledger.look().await.unwrap(), Some(LATER));
            assert_eq!(ledger.occupied().await.unwrap().total.held, 2);
        }
    }
}

#[actix::test]
async fn i1_of_two_rebuilds_under_one_epoch_the_first_stays() {
    let redis = Redis::start();
    let (mut one, mut other) = (ledger_at(&redis.url()), ledger_at(&redis.url()));
    let (first, second) =
        (one.stage(EPOCH, &rows(0..3)).await.unwrap(), other.stage(EPOCH, &rows(0..2)).await.unwrap());
    one.switch(EPOCH, &pool(5), &first).await.unwrap();
    let refused = other.switch(EPOCH, &pool(5), &second).await.unwrap_err();
    assert_eq!(refused, LedgerError::NotReady { holds: Some(EPOCH) });
    assert_eq!(one.occupied().await.unwrap().total.held, 3);
}

#[actix::test]
async fn what_was_not_staged_whole_does_not_become_the_ledger() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    let staged = ledger.stage(LATER, &rows(0..3)).await.unwrap();
    redis.ask::<i64>(&["HDEL", &staged.keys[0], &call(2).to_string()]);
    let refused = ledger.switch(LATER, &pool(5), &staged).await.unwrap_err();
    assert_eq!(refused, LedgerError::NotReady { holds: Some(EPOCH) });
    assert_eq!(ledger.occupied().await.unwrap().total.held, 1);
}

#[actix::test]
async fn a_rebuild_that_stops_half_way_leaves_nothing_for_long_and_one_that_ends_stays() {
    let redis = Redis::start();
    let mut ledger = ledger_at(&redis.url());
    let left = ledger.stage(EPOCH, &rows(0..3)).await.unwrap();
    for key in &left.keys {
        assert!((1..=300_000).contains(&redis.ask::<i64>(&["PTTL", key])));
    }
    ledger.load(EPOCH, pool(5), rows(0..3)).await.unwrap();
    for name in ["slots", "counts", "meta", "seen"] {
        assert_eq!(redis.ask::<i64>(&["PTTL", &key(name)]), -1, "{name} stays");
    }
}

#[actix::test]
async fn i1_an_epoch_is_not_loaded_twice_even_if_the_server_forgot_it() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.ask::<()>(&["FLUSHALL"]);
    assert_eq!(ledger.load(EPOCH, pool(5), Vec::new()).await.unwrap_err(), NOT_WHOLE);
    ledger.load(LATER, pool(5), Vec::new()).await.unwrap();
}

#[actix::test]
async fn a_batch_of_the_epoch_before_is_refused_after_a_load() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    ledger_at(&redis.url()).load(LATER, pool(5), rows(5..6)).await.unwrap();
    let refused = ledger.apply(EPOCH, &[ask(2, "a", "PRO", 3)]).await.unwrap_err();
    assert_eq!(refused, LedgerError::NotReady { holds: Some(LATER) });
    ledger.apply(LATER, &[ask(2, "a", "PRO", 3)]).await.unwrap();
    assert_eq!(ledger.occupied().await.unwrap().total.held, 2);
}
