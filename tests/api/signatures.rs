//! Whom the gate believes.

use serde_json::json;

use crate::support::gate::{Gate, SECRET};
use crate::support::webhook::{inbound_started, now, signature, signed, unbelieved};

#[actix::test]
async fn a_webhook_with_a_signature_that_is_forged_old_future_dated_or_malformed_is_a_401() {
    let gate = Gate::start().await;
    let body = inbound_started("conv_in", "agent_in").to_string();
    let at = |seconds: i64| signature(SECRET, seconds, body.as_bytes());
    let (time, good) = (now(), at(now()));
    let hex = good.split_once("v0=").unwrap().1;
    let cases = [
        ("none", None),
        ("empty", Some(String::new())),
        ("forged", Some(signature("another secret", time, body.as_bytes()))),
        ("of another body", Some(signature(SECRET, time, b"{}"))),
        ("with another time", Some(format!("t={},v0={hex}", time - 1))),
        ("old", Some(at(time - 1_830))),
        ("future-dated", Some(at(time + 1_830))),
        ("from 1970", Some(at(0))),
        ("without a time", Some(format!("v0={hex}"))),
        ("without a hash", Some(format!("t={time}"))),
        ("with two times", Some(format!("t={time},t={time},v0={hex}"))),
        ("with a time that is none", Some(format!("t=soon,v0={hex}"))),
        ("with a negative time", Some(format!("t=-1,v0={hex}"))),
        ("with an endless time", Some(format!("t=99999999999999999999999,v0={hex}"))),
        ("with half a hash", Some(format!("t={time},v0={}", &hex[..32]))),
        ("with a hash that is none", Some(format!("t={time},v0=zz{}", &hex[2..]))),
        ("of another version", Some(format!("t={time},v1={hex}"))),
        ("of no form at all", Some("hello".to_owned())),
    ];

    for (name, signature) in cases {
        let answer = gate.ask(unbelieved(signature.as_deref(), &body)).await;
        println!("a signature {name}");
        answer.problem(401, "INVALID_SIGNATURE");
    }

    gate.holds(0).await;
    gate.ask(unbelieved(Some(&good), &body)).await.expect(200);
}

#[actix::test]
async fn almost_old_and_almost_future_signatures_are_believed() {
    let gate = Gate::start().await;
    for (conversation, seconds) in [("conv_1", now() - 1_770), ("conv_2", now() + 1_770)] {
        let body = inbound_started(conversation, "agent_in").to_string();
        gate.ask(unbelieved(Some(&signature(SECRET, seconds, body.as_bytes())), &body)).await.expect(200);
    }
}

#[actix::test]
async fn while_one_secret_replaces_another_both_are_believed() {
    let gate = Gate::builder().env("CALLGATE__WEBHOOKS__SECRETS", &format!("the-next-one,{SECRET}")).start().await;
    for (conversation, secret) in [("conv_1", "the-next-one"), ("conv_2", SECRET)] {
        let body = inbound_started(conversation, "agent_in").to_string();
        gate.ask(unbelieved(Some(&signature(secret, now(), body.as_bytes())), &body)).await.expect(200);
    }
}

#[actix::test]
async fn without_a_secret_no_webhook_is_believed_unless_that_is_asked_for() {
    let body = inbound_started("conv_in", "agent_in").to_string();
    let closed = Gate::builder().env("ELEVENLABS_WEBHOOK_SECRET", "").start().await;
    closed.ask(signed(&body)).await.problem(401, "INVALID_SIGNATURE");
    closed.ask(unbelieved(None, &body)).await.problem(401, "INVALID_SIGNATURE");
    let initiation = json!({"agent_id": "agent_in", "call_sid": "CA1"});
    assert_eq!(closed.post_initiation(None, &initiation).await.code(), 401);
    assert_eq!(closed.post_initiation(Some(""), &initiation).await.code(), 401);

    let open = Gate::builder()
        .env("ELEVENLABS_WEBHOOK_SECRET", "")
        .env("CALLGATE__WEBHOOKS__ALLOW_UNSIGNED", "true")
        .start()
        .await;
    open.ask(unbelieved(None, &body)).await.expect(200);
}

#[actix::test]
async fn a_narrower_tolerance_counts() {
    let gate = Gate::builder().env("CALLGATE__WEBHOOKS__TOLERANCE_SECONDS", "30").start().await;
    let body = inbound_started("conv_in", "agent_in").to_string();
    let old = signature(SECRET, now() - 60, body.as_bytes());
    gate.ask(unbelieved(Some(&old), &body)).await.problem(401, "INVALID_SIGNATURE");
    gate.ask(signed(&body)).await.expect(200);
}
