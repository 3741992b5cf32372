//! Businesses with their agents, numbers, limits and subscriptions.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::gate::{Gate, NUMBER, a_call};
use crate::support::wait::eventually;

/// Within this a change counts for the next admission.
const SOON: Duration = Duration::from_secs(1);

#[actix::test]
async fn a_business_is_shown_with_what_it_may_and_what_it_does() {
    let gate = Gate::start().await;
    let body = json!({
        "name": "Ada's Bakery", "plan": "PRO", "status": "TRIAL", "concurrentLimit": null, "inboundEnabled": false,
        "country": "US",
    });
    gate.change_business("42", &body).await;
    gate.start_call("42").await;

    let business = gate.get_business("42").await;

    for (key, value) in body.as_object().unwrap() {
        assert_eq!(business[key], *value, "{key}");
    }
    assert_eq!(
        (&business["activeCalls"], &business["limit"], &business["available"]),
        (&json!(1), &json!(3), &json!(2))
    );
    assert!((business["utilizationPercent"].as_f64().unwrap() - 33.3).abs() < 0.1, "{business}");
    gate.provider.hang_up_all().await;
    gate.holds(0).await;
    assert_eq!(gate.get_business("42").await["activeCalls"], 0);
}

#[actix::test]
async fn businesses_are_listed_page_by_page() {
    let gate = Gate::start().await;
    for number in 1..=5 {
        gate.put_business(&format!("b{number}"), "PAYG").await;
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = gate.get(&format!("/api/businesses{query}")).await.expect(200);
        for business in page["businesses"].as_array().unwrap() {
            seen.push(business["businessId"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    // callgate's own business of the demo door may be among them.
    seen.retain(|business| business.starts_with('b'));
    assert_eq!(seen, ["b1", "b2", "b3", "b4", "b5"]);
}

#[actix::test]
async fn i2_no_business_has_more_calls_than_its_limit() {
    let gate = Gate::builder().cap(20).start().await;
    for (business, plan, limit) in [("payg", "PAYG", 1), ("starter", "STARTER", 1), ("pro", "PRO", 3_u64)] {
        gate.put_business(business, plan).await;
        let asked = (0..8).map(|_| gate.post_call(business));
        let answers = futures_util::future::join_all(asked).await;

        let started = answers.iter().filter(|answer| answer.code() == 201).count();
        assert_eq!(started as u64, limit, "{business}");
        for answer in answers.iter().filter(|answer| answer.code() != 201) {
            let problem = answer.capacity_problem("BUSINESS_LIMIT");
            assert_eq!((&problem["currentActive"], &problem["limit"]), (&json!(limit), &json!(limit)), "{answer}");
            assert!((30..=33).contains(&problem["retryAfter"].as_u64().unwrap()), "{answer}");
        }
        let counted = format!(r#"concurrent_rejected_total{{reason="BUSINESS_LIMIT",plan="{plan}"}}"#);
        assert_eq!(gate.metric(&counted).await, 8 - limit, "{counted}");
    }
    let metrics = gate.concurrent_metrics().await;
    assert_eq!(metrics["rejectionsByPlan"], json!({"PAYG": 7, "STARTER": 7, "PRO": 5}));
    assert_eq!(metrics["rejectionsByReason"], json!({"BUSINESS_LIMIT": 19}));
}

#[actix::test]
async fn i2_inbound_calls_count_against_the_limit_of_their_business() {
    let gate = Gate::start().await;
    gate.put_business("payg", "PAYG").await;
    gate.put_agent("payg", "agent_payg").await;
    let conversation = gate.provider.start_inbound("agent_payg").await;
    assert_eq!(gate.call_of(&conversation).await["businessId"], "payg");

    gate.post_call("payg").await.capacity_problem("BUSINESS_LIMIT");
    let second = gate.provider.start_inbound("agent_payg").await;

    let call = gate.call_of(&second).await;
    gate.call_becomes(call["callId"].as_str().unwrap(), "terminated_capacity").await;
    gate.holds(1).await;
}

/// Changes the business until the next call is answered so; it must be soon.
async fn change_counts(gate: &Gate, change: &Value, status: u16) {
    gate.change_business("42", change).await;
    let changed = Instant::now();
    eventually(&format!("{status} after {change}"), async || {
        let answer = gate.post_call("42").await;
        assert!(answer.code() == status || changed.elapsed() < SOON, "still {answer}");
        (answer.code() == status).then_some(())
    })
    .await;
}

#[actix::test]
async fn a_changed_limit_status_or_plan_counts_for_the_next_admission_and_cuts_no_live_call() {
    let gate = Gate::builder().cap(20).start().await;
    gate.put_business("42", "PRO").await;
    gate.start_calls("42", 3).await;
    gate.post_call("42").await.capacity_problem("BUSINESS_LIMIT");
    let business = |plan: &str, status: &str, limit: Value| json!({"name": "42", "plan": plan, "status": status, "concurrentLimit": limit});

    change_counts(&gate, &business("PRO", "ACTIVE", json!(4)), 201).await;
    change_counts(&gate, &business("PRO", "ACTIVE", json!(2)), 503).await;
    change_counts(&gate, &business("ENTERPRISE", "ACTIVE", Value::Null), 201).await;
    change_counts(&gate, &business("ENTERPRISE", "SUSPENDED", Value::Null), 403).await;
    change_counts(&gate, &business("ENTERPRISE", "TRIAL", Value::Null), 201).await;
    change_counts(&gate, &business("ENTERPRISE", "ACTIVE", json!(0)), 403).await;

    let live = gate.provider.live().await;
    assert!(live >= 6, "{live}: nothing was cut");
    gate.holds(live).await;
}

#[actix::test]
async fn the_do_not_call_list_of_a_business_binds_that_business_alone() {
    let gate = Gate::start().await;
    for business in ["42", "43"] {
        gate.put_business(business, "PRO").await;
    }
    for path in [
        format!("/api/businesses/42/do-not-call/{NUMBER}"),
        format!("/api/businesses/42/do-not-call/%2B{}", &NUMBER[1..]),
    ] {
        gate.put(&path, &json!({})).await.success();
        gate.post_call("42").await.problem(403, "DO_NOT_CALL_BLOCKED");
        let mut written_otherwise = a_call("42");
        written_otherwise["toNumber"] = json!("+1 (206) 555-0123");
        gate.post("/api/calls", &written_otherwise).await.problem(403, "DO_NOT_CALL_BLOCKED");
        gate.start_call("43").await;
        gate.delete(&path).await.success();
        gate.start_call("42").await;
    }
}

#[actix::test]
async fn a_business_with_live_calls_is_not_deleted() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate.put_agent("42", "agent_1").await;
    let call_id = gate.start_call("42").await;

    assert_eq!(gate.delete("/api/businesses/42").await.code(), 409);

    gate.provider.hang_up_all().await;
    gate.call_becomes(&call_id, "ended").await;
    gate.delete("/api/businesses/42").await.success();
    assert_eq!(gate.get("/api/businesses/42").await.code(), 404);
    assert_eq!(gate.delete("/api/businesses/42").await.code(), 404);
    gate.post_call("42").await.problem(404, "SUBSCRIPTION_NOT_FOUND");
    assert_eq!(gate.get_call(&call_id).await["businessId"], "42", "its calls are remembered");
}

#[actix::test]
async fn agents_and_numbers_come_and_go() {
    let gate = Gate::start().await;
    for business in ["42", "43"] {
        gate.put_business(business, "PRO").await;
    }
    gate.put_agent("42", "agent_1").await;
    gate.post_call("43").await.problem(403, "FORBIDDEN");
    gate.delete("/api/businesses/42/agents/agent_1").await.success();
    gate.start_call("43").await;
    assert_eq!(gate.delete("/api/businesses/42/agents/agent_1").await.code(), 404);

    let number = json!({"phoneNumber": "+12065550100"});
    gate.put_phone_number("42", "phnum_1", &number).await;
    gate.post_call("43").await.problem(403, "FORBIDDEN");
    gate.delete("/api/businesses/42/phone-numbers/phnum_1").await.success();
    gate.start_call("43").await;
    for path in ["/api/businesses/nobody/agents/a", "/api/businesses/nobody/phone-numbers/p"] {
        let answer = gate.put(path, if path.contains("agents") { &Value::Null } else { &number }).await;
        assert!([400, 404].contains(&answer.code()), "{answer}");
    }
    gate.put("/api/businesses/nobody/agents/a", &json!({})).await.problem(404, "SUBSCRIPTION_NOT_FOUND");
}
