//! API keys and what they open.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::gate::{Gate, a_call};
use crate::support::http::{Answer, Ask};
use crate::support::process::callgate;
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

#[actix::test]
async fn keys_are_listed_in_columns_and_as_json_and_revoked_by_the_beginning_of_their_ids() {
    let gate = Gate::start().await;
    let run = |arguments: &[&str]| gate.run(&[&["keys"], arguments].concat());
    let text = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text(&["list"]).contains("there are no keys"));
    let made: Value = serde_json::from_str(&text(&["create", "--name", "a long name", "--json"])).unwrap();
    let key = made["key"].as_str().unwrap();
    assert_eq!(
        (&made["name"], &made["scope"], &made["revokedAt"]),
        (&json!("a long name"), &json!("call"), &Value::Null)
    );
    text(&["create", "--name", "x", "--scope", "read"]);

    let listed = text(&["list"]);
    let lines: Vec<&str> = listed.lines().collect();
    let place = |name: &str| lines[0].find(name).unwrap();
    for (line, scope, name) in [(lines[1], "call", "a long name"), (lines[2], "read", "x")] {
        assert!(line[place("SCOPE")..].starts_with(scope), "{listed}");
        assert!(line[place("NAME")..].starts_with(name), "{listed}");
        assert_eq!(&line[place("STATE")..], "active", "{listed}");
    }
    let document: Value = serde_json::from_str(&text(&["list", "--json"])).unwrap();
    let ids: Vec<&str> = document["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0]), (2, made["id"].as_str().unwrap()));
    assert!(!document.to_string().contains(key), "{document}");

    let shared = ids[0].bytes().zip(ids[1].bytes()).take_while(|(one, other)| one == other).count();
    let several = run(&["revoke", &ids[0][..shared]]);
    assert_eq!(several.status.code(), Some(2), "{several:?}");
    assert!(
        text(&["revoke", &ids[0][..=shared]]).starts_with(&format!("revoked {} \"a long name\" scope call", ids[0]))
    );
    let again = run(&["revoke", ids[0]]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(text(&["list"]).lines().nth(1).unwrap().contains("revoked 20"));
}

#[test]
fn a_scope_that_is_none_is_refused_with_those_that_there_are_and_the_last_admin_key_goes_with_a_warning() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str], admin_key: &str| {
        let mut command = callgate(folder.path());
        command.env("CALLGATE__AUTH__ADMIN_KEY", admin_key).arg("keys").args(arguments).output().unwrap()
    };
    let refused = run(&["create", "--name", "a", "--scope", "root"], "");
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("'root'") && error.contains("read, call, admin"), "{error}");

    let warned_of = |admin_key: &str, others: &[&str]| {
        for scope in others {
            run(&["create", "--name", "other", "--scope", scope], "");
        }
        let made = run(&["create", "--name", "a", "--scope", "admin", "--json"], "");
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let revoked = run(&["revoke", made["id"].as_str().unwrap()], admin_key);
        assert_eq!(revoked.status.code(), Some(0), "{revoked:?}");
        String::from_utf8(revoked.stderr).unwrap()
    };
    assert!(warned_of("", &[]).contains("the last key of scope admin, and the last key at all"));
    assert_eq!(warned_of("in-the-configuration", &[]), "");
    assert!(warned_of("", &["call"]).contains("the last key of scope admin: "));
    assert_eq!(warned_of("", &["admin"]), "");
}
