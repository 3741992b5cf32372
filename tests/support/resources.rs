//! The gate's resources by name: how tests make them, read them and change them.

use serde_json::{Value, json};

use super::door::Door;
use super::gate::a_call;
use super::http::{Answer, Ask};
use super::wait::{eventually, settles};

/// The states of a call that is not over.
const LIVE: [&str; 4] = ["placing", "uncertain", "active", "terminating"];

impl Door {
    /// Asks for an outbound call of the business.
    pub(crate) async fn post_call(&self, business: &str) -> Answer {
        self.post("/api/calls", &a_call(business)).await
    }

    /// The same under an Idempotency-Key.
    pub(crate) async fn post_call_once(&self, key: &str, call: &Value) -> Answer {
        self.ask(Ask::post("/api/calls").header("Idempotency-Key", key).json(call)).await
    }

    /// Asks for an answer right after the admission.
    pub(crate) async fn post_call_async(&self, business: &str) -> Answer {
        self.ask(Ask::post("/api/calls").header("Prefer", "respond-async").json(&a_call(business))).await
    }

    /// The id of a call that must be admitted and placed.
    pub(crate) async fn start_call(&self, business: &str) -> String {
        let call = self.post_call(business).await.expect(201);
        call["callId"].as_str().unwrap().to_owned()
    }

    /// Starts calls of a business, one after the other.
    pub(crate) async fn start_calls(&self, business: &str, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.start_call(business).await);
        }
        ids
    }

    pub(crate) async fn get_call(&self, call_id: &str) -> Value {
        self.get(&format!("/api/calls/{call_id}")).await.expect(200)
    }

    /// The provider's name for a call.
    pub(crate) async fn conversation_of(&self, call_id: &str) -> String {
        self.get_call(call_id).await["providerCallId"].as_str().expect("the call is placed").to_owned()
    }

    /// The one call of a conversation, once there is one.
    pub(crate) async fn call_of(&self, conversation: &str) -> Value {
        eventually("the gate knows the conversation", async || {
            let found = self.get_calls(&format!("?providerCallId={conversation}")).await;
            assert!(found.len() <= 1, "{conversation} is more than one call: {found:?}");
            found.into_iter().next()
        })
        .await
    }

    /// A page of calls; `query` begins with a question mark.
    pub(crate) async fn get_calls(&self, query: &str) -> Vec<Value> {
        let page = self.get(&format!("/api/calls{query}")).await.expect(200);
        page["calls"].as_array().unwrap().clone()
    }

    /// Waits until the call has this status; the call.
    pub(crate) async fn call_becomes(&self, call_id: &str, status: &str) -> Value {
        eventually(&format!("the call becomes {status}"), async || {
            let call = self.get_call(call_id).await;
            (call["status"] == status).then_some(call)
        })
        .await
    }

    /// The types of a call's events, in order.
    pub(crate) async fn events_of(&self, call_id: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/calls/{call_id}/events")).await.expect(200);
        let events = answer["events"].as_array().unwrap();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn delete_call(&self, call_id: &str) -> Answer {
        self.delete(&format!("/api/calls/{call_id}")).await
    }

    pub(crate) async fn force_end(&self, call_id: &str, reason: &str) -> Answer {
        self.post(&format!("/api/calls/{call_id}/force-end"), &json!({"reason": reason})).await
    }

    /// Registers an active business on a plan.
    pub(crate) async fn put_business(&self, business: &str, plan: &str) {
        self.change_business(business, &json!({"name": business, "plan": plan, "status": "ACTIVE"})).await;
    }

    /// Registers or changes a business.
    pub(crate) async fn change_business(&self, business: &str, body: &Value) {
        self.put(&format!("/api/businesses/{business}"), body).await.success();
    }

    pub(crate) async fn get_business(&self, business: &str) -> Value {
        self.get(&format!("/api/businesses/{business}")).await.expect(200)
    }

    pub(crate) async fn put_agent(&self, business: &str, agent: &str) {
        self.put(&format!("/api/businesses/{business}/agents/{agent}"), &json!({})).await.success();
    }

    pub(crate) async fn put_phone_number(&self, business: &str, number: &str, body: &Value) {
        self.put(&format!("/api/businesses/{business}/phone-numbers/{number}"), body).await.success();
    }

    /// Changes the pool.
    pub(crate) async fn put_pool(&self, body: &Value) {
        if let Some(cap) = body["cap"].as_u64() {
            self.allow(u32::try_from(cap).unwrap());
        }
        self.put("/api/pools/default", body).await.success();
    }

    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").await.text()
    }

    /// The value of a metric that counts, named with its labels; 0 where it was never used.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// The sum of all metrics whose line begins so.
    pub(crate) async fn metric_sum(&self, beginning: &str) -> u64 {
        let text = self.metrics().await;
        let lines = text.lines().filter(|line| line.starts_with(beginning));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    /// `GET /api/concurrent-metrics`.
    pub(crate) async fn concurrent_metrics(&self) -> Value {
        self.get("/api/concurrent-metrics").await.expect(200)
    }

    /// `GET /api/concurrent-metrics/status`.
    pub(crate) async fn status(&self) -> Value {
        self.get("/api/concurrent-metrics/status").await.expect(200)
    }

    /// `GET /api/overview`.
    pub(crate) async fn overview(&self) -> Value {
        self.get("/api/overview").await.expect(200)
    }

    /// Runs one sweep; its report.
    pub(crate) async fn post_reconciliation(&self) -> Value {
        self.ask(Ask::post("/api/reconciliations")).await.success()
    }

    /// Sweeps until the call has this status.
    pub(crate) async fn sweeps_until(&self, call_id: &str, status: &str) -> Value {
        eventually(&format!("sweeps make the call {status}"), async || {
            self.post_reconciliation().await;
            let call = self.get_call(call_id).await;
            (call["status"] == status).then_some(call)
        })
        .await
    }

    /// Waits until ledger, session table and metrics all say that so many calls hold a slot.
    pub(crate) async fn holds(&self, slots: u64) {
        let wanted = json!({
            "metric": slots, "activeCalls": slots, "globalStatus": slots, "byPlan": slots, "status": slots, "calls": slots,
        });
        settles(wanted, async || self.views().await).await;
    }

    /// How many calls are live, in every place that says so.
    async fn views(&self) -> Value {
        let metrics = self.concurrent_metrics().await;
        let plans = metrics["globalStatus"]["byPlan"].as_object().unwrap();
        let calls = self.get_calls("?limit=100").await;
        let live = |call: &&Value| LIVE.iter().any(|status| call["status"] == *status);
        let status = self.status().await;
        json!({
            "metric": self.metric("platform_global_active_calls").await,
            "activeCalls": metrics["activeCalls"],
            "globalStatus": metrics["globalStatus"]["active"],
            "byPlan": plans.values().map(|count| count.as_u64().unwrap()).sum::<u64>(),
            "status": status["calls"].as_array().unwrap().len(),
            "calls": calls.iter().filter(live).count(),
        })
    }
}
