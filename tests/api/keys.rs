//! API keys and what they open.

use serde_json::{Value, json};

use crate::support::gate::{Gate, a_call};
use crate::support::http::{Answer, Ask};
use crate::support::wait::eventually;

const ADMIN: &str = "the-admins-key-of-the-tests";

async fn a_gate_with_an_admin() -> Gate {
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", ADMIN).start().await;
    let business = json!({"name": "42", "plan": "PRO", "status": "ACTIVE"});
    gate.ask(Ask::put("/api/businesses/42").key(ADMIN).json(&business)).await.success();
    gate
}

/// Makes a key by the command line.
fn create_key(gate: &Gate, name: &str, scope: &str) -> String {
    let made = gate.run(&["keys", "create", "--name", name, "--scope", scope]);
    assert!(made.status.success(), "{made:?}");
    let stdout = String::from_utf8(made.stdout).unwrap();
    stdout.lines().last().expect("the key is the last line").trim().to_owned()
}

/// Asks for each thing that a scope opens: reading, calling, administering.
async fn read_call_admin(gate: &Gate, key: &str) -> [Answer; 3] {
    [
        gate.ask(Ask::get("/api/calls").key(key)).await,
        gate.ask(Ask::post("/api/calls").key(key).json(&a_call("42"))).await,
        gate.ask(Ask::put("/api/pools/default").key(key).json(&json!({"paused": false}))).await,
    ]
}

#[actix::test]
async fn without_a_valid_key_everything_but_the_open_doors_is_a_401() {
    let gate = a_gate_with_an_admin().await;
    for path in [
        "/api/calls",
        "/api/calls/0198a0f4-7f0e-7000-8000-000000000001",
        "/api/businesses",
        "/api/businesses/42",
        "/api/pools/default",
        "/api/concurrent-metrics",
        "/api/concurrent-metrics/status",
        "/api/concurrent-metrics/events",
        "/api/concurrent-metrics/prometheus",
        "/api/events/stream",
        "/api/events/stream?overview=true",
        "/api/overview",
        "/api/overview/history",
        "/api/reconciliations",
        "/metrics",
        "/debug/actors",
        "/debug/actors/capacity",
    ] {
        let asks = [
            Ask::get(path),
            Ask::get(path).key("another key"),
            Ask::get(path).key(""),
            Ask::get(path).header("Authorization", ADMIN),
            Ask::get(path).header("Authorization", &format!("Basic {ADMIN}")),
            Ask::get(path).key(&ADMIN[..ADMIN.len() - 1]),
        ];
        for ask in asks {
            gate.ask(ask).await.problem(401, "UNAUTHORIZED");
        }
    }
    gate.ask(Ask::post("/api/calls").json(&a_call("42"))).await.problem(401, "UNAUTHORIZED");
    gate.ask(Ask::post("/api/calls").json(&json!({}))).await.problem(401, "UNAUTHORIZED");
    gate.ask(Ask::post("/api/reconciliations")).await.problem(401, "UNAUTHORIZED");
    gate.ask(Ask::put("/api/pools/default").json(&json!({"cap": 9}))).await.problem(401, "UNAUTHORIZED");

    gate.get("/health/live").await.expect(200);
    gate.get("/health/ready").await.expect(200);
    gate.post("/api/webhooks/elevenlabs", &json!({})).await.problem(401, "INVALID_SIGNATURE");
    gate.ask(Ask::get("/api/calls").key(ADMIN)).await.expect(200);
}

#[actix::test]
async fn a_key_opens_what_its_scope_says_and_no_more() {
    let gate = a_gate_with_an_admin().await;
    let statuses = |answers: &[Answer; 3]| answers.each_ref().map(Answer::code);
    for (scope, expected) in [("read", [200, 403, 403]), ("call", [200, 201, 403]), ("admin", [200, 201, 200])] {
        let key = create_key(&gate, scope, scope);

        let answers = read_call_admin(&gate, &key).await;

        assert_eq!(statuses(&answers), expected, "scope {scope}");
        for refused in answers.iter().filter(|answer| answer.code() == 403) {
            refused.problem(403, "FORBIDDEN");
        }
        assert!(!gate.log().contains(&key), "the key is in the log");
    }
    assert_eq!(statuses(&read_call_admin(&gate, ADMIN).await), [200, 201, 200]);
    assert!(!gate.log().contains(ADMIN), "the key is in the log");
}

