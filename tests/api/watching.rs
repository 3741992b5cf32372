//! What can be watched: metrics, counts, events, actors, health.

use std::collections::BTreeSet;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::feed::Feed;
use crate::support::gate::Gate;
use crate::support::http::Ask;
use crate::support::wait::{eventually, settles};

async fn a_gate_with_a_call() -> (Gate, String) {
    let gate = Gate::builder().cap(2).start().await;
    gate.put_business("42", "PRO").await;
    let call_id = gate.start_call("42").await;
    (gate, call_id)
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[actix::test]
async fn metrics_are_openmetrics_text_with_the_names_of_the_contract() {
    let (gate, _) = a_gate_with_a_call().await;
    gate.start_call("42").await;
    gate.post_call("42").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");

    for path in ["/metrics", "/api/concurrent-metrics/prometheus"] {
        let answer = gate.get(path).await;
        answer.header("content-type").filter(|kind| kind.starts_with("application/openmetrics-text")).unwrap();
        let text = answer.text();
        for line in [
            "# TYPE platform_global_active_calls gauge",
            "platform_global_active_calls 2",
            "# TYPE concurrent_rejected counter",
            r#"concurrent_rejected_total{reason="GLOBAL_CAPACITY_EXCEEDED",plan="PRO"} 1"#,
            "# TYPE elevenlabs_429 counter",
            "elevenlabs_429_total 0",
            r#"callgate_admissions_total{plan="PRO",direction="outbound"} 2"#,
            r#"callgate_calls{state="active"} 2"#,
            r#"callgate_slots_held{plan="PRO"} 2"#,
            "callgate_slots_cap 2",
            "callgate_slots_overflow 0",
            r#"callgate_ledger_mode{mode="memory"} 1"#,
            r#"callgate_provider_requests_total{operation="place",outcome="ok"} 2"#,
            r#"callgate_http_request_duration_seconds_count{method="POST",route="/api/calls",status="201"} 2"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        for family in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = family.split(' ').next().unwrap();
            let contracted = ["platform_global_active_calls", "concurrent_rejected", "elevenlabs_429"];
            assert!(name.starts_with("callgate_") || contracted.contains(&name), "{name}");
        }
    }
}

#[actix::test]
async fn what_an_alert_waits_for_is_counted_from_zero() {
    let gate = Gate::builder().start().await;
    let text = gate.metrics().await;
    let actors = ["capacity", "journal", "supervisor", "sessions", "session_thread_1", "session_thread_2"];
    let of_actors = actors.iter().flat_map(|actor| {
        ["callgate_actor_restarts_total", "callgate_actors_wedged_total"]
            .map(|name| format!(r#"{name}{{actor="{actor}"}} 0"#))
    });
    let of_plans = ["PAYG", "STARTER", "PRO", "ENTERPRISE"].into_iter().flat_map(|plan| {
        ["inbound", "outbound"]
            .map(|direction| format!(r#"callgate_admissions_total{{plan="{plan}",direction="{direction}"}} 0"#))
    });
    let others = [
        r#"callgate_sweeps_total{kind="full",outcome="failed"} 0"#,
        r#"callgate_sweeps_total{kind="ledger",outcome="partial"} 0"#,
        r#"callgate_webhooks_total{type="post_call_transcription",outcome="ended"} 0"#,
        r#"callgate_sweep_corrections_total{reason="provider_ended"} 0"#,
        "callgate_hangups_stalled_total 0",
        "callgate_commit_failures_total 0",
        "callgate_overloaded_total 0",
        "elevenlabs_429_total 0",
    ];
    for line in of_actors.chain(of_plans).chain(others.map(str::to_owned)) {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
}

#[actix::test]
async fn what_the_house_is_like_is_a_gauge_too() {
    let gate = Gate::builder().env("CALLGATE__RECONCILE__INTERVAL_SECONDS", "900").start().await;
    let figure = async |name: &str| {
        let text = gate.metrics().await;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap().to_owned()
    };
    assert_eq!(figure("callgate_database_up").await, "1");
    assert_eq!(figure("callgate_pool_paused").await, "0");
    assert_eq!(figure("callgate_full_sweep_interval_seconds").await, "900.0");
    assert_eq!(figure("callgate_last_full_sweep_timestamp_seconds").await, "0.0", "none has run");
    let started = figure("callgate_process_start_time_seconds").await;

    gate.put_pool(&json!({"paused": true})).await;
    gate.post_reconciliation().await;

    assert_eq!(figure("callgate_pool_paused").await, "1");
    let swept = figure("callgate_last_full_sweep_timestamp_seconds").await;
    let [swept, since] = [&swept, &started].map(|moment| moment.parse::<f64>().unwrap());
    assert!(swept > since, "the sweep was done at {swept}, the process started at {since}");
    assert_eq!(figure("callgate_process_start_time_seconds").await, started);
}

#[actix::test]
async fn the_counts_have_the_shape_of_the_contract() {
    let (gate, call_id) = a_gate_with_a_call().await;
    gate.start_call("42").await;
    gate.post_call("42").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");

    let expected = json!({
        "activeCalls": 2, "totalRejections": 1, "rejectionsByReason": {"GLOBAL_CAPACITY_EXCEEDED": 1},
        "rejectionsByPlan": {"PRO": 1}, "elevenlabs429Count": 0,
        "globalStatus": {
            "active": 2, "limit": 2, "available": 0, "utilizationPercent": 100.0,
            "byPlan": {"PAYG": 0, "STARTER": 0, "PRO": 2, "ENTERPRISE": 0},
        },
    });
    let metrics = gate.concurrent_metrics().await;
    assert_eq!(metrics, expected);

    let status = gate.status().await;
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(status[key], *value, "{key}");
    }
    assert_eq!((&status["ledgerMode"], &status["overflow"]), (&json!("memory"), &json!(0)));
    assert_eq!(status["oversubscription"]["cap"], 2);
    assert_eq!(
        keys(&status["oversubscription"]),
        BTreeSet::from(["sold", "cap", "ratio", "thresholdRatio", "exceeded"])
    );
    let calls = status["calls"].as_array().unwrap();
    let call = calls.iter().find(|call| call["callId"] == call_id).unwrap();
    assert!(keys(call).is_superset(&BTreeSet::from([
        "callId",
        "businessId",
        "plan",
        "direction",
        "status",
        "ageSeconds"
    ])));
    assert_eq!((&call["status"], &call["direction"]), (&json!("active"), &json!("outbound")));
    assert!(call["ageSeconds"].is_u64());
}

#[actix::test]
async fn the_latest_events_of_all_calls_are_told_and_refusals_among_them() {
    let (gate, call_id) = a_gate_with_a_call().await;
    gate.start_call("42").await;
    gate.post_call("42").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");

    settles(true, async || {
        let events = gate.get("/api/concurrent-metrics/events?limit=50").await.expect(200);
        let events = events["events"].as_array().unwrap();
        let about = |kind: &str| events.iter().any(|event| event["type"] == kind);
        let own = events.iter().filter(|event| event["callId"] == call_id).count();
        own == 3 && about("AdmissionRejected") && about("CallPlaced")
    })
    .await;
    let two = gate.get("/api/concurrent-metrics/events?limit=2").await.expect(200);
    assert_eq!(two["events"].as_array().unwrap().len(), 2);
}

#[actix::test]
async fn a_reader_of_another_database_hears_what_happens_from_now_on() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;

    let mut feed = Feed::open(&gate, Some(9_000_000_000)).await;
    let call = gate.start_call("42").await;

    assert_eq!(feed.next().await.data["callId"], json!(call));
}

#[actix::test]
async fn the_feed_goes_on_where_a_reader_left_and_skips_nothing() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let mut feed = Feed::open(&gate, None).await;
    let first = gate.start_call("42").await;
    let seen = feed.take(3).await;
    drop(feed);
    assert_eq!(seen.iter().map(|event| event.data["callId"].clone()).collect::<Vec<_>>(), vec![json!(first); 3]);
    assert_eq!(seen[0].data["type"], "CallRequested");

    let second = gate.start_call("42").await;
    gate.provider.hang_up_all().await;
    gate.holds(0).await;

    let mut resumed = Feed::open(&gate, Some(seen[2].id)).await;
    let rest = resumed.take(5).await;
    let mut whole = Feed::open(&gate, Some(0)).await;
    let mut again = whole.take(8).await;
    // Notes of the gate itself may come first.
    while !again.iter().any(|event| *event == rest[4]) {
        again.push(whole.next().await);
    }
    assert!(rest.iter().all(|event| event.id > seen[2].id));
    assert!(rest.windows(2).all(|pair| pair[0].id < pair[1].id), "{rest:?}");
    assert!(again.ends_with(&[&seen[..], &rest[..]].concat()), "the same events under the same ids");
    let of = |call_id: &str| rest.iter().filter(|event| event.data["callId"] == call_id).count();
    assert_eq!((of(&first), of(&second)), (1, 4), "an end; and a whole life");
}

#[actix::test]
async fn the_actors_show_themselves() {
    let (gate, call_id) = a_gate_with_a_call().await;

    let all = gate.get("/debug/actors").await.expect(200);

    assert!(!all["node"].as_str().unwrap().is_empty());
    assert!(all["sessions"]["live"].as_u64().unwrap() >= 1, "{all}");
    assert!(all["sessions"]["activated"].as_u64().unwrap() >= 1, "{all}");
    for name in ["capacity", "journal", "supervisor"] {
        let actor = all["actors"].as_array().unwrap().iter().find(|actor| actor["name"] == name).unwrap();
        assert_eq!((&actor["state"], &actor["restarts"]), (&json!("running"), &json!(0)), "{actor}");
        assert!(
            actor["lastCrash"].is_null() && actor["mailbox"].is_u64() && actor["uptimeSeconds"].is_u64(),
            "{actor}"
        );
        gate.get(&format!("/debug/actors/{name}")).await.expect(200);
    }
    let session = gate.get(&format!("/debug/actors/sessions/{call_id}")).await.expect(200);
    assert_eq!((&session["state"], &session["sequence"]), (&json!("active"), &json!(3)));
    assert!(session["ageSeconds"].is_u64() && session["node"].is_string(), "{session}");
}

#[actix::test]
async fn the_supervisor_shows_every_actors_restarts_their_limits_and_its_last_sign_of_life() {
    let (gate, _) = a_gate_with_a_call().await;

    let shown = eventually("everybody has answered a ping", async || {
        let shown = gate.get("/debug/actors/supervisor").await.expect(200);
        let actors = shown["actors"].as_array().unwrap();
        let guarded = actors.iter().filter(|actor| !actor["limits"].is_null());
        guarded.clone().all(|actor| actor["pingAnsweredSecondsAgo"].is_u64()).then_some(shown)
    })
    .await;

    let limits =
        json!({"crashes": 10, "windowSeconds": 60, "firstPauseMilliseconds": 10, "longestPauseMilliseconds": 1000});
    let actors = shown["actors"].as_array().unwrap();
    let names: Vec<_> = actors.iter().map(|actor| actor["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["capacity", "journal", "session_thread_1", "session_thread_2", "sessions", "supervisor"]);
    for actor in actors {
        assert_eq!(actor["limits"], if actor["name"] == "sessions" { Value::Null } else { limits.clone() }, "{actor}");
        let counts = (&actor["restarts"], &actor["crashesInWindow"], &actor["wedged"], &actor["lastCrash"]);
        assert_eq!(counts, (&json!(0), &json!(0), &json!(0), &Value::Null), "{actor}");
        assert_eq!(actor["state"], "running");
    }
    let watch = json!({
        "pingEverySeconds": 5.0, "answerWithinSeconds": 30.0, "restartWithinSeconds": 30.0,
        "sessionAnswersWithinSeconds": 120.0, "exitWithinSeconds": 60.0,
    });
    assert_eq!(shown["watch"], watch);
}

#[actix::test]
async fn health_says_what_works_and_is_always_open() {
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", "the-admins-key-of-the-tests").start().await;
    gate.get("/health/live").await.expect(200);
    let ready = gate.get("/health/ready").await;
    ready.expect(200);
    assert!(ready.text().contains("memory"), "the admission mode: {ready}");
}

#[actix::test]
async fn an_answer_names_its_request_by_the_callers_word_if_that_is_a_plain_one() {
    let gate = Gate::start().await;
    let of = async |id: &str| {
        let answer = gate.ask(Ask::get("/health/live").header("X-Request-Id", id)).await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(of("abc-1").await, "abc-1");
    for strange in ["a b", "", &"x".repeat(500), "<script>"] {
        assert_ne!(of(strange).await, strange);
    }
}

#[actix::test]
async fn head_asks_for_what_get_gives_without_the_body() {
    let gate = Gate::start().await;
    for path in ["/health/ready", "/metrics", "/api/calls", "/api/overview", "/debug/actors"] {
        let answer = gate.ask(Ask::new(Method::HEAD, path)).await;
        assert_eq!((answer.code(), answer.text().as_str()), (200, ""), "{path}");
    }
}
