//! `callgate reconcile`: asks the gate that runs, or sweeps by itself where none does.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::gate::Gate;
use crate::support::wait::eventually;

fn report(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, says: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(says), "{says:?} is not in {error:?}");
}

#[actix::test]
async fn a_gate_that_runs_is_asked_for_the_sweep() {
    let gate = Gate::start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate.start_call("ent").await;

    let printed = report(&gate.run(&["reconcile", "--url", gate.address()]));

    assert_eq!((&printed["activeSessionsCount"], &printed["ledgerActiveCount"]), (&json!(1), &json!(1)), "{printed}");
    let kept = gate.get("/api/reconciliations?limit=1").await.json();
    assert_eq!(kept["reconciliations"][0]["trigger"], "request");
    gate.holds(1).await;
}

#[actix::test]
async fn where_no_gate_runs_the_command_sweeps_by_itself() {
    let mut gate = Gate::start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    let ids = gate.start_calls("ent", 2).await;
    let over = gate.conversation_of(&ids[0]).await;
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.kill_9();
    gate.provider.hang_up(&over).await;

    let corrected = eventually("the call is found to be over", async || {
        let printed = report(&gate.run(&["reconcile"]));
        (printed["cleaned"] == 1).then_some(printed)
    })
    .await;

    assert_eq!(corrected["corrections"], json!([{"callId": ids[0], "reason": "provider_ended"}]));
    gate.start_again().await;
    gate.holds(1).await;
    let kept = gate.get("/api/reconciliations?limit=1").await.json();
    assert_eq!(kept["reconciliations"][0]["trigger"], "command");
}

#[actix::test]
async fn a_sweep_that_is_not_complete_exits_1_and_still_prints_its_report() {
    let gate = Gate::start().await;
    gate.provider.behave(json!({"api": "500"})).await;
    let output = gate.run(&["reconcile", "--url", gate.address()]);
    refused(&output, 1, "the sweep is not complete");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["success"], false);
    gate.provider.behave(json!({"api": "ok"})).await;
}

#[actix::test]
async fn nobody_at_the_url_a_key_that_is_missing_and_a_url_that_is_none_are_told() {
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", "the-admin-key").start().await;
    refused(&gate.run(&["reconcile", "--url", "http://127.0.0.1:9"]), 1, "no gate answers");
    refused(&gate.run(&["reconcile", "--url", gate.address(), "--key", "another"]), 2, "--key");
    refused(&gate.run(&["reconcile", "--url", "callgate"]), 2, "http://");
    refused(&gate.run(&["reconcile", "--url", "http://callgate.invalid"]), 2, "--key or CALLGATE_KEY");
    // The gate runs, on a port that the configuration does not name: its database is taken.
    refused(&gate.run(&["reconcile"]), 2, "another callgate");
}
