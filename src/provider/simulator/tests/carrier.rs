//! The carrier: asks before it connects a call, tells when it is over, and ends it on demand.

use super::*;
use crate::provider::twilio::form::Form;
use crate::provider::twilio::signature::verify;

const REGISTER: &str = "/v1/convai/twilio/register-call";

fn registration() -> Value {
    json!({
        "agent_id": "agent_1", "from_number": "anonymous", "to_number": "+14155550100", "direction": "inbound",
        "conversation_initiation_client_data": {"user_id": "call-7", "dynamic_variables": {"callgate_call_id": "call-7"}},
    })
}

impl Stage {
    /// Registers a call; what connects it.
    async fn twiml(&self) -> String {
        let mut answer = self.client.post(self.url(REGISTER)).send_json(&registration()).await.unwrap();
        assert_eq!(answer.status(), 200);
        String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap()
    }

    /// Somebody calls a number that is not the provider's, and the gate says this.
    async fn ring(&self, twiml: &str) -> Value {
        twiml.clone_into(&mut self.mailbox.twiml.lock().unwrap());
        let (status, call) = self.send(Method::POST, "/sim/inbound", json!({"door": "twilio", "agentId": "a"})).await;
        assert_eq!(status, 200, "{call}");
        call
    }

    /// How a call stands at the carrier.
    async fn carried(&self, method: Method, call_sid: &str, token: &str) -> (StatusCode, Value) {
        let url = self.url(&format!("/2010-04-01/Accounts/AC_test/Calls/{call_sid}.json"));
        let request = self.client.request(method, url).basic_auth("AC_test", token);
        let mut answer = request.send_form(&[("Status", "completed")]).await.unwrap();
        let body = answer.body().await.unwrap();
        (answer.status(), serde_json::from_slice(&body).unwrap())
    }

    /// What the carrier said under this path.
    async fn said(&self, path: &str) -> Form {
        until("the carrier", || async { self.mailbox.received().iter().any(|said| said.path == path) }).await;
        let said = self.mailbox.received().into_iter().rfind(|said| said.path == path).unwrap();
        Form::read(&said.raw).unwrap()
    }
}

#[actix::test]
async fn a_registered_call_is_live_once_the_carrier_connects_it_and_not_before() {
    let stage = Stage::start(1);
    let twiml = stage.twiml().await;
    let state = stage.state().await;
    assert_eq!((&state["live"], &state["started"], &state["carrier"]["registered"]), (&json!(0), &json!(0), &json!(1)));

    let call = stage.ring(&twiml).await;

    let state = stage.state().await;
    assert_eq!((&state["live"], &state["calls"][0]["callSid"]), (&json!(1), &call["callSid"]));
    assert_eq!(state["calls"][0]["callgateCallId"], "call-7");
    assert_eq!(stage.send(Method::POST, REGISTER, registration()).await.0, 429, "the provider is full");
    let again = stage.ring(&twiml).await;
    assert_eq!(again["conversationId"], Value::Null, "each registration connects one call");
    let conversation_id = call["conversationId"].as_str().unwrap();
    assert_eq!(stage.hang_up(conversation_id, "completed").await, 200);
    until("the report", || async {
        let over = |said: &Received| said.path == "/status" && String::from_utf8_lossy(&said.raw).contains("completed");
        stage.mailbox.received().iter().any(over)
    })
    .await;
    stage.stop().await;
}

#[actix::test]
async fn the_carrier_signs_what_it_asks_and_what_it_says() {
    let stage = Stage::start(1);
    let call = stage.ring("<Response><Reject reason=\"busy\"/></Response>").await;
    let asked = stage.said("/voice").await;
    assert_eq!(asked.call_sid().ok(), call["callSid"].as_str());
    assert_eq!((asked.text("AccountSid"), asked.text("CallStatus")), (Some("AC_test"), Some("ringing")));
    assert_eq!(stage.said("/status").await.text("CallStatus"), Some("busy"));
    for (path, query) in [("/voice", "?agentId=a"), ("/status", "")] {
        let said = stage.mailbox.received().into_iter().find(|said| said.path == path).unwrap();
        let (url, form) = (format!("{}{path}{query}", stage.mailbox.url), Form::read(&said.raw).unwrap());
        assert_eq!(verify(Some(&said.carrier_signature), "token", &url, &form), Ok(()));
    }
    let state = stage.state().await;
    assert_eq!((&state["live"], &state["started"], &state["carrier"]["refused"]), (&json!(0), &json!(0), &json!(1)));
    stage.stop().await;
}

#[actix::test]
async fn a_call_ends_at_the_carrier_for_whoever_has_the_account() {
    let stage = Stage::start(1);
    let call = stage.ring(&stage.twiml().await).await;
    let call_sid = call["callSid"].as_str().unwrap();
    assert_eq!(stage.carried(Method::GET, call_sid, "token").await.1["status"], "in-progress");
    assert_eq!(stage.carried(Method::POST, call_sid, "wrong").await.0, 401);
    assert_eq!(stage.carried(Method::POST, "CA_unknown", "token").await.0, 404);
    stage.behave(json!({"terminate": "refuse"})).await;
    assert_eq!(stage.carried(Method::POST, call_sid, "token").await.0, 500);
    assert_eq!(stage.state().await["live"], 1);
    stage.behave(json!({"terminate": "ok"})).await;
    assert_eq!(stage.carried(Method::POST, call_sid, "token").await.0, 200);
    assert_eq!(stage.carried(Method::GET, call_sid, "token").await.1["status"], "completed");
    assert_eq!(stage.carried(Method::POST, call_sid, "token").await.1["code"], 21220);
    assert_eq!(stage.state().await["live"], 0);
    stage.stop().await;
}