#[actix::test]
async fn only_an_admin_may_say_that_a_call_is_over_and_the_event_says_by_what_right() {
    let gate = a_gate_with_an_admin().await;
    let key = create_key(&gate, "platform", "call");
    let asked = Ask::post("/api/calls").key(&key).json(&a_call("42"));
    let call_id = gate.ask(asked).await.expect(201)["callId"].as_str().unwrap().to_owned();
    let force_end = Ask::post(&format!("/api/calls/{call_id}/force-end")).json(&json!({"reason": "nobody is there"}));

    gate.ask(force_end.clone()).await.problem(401, "UNAUTHORIZED");
    gate.ask(force_end.clone().key(&key)).await.problem(403, "FORBIDDEN");
    gate.ask(force_end.key(ADMIN)).await.expect(200);

    let events = gate.ask(Ask::get(&format!("/api/calls/{call_id}/events")).key(&key)).await.expect(200);
    let ended = events["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&ended["type"], &ended["data"]["witness"]), (&json!("CallEnded"), &json!("operator")));
    assert_eq!(ended["data"]["note"], "nobody is there (by a key with scope admin)");
}

#[actix::test]
async fn a_key_in_the_database_closes_what_was_open_and_a_revoked_one_opens_nothing() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let key = create_key(&gate, "first", "admin");
    eventually("the gate asks for keys", async || (gate.get("/api/calls").await.code() == 401).then_some(())).await;
    gate.ask(Ask::get("/api/calls").key(&key)).await.expect(200);

    let second = create_key(&gate, "second", "read");
    gate.ask(Ask::get("/api/calls").key(&second)).await.expect(200);
    let listed = gate.run(&["keys", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("first") && listed.contains("second") && listed.contains("read"), "{listed}");
    assert!(!listed.contains(&key) && !listed.contains(&second), "{listed}");

    let id = listed.lines().find(|line| line.contains("second")).unwrap().split(' ').next().unwrap();
    let revoked = gate.run(&["keys", "revoke", id]);
    assert!(revoked.status.success(), "{revoked:?}");
    eventually("the key opens nothing", async || {
        (gate.ask(Ask::get("/api/calls").key(&second)).await.code() == 401).then_some(())
    })
    .await;
    gate.ask(Ask::get("/api/calls").key(&key)).await.expect(200);
}

#[actix::test]
async fn the_metrics_token_opens_the_metrics_and_nothing_else() {
    let gate = Gate::builder()
        .env("CALLGATE__AUTH__ADMIN_KEY", ADMIN)
        .env("CALLGATE__METRICS__TOKEN", "the-scrapers-token")
        .start()
        .await;
    for path in ["/metrics", "/api/concurrent-metrics/prometheus"] {
        assert_eq!(gate.ask(Ask::get(path).key("the-scrapers-token")).await.code(), 200);
        gate.ask(Ask::get(path)).await.problem(401, "UNAUTHORIZED");
        gate.ask(Ask::get(path).key("another")).await.problem(401, "UNAUTHORIZED");
    }
    gate.ask(Ask::get("/api/calls").key("the-scrapers-token")).await.problem(401, "UNAUTHORIZED");
}

#[actix::test]
async fn without_any_key_everything_is_open_on_loopback_and_a_warning_says_so() {
    let gate = Gate::start().await;
    gate.get("/api/calls").await.expect(200);
    let warned = gate.log().lines().any(|line| line.contains("WARN") && line.to_lowercase().contains("key"));
    assert!(warned, "{}", gate.log());
    assert_eq!(gate.get("/api/calls").await.expect(200)["nextCursor"], Value::Null);
}
