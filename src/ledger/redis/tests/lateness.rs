//! A batch whose sender gave up waiting may still arrive. It must not undo what was sent after it.

use super::*;

#[actix::test]
async fn i3_a_batch_older_than_one_that_was_seen_does_nothing() {
    let redis = Redis::start();
    let sender = new_uuid();
    let (mut ledger, mut earlier) = (ledger_of(&redis.url(), sender), ledger_of(&redis.url(), sender));
    ledger.load(EPOCH, pool(5), Vec::new()).await.unwrap();
    let lost = [ask_under(LeaseId(1), 1, "a", "PRO", 3)];
    // The second batch of this sender arrives before the first.
    ledger.apply(EPOCH, &[]).await.unwrap();
    ledger.apply(EPOCH, &[Instruction::GiveBack(call(1), LeaseId(1))]).await.unwrap();
    for _ in 0..2 {
        let late = earlier.apply(EPOCH, &lost).await.unwrap_err();
        assert_eq!(late, LedgerError::NotReady { holds: Some(EPOCH) });
    }
    assert_eq!(ledger.occupied().await.unwrap().total.held, 0);
    earlier.apply(EPOCH, &lost).await.unwrap();
    assert_eq!(ledger.occupied().await.unwrap().total.held, 1, "a third is not late");
}

#[actix::test]
async fn i3_an_acquire_that_timed_out_and_was_given_back_leaves_no_slot() {
    let redis = Redis::start();
    let mut ledger = ledger_at(&redis.url());
    ledger.load(EPOCH, pool(5), Vec::new()).await.unwrap();
    ledger.apply(EPOCH, &[]).await.unwrap();
    for n in 0..4 {
        let lease = LeaseId(n);
        let before = scripts_run(&redis);
        redis.pause();
        away(ledger.apply(EPOCH, &[ask_under(lease, n.into(), "a", "PRO", 9)])).await;
        redis.resume();
        // Both scripts are on their way now, in any order.
        let given_back = ledger.apply(EPOCH, &[Instruction::GiveBack(call(n.into()), lease)]).await.unwrap();
        assert!(matches!(given_back[..], [Answer::Released(_)]));
        let began = Instant::now();
        while scripts_run(&redis) < before + 2 {
            assert!(began.elapsed() < Duration::from_secs(10), "the late script never came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(ledger.occupied().await.unwrap().total.held, 0, "round {n}");
    }
}

fn scripts_run(redis: &Redis) -> u64 {
    let stats = redis.ask::<String>(&["INFO", "commandstats"]);
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next());
    calls.unwrap().parse().unwrap()
}
