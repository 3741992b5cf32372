//! What an operator watches: in one answer, on the event stream, and over the past hour.

use serde_json::{Value, json};

use crate::support::feed::{Feed, FeedEvent, Told};
use crate::support::gate::Gate;
use crate::support::http::Ask;
use crate::support::proxy::Line;
use crate::support::wait::{eventually, settles};

fn plan<'a>(overview: &'a Value, name: &str) -> &'a Value {
    overview["plans"].as_array().unwrap().iter().find(|plan| plan["plan"] == name).unwrap()
}

fn types(events: &[FeedEvent]) -> Vec<&str> {
    events.iter().map(|event| event.data["type"].as_str().unwrap()).collect()
}

#[actix::test]
async fn the_overview_of_a_gate_without_calls_has_every_figure() {
    let gate = Gate::builder().plan("PRO", 3, 2).start().await;

    let overview = gate.overview().await;

    let pool = json!({
        "pool": "default", "cap": 5, "paused": false, "held": 0, "overflow": 0, "available": 5,
        "utilizationPercent": 0.0,
    });
    assert_eq!(overview["pool"], pool);
    assert_eq!(overview["ledger"], json!({"mode": "memory", "epoch": 1, "drift": null, "cutOff": false}));
    let calls = json!({"placing": 0, "uncertain": 0, "active": 0, "terminating": 0, "stuckTerminations": 0});
    assert_eq!(overview["calls"], calls);
    let pro = json!({
        "plan": "PRO", "limit": 3, "held": 0, "overflow": 0, "reserved": 2, "businesses": 0, "sold": 0,
    });
    assert_eq!(plan(&overview, "PRO"), &pro);
    assert_eq!(plan(&overview, "ENTERPRISE")["limit"], 5, "the cap");
    assert_eq!(overview["businesses"], json!({"withCalls": 0, "atLimit": 0, "busiest": []}));
    let oversubscription = json!({"sold": 0, "cap": 5, "ratio": 0.0, "thresholdRatio": 3.0, "exceeded": false});
    assert_eq!(overview["oversubscription"], oversubscription);
    let rejections = json!({"total": 0, "byReason": {}, "byPlan": {}, "elevenlabs429": 0});
    assert_eq!(overview["rejections"], rejections);
    let actors = overview["actors"].as_array().unwrap();
    let names: Vec<_> = actors.iter().map(|actor| actor["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["capacity", "journal", "session_thread_1", "session_thread_2", "sessions", "supervisor"]);
    for actor in actors {
        assert_eq!(
            (&actor["state"], &actor["restarts"], &actor["lastCrash"]),
            (&json!("running"), &json!(0), &Value::Null)
        );
        assert!(actor["mailbox"].is_u64() && actor["uptimeSeconds"].is_u64(), "{actor}");
    }
    assert_eq!(overview["sessions"], json!({"live": 0, "activated": 0}));
    let sweep = &overview["sweep"];
    assert_eq!((&sweep["sweeping"], &sweep["last"]), (&json!(false), &Value::Null), "no sweep yet");
    assert_eq!((&sweep["intervalSeconds"], &sweep["ledgerIntervalSeconds"]), (&json!(3600), &json!(3600)));
    assert_eq!((&sweep["sweeper"], &sweep["step"]["name"]), (&overview["node"], &json!("")));
    assert_eq!(overview["provider"], json!({"kind": "elevenlabs", "simulatorUrl": null}));
    assert_eq!(overview["version"], env!("CARGO_PKG_VERSION"));
    assert!(overview["at"].as_str().unwrap().ends_with('Z') && overview["uptimeSeconds"].is_u64(), "{overview}");
}

#[actix::test]
async fn the_figures_follow_calls_that_start_are_refused_and_end() {
    let gate = Gate::start().await;
    gate.put_business("full", "PAYG").await;
    gate.put_business("room", "PRO").await;
    gate.start_calls("room", 2).await;
    gate.start_call("full").await;
    gate.post_call("full").await.capacity_problem("BUSINESS_LIMIT");

    let overview = gate.overview().await;

    let pool = &overview["pool"];
    assert_eq!((&pool["held"], &pool["available"], &pool["utilizationPercent"]), (&json!(3), &json!(2), &json!(60.0)));
    assert_eq!((&overview["calls"]["active"], &plan(&overview, "PRO")["held"]), (&json!(3), &json!(2)));
    let businesses = json!({
        "withCalls": 2, "atLimit": 1,
        "busiest": [
            {"businessId": "full", "name": "full", "plan": "PAYG", "active": 1, "limit": 1},
            {"businessId": "room", "name": "room", "plan": "PRO", "active": 2, "limit": 3},
        ],
    });
    assert_eq!(overview["businesses"], businesses);
    let rejections = json!({
        "total": 1, "byReason": {"BUSINESS_LIMIT": 1}, "byPlan": {"PAYG": 1}, "elevenlabs429": 0,
    });
    assert_eq!(overview["rejections"], rejections);
    assert_eq!(
        (&overview["oversubscription"]["sold"], &overview["oversubscription"]["ratio"]),
        (&json!(4), &json!(0.8))
    );
    assert!(overview["sessions"]["live"].as_u64().unwrap() >= 1, "{overview}");
    assert_eq!(gate.metric("callgate_businesses_at_limit").await, 1);

    gate.provider.hang_up_all().await;
    settles((json!(0), json!(0), json!(0)), async || {
        let overview = gate.overview().await;
        let businesses = overview["businesses"]["withCalls"].clone();
        (overview["pool"]["held"].clone(), overview["calls"]["active"].clone(), businesses)
    })
    .await;
}

#[actix::test]
async fn the_last_sweep_and_its_drift_are_those_that_were_recorded() {
    let gate = Gate::start().await;
    gate.post_reconciliation().await;

    let overview = gate.overview().await;

    let last = &overview["sweep"]["last"];
    assert_eq!((&last["scope"], &last["trigger"]), (&json!("full"), &json!("request")));
    assert_eq!((&last["success"], &last["error"], &last["corrections"]), (&json!(true), &Value::Null, &json!(0)));
    assert_eq!((&last["node"], &overview["ledger"]["drift"]), (&overview["node"], &json!(0)));

    gate.provider.behave(json!({"api": "500"})).await;
    gate.post_reconciliation().await;
    let last = gate.overview().await["sweep"]["last"].clone();
    assert_eq!(last["success"], false);
    assert!(!last["error"].as_str().unwrap().is_empty(), "{last}");
    gate.provider.behave(json!({"api": "ok"})).await;
}

#[actix::test]
async fn while_the_ledger_recovers_the_overview_leaves_its_counts_open() {
    let gate = Gate::builder().behind_proxy().cut_off().start().await;
    gate.put_business("42", "PRO").await;

    let overview = gate.overview().await;

    assert_eq!(overview["ledger"]["mode"], "recovering");
    let pool = &overview["pool"];
    assert_eq!((&pool["cap"], &pool["paused"]), (&json!(5), &json!(false)));
    for unknown in ["held", "overflow", "available", "utilizationPercent"] {
        assert_eq!(pool[unknown], Value::Null, "{unknown}");
    }
    let pro = json!({
        "plan": "PRO", "limit": 3, "held": null, "overflow": null, "reserved": 0, "businesses": 1, "sold": 3,
    });
    assert_eq!(plan(&overview, "PRO"), &pro);
    assert_eq!(overview["businesses"], json!({"withCalls": null, "atLimit": null, "busiest": []}));
    assert_eq!(overview["oversubscription"]["sold"], 3);
    gate.proxy().set(Line::Forward);
    settles(json!(0), async || gate.overview().await["pool"]["held"].clone()).await;
}

#[actix::test]
async fn what_is_sold_is_the_sum_of_the_limits_and_the_threshold_is_told_once_when_it_is_crossed() {
    let gate = Gate::builder().env("CALLGATE__CAPACITY__OVERSUBSCRIPTION_THRESHOLD_RATIO", "1.5").start().await;
    let told = async || {
        let told = gate.overview().await["oversubscription"].clone();
        assert_eq!(gate.status().await["oversubscription"], told, "the status says the same");
        told
    };
    gate.put_business("pro", "PRO").await;
    gate.put_business("enterprise", "ENTERPRISE").await;
    let business = |status: &str| json!({"name": "own", "plan": "PAYG", "status": status, "concurrentLimit": 7});
    gate.change_business("own", &business("SUSPENDED")).await;
    let sold = |sold: u32, ratio: f64, exceeded: bool| json!({"sold": sold, "cap": 5, "ratio": ratio, "thresholdRatio": 1.5, "exceeded": exceeded});
    settles(sold(8, 1.6, true), told).await;

    gate.change_business("own", &business("TRIAL")).await;
    settles(sold(15, 3.0, true), told).await;
    let metrics = gate.metrics().await;
    for line in [
        r#"callgate_slots_sold{plan="PAYG"} 7"#,
        r#"callgate_slots_sold{plan="PRO"} 3"#,
        r#"callgate_slots_sold{plan="ENTERPRISE"} 5"#,
        r#"callgate_slots_sold{plan="STARTER"} 0"#,
        "callgate_oversubscription_ratio 3.0",
        "callgate_oversubscription_threshold_ratio 1.5",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line} is not in\n{metrics}");
    }

    let logged = |level: &str, words: &str| {
        let log = gate.log();
        log.lines().filter(|line| line.contains(level) && line.contains(words)).count()
    };
    eventually("the log warns", async || {
        (logged(" WARN ", "more slots are sold than the threshold allows") > 0).then_some(())
    })
    .await;
    gate.delete("/api/businesses/own").await.expect(204);
    gate.delete("/api/businesses/enterprise").await.expect(204);
    settles(sold(3, 0.6, false), told).await;
    eventually("the log says that it is over", async || {
        (logged(" INFO ", "no more slots are sold than the threshold allows") > 0).then_some(())
    })
    .await;
    let told = (logged(" WARN ", "slots are sold"), logged(" INFO ", "slots are sold"));
    assert_eq!(told, (1, 1), "each once");
}

#[actix::test]
async fn the_history_grows_and_shows_how_full_the_pool_was() {
    let gate = Gate::start().await;
    gate.put_business("42", "PAYG").await;
    gate.start_call("42").await;
    gate.post_call("42").await.capacity_problem("BUSINESS_LIMIT");

    let history = eventually("two samples that show the call", async || {
        let history = gate.get("/api/overview/history").await.expect(200);
        let shows = |sample: &&Value| sample["held"] == 1 && sample["rejected"] == 1;
        (history["samples"].as_array().unwrap().iter().filter(shows).count() >= 2).then_some(history)
    })
    .await;

    assert_eq!(history["intervalSeconds"], 5);
    let samples = history["samples"].as_array().unwrap();
    let times: Vec<&str> = samples.iter().map(|sample| sample["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let last = samples.last().unwrap();
    assert_eq!((&last["cap"], &last["overflow"]), (&json!(5), &json!(0)));
}

#[actix::test]
async fn the_stream_tells_the_overview_at_once_and_when_it_changes_between_the_lifecycle_events() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let mut feed = Feed::open_with_overview(&gate, None).await;
    let Told::Overview(first) = feed.told().await else { panic!("the overview comes before anything happens") };
    assert_eq!(first["pool"]["held"], 0);
    let shape = |overview: &Value| overview.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(shape(&first), shape(&gate.overview().await), "it is that of the route");

    let call_id = gate.start_call("42").await;

    let mut lifecycle = Vec::new();
    let mut held = json!(0);
    while lifecycle.len() < 3 || held != 1 {
        match feed.told().await {
            Told::Lifecycle(event) => lifecycle.push(event),
            Told::Overview(overview) => held = overview["pool"]["held"].clone(),
        }
    }
    assert_eq!(types(&lifecycle), ["CallRequested", "CallAdmitted", "CallPlaced"]);
    assert!(lifecycle.iter().all(|event| event.data["callId"] == *call_id), "{lifecycle:?}");
    gate.provider.hang_up_all().await;
    feed.overview_where("the call is over", |overview| overview["pool"]["held"] == 0).await;
    assert_eq!(feed.overview_where("again, though nothing changes", |_| true).await["pool"]["held"], 0);
}

#[actix::test]
async fn whoever_resumes_a_stream_with_the_overview_skips_no_lifecycle_event() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let mut feed = Feed::open_with_overview(&gate, None).await;
    gate.start_call("42").await;
    let seen = feed.take(3).await;
    feed.overview_where("the call is shown", |overview| overview["pool"]["held"] == 1).await;
    drop(feed);
    gate.start_call("42").await;
    gate.provider.hang_up_all().await;
    gate.holds(0).await;

    let mut resumed = Feed::open_with_overview(&gate, Some(seen[2].id)).await;
    let rest = resumed.take(5).await;

    let mut plain = Feed::open(&gate, Some(seen[2].id)).await;
    assert_eq!(plain.take(5).await, rest, "the same events as without the overview");
    assert_eq!(resumed.next_overview().await["pool"]["held"], 0);
}

#[actix::test]
async fn however_many_read_the_overview_is_made_once_for_all_of_them() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let mut feeds = Vec::new();
    for _ in 0..3 {
        let mut feed = Feed::open_with_overview(&gate, None).await;
        feed.next_overview().await;
        feeds.push(feed);
    }
    gate.start_call("42").await;

    let mut told = Vec::new();
    for feed in &mut feeds {
        told.push(feed.overview_where("the call", |overview| overview["calls"]["active"] == 1).await);
    }

    assert_eq!(told[0], told[1], "looked at one moment");
    assert_eq!(told[1], told[2]);
}

