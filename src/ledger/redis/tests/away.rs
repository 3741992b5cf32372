//! While Redis is away every answer comes soon, and says so; once it is back the same ledger works again.

use super::*;

#[actix::test]
async fn a_server_that_hangs_is_away_and_works_again_when_it_goes_on() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.pause();
    away(ledger.look()).await;
    away(ledger.apply(EPOCH, &[ask(2, "a", "PRO", 3)])).await;
    away(ledger.occupied()).await;
    redis.resume();
    assert_eq!(look_until_it_answers(&mut ledger).await, Some(EPOCH));
}

#[actix::test]
async fn a_server_that_is_not_there_yet_is_away_and_works_once_it_is() {
    let mut redis = Redis::start();
    redis.kill_9();
    let mut ledger = ledger_at(&redis.url());
    away(ledger.look()).await;
    away(ledger.newest()).await;
    away(ledger.load(EPOCH, pool(5), Vec::new())).await;
    away(ledger.holders()).await;
    redis.start_again();
    assert_eq!(look_until_it_answers(&mut ledger).await, None);
    ledger.load(EPOCH, pool(5), Vec::new()).await.unwrap();
    assert_eq!(ledger.look().await.unwrap(), Some(EPOCH));
}

#[actix::test]
async fn a_server_that_lets_nobody_in_works_once_it_does() {
    let redis = Redis::start();
    redis.ask::<()>(&["CONFIG", "SET", "maxclients", "1"]);
    let mut first = ledger_at(&redis.url());
    first.look().await.unwrap();
    let mut ledger = ledger_at(&redis.url());
    away(ledger.look()).await;
    drop(first);
    assert_eq!(look_until_it_answers(&mut ledger).await, None);
}

#[actix::test]
async fn a_server_without_memory_is_away_and_has_changed_nothing() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(away(ledger.look()).await.contains("OOM"));
    away(ledger.apply(EPOCH, &[ask(2, "a", "PRO", 3)])).await;
    away(ledger.apply(EPOCH, &[release(1)])).await;
    away(ledger.load(Epoch(EPOCH.0 + 1), pool(9), Vec::new())).await;
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(ledger.look().await.unwrap(), Some(EPOCH));
    let occupied = ledger.occupied().await.unwrap();
    assert_eq!((occupied.cap, occupied.total.held), (5, 1));
    let answers = ledger.apply(EPOCH, &[release(1)]).await.unwrap();
    assert_eq!(answers, [Answer::Released(true)]);
}

#[actix::test]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let redis = Redis::start();
    let mut ledger = with_one_call(&redis).await;
    redis.ask::<()>(&["SCRIPT", "FLUSH"]);
    assert_eq!(ledger.apply(EPOCH, &[release(1)]).await.unwrap(), [Answer::Released(true)]);
}
