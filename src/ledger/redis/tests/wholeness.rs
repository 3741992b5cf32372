//! A ledger that lost something, or may have, decides nothing.

use rstest::rstest;

use super::*;

#[actix::test]
async fn i1_a_server_that_restarted_empty_holds_no_ledger() {
    let mut redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.kill_9();
    redis.start_again();
    assert_not_whole_until_loaded(&mut ledger).await;
}

#[rstest]
#[case::everything(&["FLUSHALL"])]
#[case::the_slots(&["DEL", "{callgate:default}:slots"])]
#[case::the_counts(&["DEL", "{callgate:default}:counts"])]
#[case::slots_and_counts(&["DEL", "{callgate:default}:slots", "{callgate:default}:counts"])]
#[case::what_was_seen(&["DEL", "{callgate:default}:seen"])]
#[case::the_terms(&["HDEL", "{callgate:default}:meta", "cap"])]
#[case::one_holder(&["HDEL", "{callgate:default}:slots", "00000000-0000-0000-0000-000000000002"])]
#[case::one_holder_too_many(&["HSET", "{callgate:default}:slots", "x", "y"])]
#[case::the_total(&["HINCRBY", "{callgate:default}:counts", "HT", "1"])]
#[case::the_server(&["HSET", "{callgate:default}:meta", "run_id", "0123"])]
#[actix::test]
async fn i1_a_ledger_that_somebody_touched_is_not_whole(#[case] touch: &[&str]) {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.ask::<redis::Value>(touch);
    assert_not_whole_until_loaded(&mut ledger).await;
}

#[actix::test]
async fn i2_counts_that_are_not_their_sum_are_noticed_when_they_are_read_or_used() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.ask::<i64>(&["HDEL", &key("counts"), "HBa"]);
    assert_eq!(ledger.occupied().await.unwrap_err(), NOT_WHOLE);
    assert_eq!(ledger.apply(EPOCH, &[ask(2, "b", "PRO", 3), release(1)]).await.unwrap_err(), NOT_WHOLE);
    assert_eq!(redis.ask::<i64>(&["HLEN", &key("slots")]), 1, "a batch is carried out whole or not at all");
}

#[actix::test]
async fn a_holder_that_cannot_be_read_is_not_decided_by() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.ask::<i64>(&["HSET", &key("slots"), &call(1).to_string(), "nonsense"]);
    assert_eq!(ledger.holders().await.unwrap_err(), NOT_WHOLE);
    assert_eq!(ledger.apply(EPOCH, &[ask(2, "b", "PRO", 3), ask(1, "a", "PRO", 3)]).await.unwrap_err(), NOT_WHOLE);
    assert_eq!(redis.ask::<i64>(&["HLEN", &key("slots")]), 1);
}

/// Makes one a replica of the other, and waits until it has the other's slots.
async fn follow(replica: &Redis, primary: &Redis, slots: i64) {
    replica.ask::<()>(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    let began = Instant::now();
    while !replica.ask::<String>(&["INFO", "replication"]).contains("master_link_status:up")
        || replica.ask::<i64>(&["HLEN", &key("slots")]) != slots
    {
        assert!(began.elapsed() < Duration::from_secs(20), "no replication");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[actix::test]
async fn i1_a_replica_that_was_promoted_is_loaded_again_though_it_has_everything() {
    let (primary, replica) = (Redis::start(), Redis::start());
    follow(&replica, &primary, 0).await;
    let mut ledger = with_one_call(&primary).await;
    follow(&replica, &primary, 1).await;

    let mut at_replica = ledger_at(&replica.url());
    let reason = away(at_replica.look()).await;
    assert!(reason.contains("read only"), "{reason}");
    replica.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(at_replica.look().await.unwrap(), None);
    assert_eq!(at_replica.newest().await.unwrap(), Some(EPOCH));
    assert_eq!(ledger.look().await.unwrap(), Some(EPOCH), "the old primary knows nothing of it: the epoch decides");
    assert_not_whole_until_loaded(&mut at_replica).await;
}

#[actix::test]
async fn i1_a_primary_that_was_a_replica_meanwhile_is_loaded_again() {
    let (server, other) = (Redis::start(), Redis::start());
    follow(&other, &server, 0).await;
    let mut ledger = with_one_call(&server).await;
    follow(&other, &server, 1).await;
    other.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
    follow(&server, &other, 1).await;
    server.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
    // The same process all the time, with the same slots; what it had taken last may be lost all the same.
    assert_not_whole_until_loaded(&mut ledger).await;
}
