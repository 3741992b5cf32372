//! Calls as a resource: made, read, listed, hung up.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::gate::{Gate, a_call};
use crate::support::raw::{begin, call_in_bytes};
use crate::support::wait::{eventually, settles};

async fn a_gate_with_a_business() -> Gate {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate
}

fn is_instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2026-01-27T10:00:00.000Z".len() && text.ends_with('Z') && text.as_bytes()[19] == b'.'
}

#[actix::test]
async fn a_call_that_started_is_shown_as_the_contract_says() {
    let gate = a_gate_with_a_business().await;

    let answer = gate.post_call("42").await;

    let call = answer.expect(201);
    let call_id = call["callId"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(format!("/api/calls/{call_id}").as_str()));
    let expected = json!({
        "businessId": "42", "plan": "PRO", "direction": "outbound", "status": "active", "source": "api",
        "agentId": "agent_1", "toNumber": "+1206•••0123", "endedAt": null, "endReason": null,
        "slot": {"currentActive": 1, "limit": 3, "globalCurrent": 1, "globalLimit": 5},
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(call[key], *value, "{key}");
    }
    assert!(is_instant(&call["startedAt"]), "{call}");
    let live = gate.provider.live_conversations().await;
    assert_eq!(call["providerCallId"], live[0]);
    let read = gate.get_call(call_id).await;
    for (key, value) in call.as_object().unwrap() {
        assert_eq!(read[key], *value, "{key} as it is read later");
    }
}

#[actix::test]
async fn a_business_may_be_named_by_a_number_which_is_its_decimal_text() {
    let gate = a_gate_with_a_business().await;
    let mut call = a_call("");
    call["businessId"] = json!(42);
    call["source"] = json!("crm");
    let call = gate.post("/api/calls", &call).await.expect(201);
    assert_eq!((&call["businessId"], &call["source"]), (&json!("42"), &json!("crm")));
}

#[actix::test]
async fn who_prefers_not_to_wait_is_answered_right_after_the_admission() {
    let gate = a_gate_with_a_business().await;
    gate.provider.behave(json!({"dialDelayMs": 600})).await;

    let answer = gate.post_call_async("42").await;

    let call = answer.expect(202);
    let call_id = call["callId"].as_str().unwrap();
    assert_eq!((&call["status"], &call["providerCallId"]), (&json!("placing"), &Value::Null));
    assert_eq!(answer.header("location"), Some(format!("/api/calls/{call_id}").as_str()));
    gate.call_becomes(call_id, "active").await;
    assert_eq!(gate.provider.dialled().await, 1);
}

#[actix::test]
async fn the_events_of_a_call_tell_its_life_in_order() {
    let gate = a_gate_with_a_business().await;
    let call_id = gate.start_call("42").await;
    gate.provider.hang_up_all().await;
    gate.call_becomes(&call_id, "ended").await;

    let answer = gate.get(&format!("/api/calls/{call_id}/events")).await.expect(200);

    let events = answer["events"].as_array().unwrap();
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types[..2], ["CallRequested", "CallAdmitted"]);
    assert!(types.contains(&"CallPlaced") && types.contains(&"CallEnded"), "{types:?}");
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], place + 1);
        assert!(event["schemaVersion"].is_u64() && event["data"].is_object(), "{event}");
        assert!(is_instant(&event["occurredAt"]) && is_instant(&event["recordedAt"]), "{event}");
    }
}

