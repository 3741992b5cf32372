//! The other doors to the same path: assistants, phone numbers, the public demo.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::gate::{Gate, NUMBER};
use crate::support::http::Ask;

async fn a_gate_with_an_agent_and_a_number() -> Gate {
    let gate = Gate::builder().cap(2).start().await;
    gate.put_business("42", "PRO").await;
    gate.put_agent("42", "agent_7").await;
    gate.put_phone_number("42", "phnum_7", &json!({"phoneNumber": "+12065550100", "agentId": "agent_7"})).await;
    gate
}

#[actix::test]
async fn a_test_call_of_an_assistant_is_a_call_of_its_business() {
    let gate = a_gate_with_an_agent_and_a_number().await;

    for body in [json!({"phoneNumber": NUMBER, "phoneNumberId": "phnum_7"}), json!({"phoneNumber": NUMBER})] {
        let call = gate.post("/api/assistants/agent_7/test-call", &body).await.expect(201);
        assert_eq!((&call["businessId"], &call["agentId"]), (&json!("42"), &json!("agent_7")));
        assert_eq!((&call["status"], &call["toNumber"]), (&json!("active"), &json!("+1206•••0123")));
        assert_ne!(call["source"], "api", "it says through which door it came");
    }

    let third = gate.post("/api/assistants/agent_7/test-call", &json!({"phoneNumber": NUMBER})).await;
    third.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    gate.post("/api/assistants/nobody/test-call", &json!({"phoneNumber": NUMBER})).await.problem(404, "NOT_FOUND");
}

#[actix::test]
async fn a_test_call_of_a_phone_number_is_a_call_of_its_business() {
    let gate = a_gate_with_an_agent_and_a_number().await;

    let body = json!({"testPhoneNumber": NUMBER});
    let call = gate.post("/api/phone-numbers/phnum_7/test-call", &body).await.expect(201);

    assert_eq!((&call["businessId"], &call["agentId"]), (&json!("42"), &json!("agent_7")));
    gate.post("/api/phone-numbers/nobody/test-call", &body).await.problem(404, "NOT_FOUND");
    let no_number = json!({"testPhoneNumber": "nobody"});
    gate.post("/api/phone-numbers/phnum_7/test-call", &no_number).await.problem(400, "INVALID_DESTINATION_PHONE");
}

#[actix::test]
async fn i4_a_key_at_a_door_is_one_call_too() {
    let gate = a_gate_with_an_agent_and_a_number().await;
    let ask = || {
        let ask = Ask::post("/api/assistants/agent_7/test-call").header("Idempotency-Key", "key");
        gate.ask(ask.json(&json!({"phoneNumber": NUMBER})))
    };

    let answers = join_all((0..5).map(|_| ask())).await;

    assert!(answers.iter().all(|answer| answer.status.is_success()), "{answers:?}");
    assert_eq!(gate.provider.dialled().await, 1);
    gate.holds(1).await;
}

#[actix::test]
async fn the_demo_door_is_closed_until_it_has_an_agent_and_a_number() {
    let request = json!({"phoneNumber": NUMBER, "name": "Ada", "language": "en"});
    let closed = Gate::builder().env("CALLGATE__DEMO__AGENT_ID", "agent_demo").start().await;
    closed.post("/api/demo/request-call", &request).await.problem(404, "NOT_FOUND");

    let open = Gate::builder()
        .env("CALLGATE__DEMO__AGENT_ID", "agent_demo")
        .env("CALLGATE__DEMO__PHONE_NUMBER_ID", "phnum_demo")
        .env("CALLGATE__AUTH__ADMIN_KEY", "the-admins-key-of-the-tests")
        .start()
        .await;
    let call = open.post("/api/demo/request-call", &request).await.expect(201);

    assert_eq!((&call["businessId"], &call["plan"]), (&json!("999999"), &json!("ENTERPRISE")));
    assert_eq!((&call["agentId"], &call["slot"]["limit"]), (&json!("agent_demo"), &json!(999)));
    let live = open.provider.live_conversations().await;
    let variables = open.provider.call(&live[0]).await["dynamicVariables"].clone();
    assert_eq!(variables["name"], "Ada", "{variables}");
}

#[actix::test]
async fn the_demo_door_is_limited_for_each_address() {
    let gate = Gate::builder()
        .cap(50)
        .env("CALLGATE__DEMO__AGENT_ID", "agent_demo")
        .env("CALLGATE__DEMO__PHONE_NUMBER_ID", "phnum_demo")
        .start()
        .await;
    let request = json!({"phoneNumber": NUMBER});

    let answers = join_all((0..30).map(|_| gate.post("/api/demo/request-call", &request))).await;

    let started = answers.iter().filter(|answer| answer.code() == 201).count();
    assert!((1..30).contains(&started), "{started} of 30 were let through");
    for answer in answers.iter().filter(|answer| answer.code() != 201) {
        assert!(answer.status.is_client_error(), "{answer}");
        answer.any_problem();
    }
    assert_eq!(gate.provider.dialled().await, started as u64);
}