#[actix::test]
async fn a_stream_without_the_word_tells_no_overview_and_any_other_word_is_refused() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let mut feed = Feed::open(&gate, None).await;
    gate.start_call("42").await;
    for _ in 0..3 {
        assert!(matches!(feed.told().await, Told::Lifecycle(_)));
    }
    for query in ["overview=1", "overview=yes", "overview=TRUE", "overview=true&overview=true", "status=true", "o"] {
        gate.get(&format!("/api/events/stream?{query}")).await.problem(400, "INVALID_REQUEST");
    }
    for path in ["/api/overview", "/api/overview/history"] {
        gate.get(&format!("{path}?limit=1")).await.problem(400, "INVALID_REQUEST");
        gate.ask(Ask::post(path)).await.problem(405, "METHOD_NOT_ALLOWED");
        gate.delete(path).await.problem(405, "METHOD_NOT_ALLOWED");
    }
}

#[actix::test]
async fn a_key_that_reads_opens_the_overview() {
    const ADMIN: &str = "the-admins-key-of-the-tests";
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", ADMIN).start().await;
    let made = gate.run(&["keys", "create", "--name", "watcher", "--scope", "read"]);
    let stdout = String::from_utf8(made.stdout).unwrap();
    let key = stdout.lines().last().unwrap().trim();
    for path in ["/api/overview", "/api/overview/history"] {
        gate.ask(Ask::get(path)).await.problem(401, "UNAUTHORIZED");
        gate.ask(Ask::get(path).key("another key")).await.problem(401, "UNAUTHORIZED");
        gate.ask(Ask::get(path).key(key)).await.expect(200);
    }
    gate.ask(Ask::put("/api/pools/default").key(key).json(&json!({"paused": true}))).await.problem(403, "FORBIDDEN");
}

#[actix::test]
async fn a_gate_with_its_own_simulator_says_where_that_is() {
    let gate = Gate::builder().env("CALLGATE__PROVIDER__KIND", "simulator").env("ELEVENLABS_API_KEY", "").start().await;
    let overview = gate.overview().await;
    assert_eq!(overview["provider"]["kind"], "simulator");
    let simulator = overview["provider"]["simulatorUrl"].as_str().unwrap();
    let state = Ask::get("/sim/state").send(simulator).await.unwrap().expect(200);
    assert_eq!(state["live"], 0);
}