#[actix::test]
async fn a_list_of_calls_is_whole_over_its_pages() {
    let gate = Gate::builder().cap(25).start().await;
    gate.put_business("42", "ENTERPRISE").await;
    let asked = (0..25).map(|_| gate.post_call_async("42"));
    let made = futures_util::future::join_all(asked).await;
    let made: BTreeSet<String> = made.iter().map(|answer| answer.expect(202)["callId"].to_string()).collect();
    settles(25, async || gate.provider.live().await).await;

    let (mut seen, mut query, mut pages) = (Vec::new(), "?limit=4".to_owned(), 0);
    loop {
        let page = gate.get(&format!("/api/calls{query}")).await.expect(200);
        pages += 1;
        let calls = page["calls"].as_array().unwrap();
        assert!(calls.len() <= 4);
        seen.extend(calls.iter().map(|call| call["callId"].to_string()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("?limit=4&cursor={cursor}");
    }

    assert_eq!((seen.len(), pages), (25, 7));
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made, "each once");
}

#[actix::test]
async fn a_list_of_calls_is_narrowed_by_its_filters() {
    let gate = a_gate_with_a_business().await;
    gate.put_business("43", "PRO").await;
    let ended = gate.start_call("42").await;
    gate.provider.hang_up_all().await;
    gate.call_becomes(&ended, "ended").await;
    let live = gate.start_call("42").await;
    let others = gate.start_call("43").await;
    let conversation = gate.conversation_of(&live).await;

    for (query, expected) in [
        ("?status=ended".to_owned(), vec![&ended]),
        ("?status=active".to_owned(), vec![&live, &others]),
        ("?status=failed".to_owned(), vec![]),
        ("?businessId=43".to_owned(), vec![&others]),
        ("?businessId=42&status=active".to_owned(), vec![&live]),
        (format!("?providerCallId={conversation}"), vec![&live]),
        ("?providerCallId=conv_nobody".to_owned(), vec![]),
        ("?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z".to_owned(), vec![&ended, &live, &others]),
        ("?to=2020-01-01T00:00:00.000Z".to_owned(), vec![]),
        ("?from=2100-01-01T00:00:00.000Z".to_owned(), vec![]),
    ] {
        let mut found: Vec<_> = gate.get_calls(&query).await.iter().map(|call| call["callId"].to_string()).collect();
        let mut expected: Vec<_> = expected.into_iter().map(|id| format!("{id:?}")).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{query}");
    }
}

#[actix::test]
async fn a_live_call_is_hung_up_on_request_and_again_changes_nothing() {
    let gate = a_gate_with_a_business().await;
    let call_id = gate.start_call("42").await;

    gate.delete_call(&call_id).await.expect(202);
    let again = gate.delete_call(&call_id).await;

    assert!([202, 409].contains(&again.code()), "{again}");
    let call = gate.call_becomes(&call_id, "ended").await;
    assert_eq!(call["endReason"], "operator");
    assert_eq!(gate.provider.live().await, 0);
    gate.delete_call(&call_id).await.problem(409, "CALL_ALREADY_OVER");
    let ends = gate.events_of(&call_id).await;
    assert_eq!(ends.iter().filter(|event| *event == "TerminationRequested").count(), 1, "{ends:?}");
    gate.holds(0).await;
}

#[actix::test]
async fn a_hang_up_that_the_provider_refuses_keeps_the_slot_and_is_tried_again() {
    let gate = a_gate_with_a_business().await;
    let call_id = gate.start_call("42").await;
    gate.provider.behave(json!({"terminate": "refuse"})).await;

    gate.delete_call(&call_id).await.expect(202);
    gate.delete_call(&call_id).await.expect(202);
    assert_eq!(gate.get_call(&call_id).await["status"], "terminating");
    gate.holds(1).await;

    gate.provider.behave(json!({"terminate": "ok"})).await;
    gate.call_becomes(&call_id, "ended").await;
    assert_eq!(gate.provider.live().await, 0);
    gate.holds(0).await;
    let conversation = gate.conversation_of(&call_id).await;
    assert_eq!(gate.provider.call(&conversation).await["deleted"], false, "the customer's record is not erased");
}

#[actix::test]
async fn a_call_that_is_still_being_placed_is_hung_up_as_soon_as_it_is_there() {
    let gate = a_gate_with_a_business().await;
    gate.provider.behave(json!({"answerDelayMs": 1_500})).await;
    let call_id = gate.post_call_async("42").await.expect(202)["callId"].as_str().unwrap().to_owned();
    settles(1, async || gate.provider.live().await).await;

    gate.delete_call(&call_id).await.expect(202);
    gate.delete_call(&call_id).await.expect(202);

    let call = eventually("it is over", async || {
        let call = gate.get_call(&call_id).await;
        call["endedAt"].is_string().then_some(call)
    })
    .await;
    assert_eq!(call["endReason"], "operator");
    assert_eq!(gate.provider.live().await, 0);
    gate.holds(0).await;
}

#[actix::test]
async fn the_operators_word_ends_a_call_with_an_event_that_says_so() {
    let gate = a_gate_with_a_business().await;
    let call_id = gate.start_call("42").await;

    gate.force_end(&call_id, "the customer rang and said so").await.success();

    let call = gate.get_call(&call_id).await;
    assert_eq!((&call["status"], &call["endReason"]), (&json!("ended"), &json!("operator")));
    let events = gate.get(&format!("/api/calls/{call_id}/events")).await.text();
    assert!(events.contains("the customer rang and said so"), "{events}");
    gate.holds(0).await;
    gate.force_end(&call_id, "again").await.problem(409, "CALL_ALREADY_OVER");
}

#[actix::test]
async fn a_call_that_reaches_its_maximum_duration_is_hung_up() {
    let gate = a_gate_with_a_business().await;
    let mut call = a_call("42");
    call["maxDurationSeconds"] = json!(1);
    let call_id = gate.post("/api/calls", &call).await.expect(201)["callId"].as_str().unwrap().to_owned();

    let call = gate.call_becomes(&call_id, "ended").await;

    assert_eq!(call["endReason"], "max_duration");
    assert_eq!(gate.provider.live().await, 0);
    gate.holds(0).await;
}

#[actix::test]
async fn the_plan_says_how_long_a_call_may_last_and_a_request_may_only_ask_for_less() {
    let gate = Gate::builder().env("CALLGATE__PLANS__PRO__MAX_DURATION_SECONDS", "1").start().await;
    gate.put_business("42", "PRO").await;
    gate.put_business("free", "ENTERPRISE").await;
    gate.put_agent("42", "agent_1").await;
    let mut call = a_call("42");
    call["maxDurationSeconds"] = json!(3600);
    let outbound = gate.post("/api/calls", &call).await.expect(201)["callId"].as_str().unwrap().to_owned();
    let inbound = gate.call_of(&gate.provider.start_inbound("agent_1").await).await;
    let mut of_another_plan = a_call("free");
    of_another_plan["agentId"] = json!("agent_2");
    let untouched = gate.post("/api/calls", &of_another_plan).await.expect(201);

    for call_id in [outbound.as_str(), inbound["callId"].as_str().unwrap()] {
        assert_eq!(gate.call_becomes(call_id, "ended").await["endReason"], "max_duration");
    }

    assert_eq!(gate.get_call(untouched["callId"].as_str().unwrap()).await["status"], "active");
    assert_eq!(gate.provider.live().await, 1);
    gate.holds(1).await;
}

#[actix::test]
async fn i3_clients_that_leave_in_the_middle_leak_nothing() {
    let gate = a_gate_with_a_business().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate.provider.behave(json!({"answerDelayMs": 500})).await;
    let asked = |headers: &str| begin(gate.address(), call_in_bytes(&a_call("ent"), headers).as_bytes());
    let clients = [asked(""), asked(""), asked("Idempotency-Key: kept\r\n")];
    settles(3, async || gate.provider.dialled().await).await;
    assert_eq!(gate.get_calls("?status=placing").await.len(), 3, "they leave in the middle");

    drop(clients);
    let whole = call_in_bytes(&a_call("ent"), "");
    drop(begin(gate.address(), &whole.as_bytes()[..whole.len() - 5]));
    drop(begin(gate.address(), &whole.as_bytes()[..40]));

    eventually("what was dialled is known", async || (gate.get_calls("?status=active").await.len() == 3).then_some(()))
        .await;
    gate.holds(3).await;
    let kept = gate.post_call_once("kept", &a_call("ent")).await;
    assert_eq!((kept.expect(200)["status"].as_str(), gate.provider.dialled().await), (Some("active"), 3));
    gate.provider.hang_up_all().await;
    gate.holds(0).await;
    settles(0, async || gate.provider.live().await).await;
    assert_eq!(gate.metric("callgate_in_flight_requests").await, 0);
}

#[actix::test]
async fn no_whole_number_is_in_any_answer_or_in_the_log() {
    // `Gate::ask` looks at every answer, and the gate's end at the whole log; here they have something to find.
    let gate = Gate::builder().env("RUST_LOG", "trace").start().await;
    gate.put_business("42", "PRO").await;
    let own_number = json!({"phoneNumber": "+12065550100", "agentId": "agent_1"});
    gate.put_agent("42", "agent_1").await;
    gate.put_phone_number("42", "phnum_1", &own_number).await;
    let call_id = gate.start_call("42").await;
    gate.provider.post_inbound(json!({"agentId": "agent_1", "from": "+12065550199", "initiation": true})).await;
    gate.holds(2).await;
    for to_number in ["+120655501230000000", "+1 206 555 01 2x"] {
        let mut call = a_call("42");
        call["toNumber"] = json!(to_number);
        gate.post("/api/calls", &call).await.problem(400, "INVALID_DESTINATION_PHONE");
    }
    gate.put("/api/businesses/42/do-not-call/+12065550123", &json!({})).await.success();
    gate.post_call("42").await.problem(403, "DO_NOT_CALL_BLOCKED");
    gate.delete("/api/businesses/nobody/do-not-call/+12065550123").await.any_problem();
    gate.delete("/api/businesses/42/do-not-call/12065550124").await.any_problem();
    gate.get("/api/calls/+12065550123").await.any_problem();
    gate.get("/nowhere/%2B12065550123?to=%2B12065550123").await.any_problem();
    for path in [
        "/api/calls",
        &format!("/api/calls/{call_id}"),
        &format!("/api/calls/{call_id}/events"),
        "/api/businesses",
        "/api/businesses/42/phone-numbers",
        "/api/concurrent-metrics/status",
        "/api/concurrent-metrics/events?limit=100",
        &format!("/debug/actors/sessions/{call_id}"),
        "/debug/actors/capacity",
        "/metrics",
    ] {
        gate.get(path).await;
    }
    assert!(gate.log().contains("/api/calls/{callId}"), "the log speaks of the requests");
}
