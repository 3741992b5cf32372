//! Every error of the contract's table that can be provoked from outside, and that nothing answers 500.
//! (`Gate::ask` refuses a 500 wherever it is used.)

use serde_json::{Value, json};

use crate::support::gate::{Gate, NUMBER, a_call};
use crate::support::http::Ask;
use crate::support::raw;

/// A call with one field changed, or taken out where it is `null`.
fn a_call_with(field: &str, value: Value) -> Value {
    let mut call = a_call("42");
    call[field] = value;
    call
}

fn a_call_without(field: &str) -> Value {
    let mut call = a_call("42");
    call.as_object_mut().unwrap().remove(field);
    call
}

async fn a_gate_with_a_business() -> Gate {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate
}

#[actix::test]
async fn a_field_that_is_missing_unknown_or_of_another_kind_is_named() {
    let gate = a_gate_with_a_business().await;
    let mut cases = vec![
        ("phone", a_call_with("phone", json!(NUMBER))),
        ("businessId", a_call_with("businessId", json!(""))),
        ("businessId", a_call_with("businessId", json!("b".repeat(65)))),
        ("businessId", a_call_with("businessId", json!(true))),
        ("businessId", a_call_with("businessId", json!(["42"]))),
        ("agentId", a_call_with("agentId", json!(7))),
        ("agentId", a_call_with("agentId", json!(""))),
        ("phoneNumberId", a_call_with("phoneNumberId", json!({}))),
        ("toNumber", a_call_with("toNumber", json!(12_065_550_123_u64))),
        ("clientData", a_call_with("clientData", json!([]))),
        ("clientData", a_call_with("clientData", json!("name"))),
        ("clientData", a_call_with("clientData", json!({"text": "x".repeat(17 * 1024)}))),
        ("callgate_call_id", a_call_with("clientData", json!({"callgate_call_id": "mine"}))),
        ("business_id", a_call_with("clientData", json!({"business_id": "43"}))),
        ("maxDurationSeconds", a_call_with("maxDurationSeconds", json!(-1))),
        ("maxDurationSeconds", a_call_with("maxDurationSeconds", json!(0))),
        ("maxDurationSeconds", a_call_with("maxDurationSeconds", json!("60"))),
        ("ringingTimeoutSeconds", a_call_with("ringingTimeoutSeconds", json!(1.5))),
        ("userId", a_call_with("userId", json!(5))),
        ("source", a_call_with("source", json!("s".repeat(33)))),
    ];
    for field in ["businessId", "agentId", "phoneNumberId", "toNumber"] {
        cases.push((field, a_call_without(field)));
        cases.push((field, a_call_with(field, Value::Null)));
    }

    for (field, call) in cases {
        let problem = gate.post("/api/calls", &call).await.problem(400, "INVALID_REQUEST");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(field), "{field} is not named in {detail:?}");
    }
    assert_eq!(gate.provider.dialled().await, 0);
}

#[actix::test]
async fn a_whole_number_may_be_written_with_a_point_and_no_other_may() {
    let gate = a_gate_with_a_business().await;
    let cap = |text: &str| {
        let body = format!("{{\"cap\": {text}}}");
        Ask::put("/api/pools/default").header("Content-Type", "application/json").body(body)
    };
    for (text, read) in [("4.0", 4), ("3e0", 3), ("5", 5)] {
        assert_eq!(gate.ask(cap(text)).await.expect(200)["cap"], read);
    }
    for text in ["4.5", "-1.0", "-0.0", "1e300", "18446744073709551616", "4294967296.0", "1e-3", "\"5\""] {
        let problem = gate.ask(cap(text)).await.problem(400, "INVALID_REQUEST");
        assert!(problem["detail"].as_str().unwrap().contains("cap"), "{problem}");
    }
    assert_eq!(gate.get("/api/pools/default").await.expect(200)["cap"], 5);
}

