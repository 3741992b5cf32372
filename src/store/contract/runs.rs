//! The reports of sweeps.

use rstest::rstest;

use serde_json::json;

use super::support::*;
use crate::store::Run;

#[rstest]
#[tokio::test]
async fn the_latest_sweeps_come_newest_first_as_they_were_recorded(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let run = |moment| Run {
        scope: "full".to_owned(),
        trigger: "interval".to_owned(),
        node: "node-1".to_owned(),
        started_at: after_noon(moment),
        finished_at: after_noon(moment + 250),
        report: json!({ "corrections": moment }),
    };
    for moment in [1_000, 0, 1_001] {
        store.record_run(&run(moment)).await.unwrap();
    }
    assert_eq!(store.runs(9, Some("ledger")).await.unwrap(), []);
    assert_eq!(store.runs(2, None).await.unwrap(), [run(1_001), run(1_000)]);
    assert_eq!(store.runs(9, None).await.unwrap().len(), 3);
    assert_eq!(store.run_after(&["full", "ledger"], None).await.unwrap(), Some(run(1_001)));
    assert_eq!(store.run_after(&["full"], Some(after_noon(1_000))).await.unwrap(), Some(run(1_001)));
    assert_eq!(store.run_after(&["full"], Some(after_noon(1_001))).await.unwrap(), None, "it is known already");
    assert_eq!(store.run_after(&["ledger"], None).await.unwrap(), None);
    store.forget_runs(after_noon(1_000)).await.unwrap();
    assert_eq!(store.runs(9, Some("full")).await.unwrap(), [run(1_001), run(1_000)]);
}

#[rstest]
#[tokio::test]
async fn the_last_full_sweep_is_the_last_to_which_everything_answered(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(store.last_full_sweep().await.unwrap(), None);
    let run = |scope: &str, moment, success: bool| Run {
        scope: scope.to_owned(),
        trigger: "interval".to_owned(),
        node: format!("node-{moment}"),
        started_at: after_noon(moment),
        finished_at: after_noon(moment + 250),
        report: json!({ "success": success }),
    };
    for swept in [run("full", 4_000, false), run("ledger", 3_000, true), run("provider", 3_500, true)] {
        store.record_run(&swept).await.unwrap();
    }
    assert_eq!(store.last_full_sweep().await.unwrap(), None);
    for swept in [run("full", 2_000, true), run("full", 1_000, true)] {
        store.record_run(&swept).await.unwrap();
    }
    assert_eq!(store.last_full_sweep().await.unwrap(), Some(after_noon(2_250)));
}