#[actix::test]
async fn what_is_no_json_is_a_400_and_what_does_not_say_that_it_is_json_a_415() {
    let gate = a_gate_with_a_business().await;
    let bodies: [&'static [u8]; 8] =
        [b"", b"{", b"[]", b"null", b"\"text\"", b"{\"businessId\": 1e}", b"\xff\xfe", b"{} trailing"];
    for body in bodies {
        let ask = Ask::post("/api/calls").header("Content-Type", "application/json").body(body);
        gate.ask(ask).await.problem(400, "INVALID_REQUEST");
    }
    let deep = "[".repeat(20_000);
    gate.ask(Ask::post("/api/calls").header("Content-Type", "application/json").body(deep))
        .await
        .problem(400, "INVALID_REQUEST");
    let call = a_call("42").to_string();
    gate.ask(Ask::post("/api/calls").body(call.clone())).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""] {
        let ask = Ask::post("/api/calls").header("Content-Type", kind).body(call.clone());
        gate.ask(ask).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let ask = Ask::post("/api/calls").header("Content-Type", "application/json; charset=utf-8").body(call);
    gate.ask(ask).await.expect(201);
}

#[actix::test]
async fn a_number_that_cannot_be_called_is_named_as_that() {
    let gate = a_gate_with_a_business().await;
    for number in ["", "+", "12345", "tel:+12065550123", "+99912345678901234", "+1206555O123", "2065550123"] {
        let answer = gate.post("/api/calls", &a_call_with("toNumber", json!(number))).await;
        answer.problem(400, "INVALID_DESTINATION_PHONE");
    }
    let home = json!({"name": "home", "plan": "PRO", "status": "ACTIVE", "country": "US"});
    gate.change_business("42", &home).await;
    gate.post("/api/calls", &a_call_with("toNumber", json!("(206) 555-0123"))).await.expect(201);
}

#[actix::test]
async fn who_may_not_call_is_told_why() {
    let gate = Gate::start().await;
    gate.post_call("nobody").await.problem(404, "SUBSCRIPTION_NOT_FOUND");
    for (status, code) in [("SUSPENDED", "SUBSCRIPTION_INACTIVE"), ("CANCELLED", "SUBSCRIPTION_INACTIVE")] {
        gate.change_business("idle", &json!({"name": "idle", "plan": "PRO", "status": status})).await;
        gate.post_call("idle").await.problem(403, code);
    }
    let none = json!({"name": "none", "plan": "PRO", "status": "ACTIVE", "concurrentLimit": 0});
    gate.change_business("none", &none).await;
    gate.post_call("none").await.problem(403, "CONCURRENT_CALLS_DISABLED");

    gate.put_business("owner", "PRO").await;
    gate.put_agent("owner", "agent_1").await;
    gate.put_business("other", "PRO").await;
    gate.post_call("other").await.problem(403, "FORBIDDEN");
    gate.post_call("owner").await.expect(201);

    gate.put(&format!("/api/businesses/owner/do-not-call/{NUMBER}"), &Value::Null).await.success();
    gate.post_call("owner").await.problem(403, "DO_NOT_CALL_BLOCKED");
    assert_eq!(gate.provider.dialled().await, 1);
}

#[actix::test]
async fn a_body_that_is_too_large_is_a_413() {
    let gate = a_gate_with_a_business().await;
    let call = a_call_with("userId", json!("u".repeat(64 * 1024)));
    for path in ["/api/calls", "/api/assistants/agent_1/test-call", "/api/webhooks/elevenlabs/initiation"] {
        gate.post(path, &call).await.problem(413, "PAYLOAD_TOO_LARGE");
    }
    gate.put("/api/businesses/43", &call).await.problem(413, "PAYLOAD_TOO_LARGE");
}

#[actix::test]
async fn what_is_not_there_is_a_404_and_what_cannot_be_done_there_a_405() {
    let gate = a_gate_with_a_business().await;
    let nobody = "0198a0f4-7f0e-7000-8000-000000000001";
    for path in [
        "/nowhere",
        "/api",
        "/api/",
        "/api/calls/",
        "/api/calls/not-an-id",
        "/api/calls/0",
        &format!("/api/calls/{nobody}"),
        &format!("/api/calls/{nobody}/events"),
        "/api/businesses/nobody",
        "/api/pools/other",
        "/debug/actors/nobody",
        &format!("/debug/actors/sessions/{nobody}"),
        "/api/calls/%00",
        "/api/calls/%ff%fe",
        "/../../etc/passwd",
        &format!("/{}", "a".repeat(8_000)),
    ] {
        let answer = gate.get(path).await;
        assert_eq!(answer.code(), 404, "{answer}");
        let problem = answer.any_problem();
        let known = ["NOT_FOUND", "SUBSCRIPTION_NOT_FOUND"];
        assert!(known.iter().any(|code| problem["error"] == *code), "{answer}");
    }
    gate.delete_call(nobody).await.problem(404, "NOT_FOUND");
    gate.force_end(nobody, "gone").await.problem(404, "NOT_FOUND");
    for (method, path) in [
        ("PUT", "/api/calls"),
        ("PATCH", "/api/calls"),
        ("POST", "/metrics"),
        ("DELETE", "/api/businesses"),
        ("PUT", "/health/live"),
        ("GET", "/api/webhooks/elevenlabs"),
        ("GET", "/api/webhooks/elevenlabs/initiation"),
        ("POST", "/api/events/stream"),
        ("DELETE", "/api/pools/default"),
        ("PUT", "/api/reconciliations"),
        ("POST", "/debug/actors"),
        ("BREW", "/api/calls"),
    ] {
        let answer = gate.ask(Ask::new(method.parse().unwrap(), path)).await;
        answer.problem(405, "METHOD_NOT_ALLOWED");
        assert!(answer.header("allow").is_some(), "{answer}");
    }
}

#[actix::test]
async fn i7_an_instance_of_a_problem_shows_where_it_happened() {
    let gate = a_gate_with_a_business().await;
    let problem = gate.get("/api/calls/not-an-id?secret=1").await.problem(404, "NOT_FOUND");
    assert_eq!(problem["instance"], "/api/calls/not-an-id");
}

#[actix::test]
async fn malformed_requests_over_every_route_are_the_callers_turn() {
    let gate = a_gate_with_a_business().await;
    let business = json!({"name": "a", "plan": "PRO", "status": "ACTIVE"});
    let with = |field: &str, value: Value| {
        let mut body = business.clone();
        body[field] = value;
        body
    };
    let cases = [
        ("PUT", "/api/businesses/a", json!({}), "name"),
        ("PUT", "/api/businesses/a", with("name", json!(5)), "name"),
        ("PUT", "/api/businesses/a", with("name", json!("")), "name"),
        ("PUT", "/api/businesses/a", with("plan", json!("GOLD")), "plan"),
        ("PUT", "/api/businesses/a", with("plan", Value::Null), "plan"),
        ("PUT", "/api/businesses/a", with("status", json!("SLEEPING")), "status"),
        ("PUT", "/api/businesses/a", with("concurrentLimit", json!(-1)), "concurrentLimit"),
        ("PUT", "/api/businesses/a", with("concurrentLimit", json!("3")), "concurrentLimit"),
        ("PUT", "/api/businesses/a", with("inboundEnabled", json!("yes")), "inboundEnabled"),
        ("PUT", "/api/businesses/a", with("country", json!("Germany")), "country"),
        ("PUT", "/api/businesses/a", with("colour", json!("red")), "colour"),
        ("PUT", &format!("/api/businesses/{}", "b".repeat(65)), business.clone(), "businessId"),
        ("PUT", "/api/businesses/%20", business.clone(), "businessId"),
        ("PUT", "/api/businesses/42/agents/a", json!({"name": "a"}), "name"),
        ("PUT", "/api/businesses/42/agents/a", json!([1]), ""),
        ("PUT", "/api/businesses/42/phone-numbers/p", json!({}), "phoneNumber"),
        ("PUT", "/api/businesses/42/phone-numbers/p", json!({"phoneNumber": 5}), "phoneNumber"),
        ("PUT", "/api/businesses/42/phone-numbers/p", json!({"phoneNumber": "none"}), ""),
        ("PUT", "/api/businesses/42/do-not-call/nobody", json!({}), ""),
        ("DELETE", "/api/businesses/42/do-not-call/nobody", json!({}), ""),
        ("PUT", "/api/pools/default", json!({"cap": 0}), "cap"),
        ("PUT", "/api/pools/default", json!({"cap": -5}), "cap"),
        ("PUT", "/api/pools/default", json!({"cap": "many"}), "cap"),
        ("PUT", "/api/pools/default", json!({"paused": 1}), "paused"),
        ("PUT", "/api/pools/default", json!({"size": 5}), "size"),
        ("POST", "/api/assistants/agent_1/test-call", json!({}), "phoneNumber"),
        ("POST", "/api/assistants/agent_1/test-call", json!({"phoneNumber": 5}), "phoneNumber"),
        ("POST", "/api/phone-numbers/phnum_1/test-call", json!({}), "testPhoneNumber"),
        ("POST", "/api/phone-numbers/phnum_1/test-call", json!({"phoneNumber": NUMBER}), "phoneNumber"),
        ("GET", "/api/calls?limit=0", json!(null), "limit"),
        ("GET", "/api/calls?limit=many", json!(null), "limit"),
        ("GET", "/api/calls?limit=-1", json!(null), "limit"),
        ("GET", "/api/calls?limit=99999999999999999999", json!(null), "limit"),
        ("GET", "/api/calls?status=sleeping", json!(null), "status"),
        ("GET", "/api/calls?from=yesterday", json!(null), "from"),
        ("GET", "/api/calls?to=2026-13-01T00:00:00Z", json!(null), "to"),
        ("GET", "/api/calls?cursor=zero", json!(null), "cursor"),
        ("GET", "/api/calls?cursor=9223372036854775807_0", json!(null), "cursor"),
        ("GET", "/api/businesses?limit=none", json!(null), "limit"),
        ("GET", "/api/concurrent-metrics/events?limit=none", json!(null), "limit"),
        ("GET", "/api/reconciliations?limit=none", json!(null), "limit"),
    ];
    for (method, path, body, named) in cases {
        let answer = gate.ask(Ask::new(method.parse().unwrap(), path).json(&body)).await;
        assert_eq!(answer.code(), 400, "{answer}");
        let detail = answer.any_problem()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{named} is not named in {answer}");
    }
    let call_id = gate.start_call("42").await;
    for body in [json!({}), json!({"reason": 5}), json!({"reason": ""}), json!({"because": "so"})] {
        let answer = gate.post(&format!("/api/calls/{call_id}/force-end"), &body).await;
        answer.problem(400, "INVALID_REQUEST");
    }
    let feed = gate.ask(Ask::get("/api/events/stream").header("Last-Event-ID", "yesterday")).await;
    feed.problem(400, "INVALID_REQUEST");
    gate.holds(1).await;
}

#[actix::test]
async fn what_is_no_http_does_not_disturb_the_gate() {
    let gate = a_gate_with_a_business().await;
    for bytes in [
        "\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "POST /api/calls HTTP/1.1\r\nHost: gate\r\nContent-Length: many\r\n\r\n".to_owned(),
        "POST /api/calls HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            .to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: gate\r\n\r\n", "a".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nHost: gate\r\nX: {}\r\n\r\n", "a".repeat(200_000)),
    ] {
        let answer = raw::answer_to(gate.address(), bytes.as_bytes());
        assert!(!answer.starts_with("HTTP/1.1 500"), "{answer}");
    }
    gate.start_call("42").await;
}
