//! The simulated provider over real HTTP: here the stage, in the rooms the specifications.

mod carrier;
mod placing;
mod reading;
mod webhooks;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::http::{Method, StatusCode};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use serde_json::{Value, json};

use super::{Simulator, SimulatorOptions};
use crate::provider::elevenlabs::wire::{ConversationPage, ErrorBody, ErrorDetail, TwilioOutboundResponse};
use crate::provider::twilio::Account;

const SECRET: &str = "wsec_test";
const TWILIO: &str = "/v1/convai/twilio/outbound-call";

/// A webhook as it arrived.
#[derive(Clone)]
struct Received {
    path: String,
    signature: String,
    carrier_signature: String,
    secret: String,
    body: Value,
    raw: Vec<u8>,
}

/// Receives webhooks; answers the first `refusals` of them with 503.
struct Mailbox {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
    /// What the carrier is told to do.
    twiml: Arc<Mutex<String>>,
    server: ServerHandle,
}

impl Mailbox {
    fn start(refusals: usize) -> Self {
        let received = Arc::new(Mutex::new(Vec::<Received>::new()));
        let shared = Arc::clone(&received);
        let twiml = Arc::new(Mutex::new("<Response><Reject/></Response>".to_owned()));
        let said = Arc::clone(&twiml);
        let server = HttpServer::new(move || {
            let (received, twiml) = (Arc::clone(&shared), Arc::clone(&said));
            App::new().default_service(web::to(move |request: HttpRequest, raw: web::Bytes| {
                let header =
                    |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
                let mut received = received.lock().unwrap();
                received.push(Received {
                    path: request.path().to_owned(),
                    signature: header("ElevenLabs-Signature"),
                    carrier_signature: header("X-Twilio-Signature"),
                    secret: header("X-Callgate-Secret"),
                    // The carrier sends forms.
                    body: serde_json::from_slice(&raw).unwrap_or_default(),
                    raw: raw.to_vec(),
                });
                let answer = if request.path() == "/voice" {
                    HttpResponse::Ok().body(twiml.lock().unwrap().clone())
                } else if received.len() <= refusals {
                    HttpResponse::ServiceUnavailable().finish()
                } else {
                    HttpResponse::Ok().json(json!({"dynamic_variables": {"callgate_call_id": "call-7"}}))
                };
                async move { answer }
            }))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        Self { url, received, twiml, server: handle }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn kinds(&self) -> Vec<Value> {
        self.received().iter().map(|received| received.body["type"].clone()).collect()
    }
}

/// A simulator, somebody who asks it, and somebody whom it tells.
struct Stage {
    simulator: Simulator,
    mailbox: Mailbox,
    client: awc::Client,
}

impl Stage {
    fn start(cap: u32) -> Self {
        Self::start_with(cap, 0, None)
    }

    fn start_with(cap: u32, refusals: usize, api_key: Option<&str>) -> Self {
        // A second installation is refused, and the first is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mailbox = Mailbox::start(refusals);
        let simulator = Simulator::start(SimulatorOptions {
            bind: "127.0.0.1:0".parse().unwrap(),
            cap,
            webhook_url: Some(format!("{}/webhook", mailbox.url)),
            initiation_url: Some(format!("{}/initiation", mailbox.url)),
            webhook_secret: Some(SECRET.to_owned()),
            api_key: api_key.map(str::to_owned),
            voice_url: Some(format!("{}/voice", mailbox.url)),
            status_url: Some(format!("{}/status", mailbox.url)),
            account: Some(Account { sid: "AC_test".to_owned(), auth_token: "token".to_owned() }),
        })
        .unwrap();
        Self { simulator, mailbox, client: awc::Client::default() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.simulator.address)
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let mut answer = self
            .client
            .request(method, self.url(path))
            .insert_header(("xi-api-key", "key"))
            .send_json(&body)
            .await
            .unwrap();
        let status = answer.status();
        let body = answer.body().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, Value::Null).await
    }

    async fn behave(&self, update: Value) {
        let (status, answer) = self.send(Method::PUT, "/sim/behaviour", update).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn place_for(&self, user_id: &str) -> (StatusCode, Value) {
        self.send(Method::POST, TWILIO, placement(user_id)).await
    }

    async fn conversation_of(&self, user_id: &str) -> String {
        let (status, answer) = self.place_for(user_id).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value::<TwilioOutboundResponse>(answer).unwrap().conversation_id.unwrap()
    }

    async fn hang_up(&self, conversation_id: &str, reason: &str) -> StatusCode {
        self.send(Method::POST, &format!("/sim/calls/{conversation_id}/hangup"), json!({"reason": reason})).await.0
    }

    async fn state(&self) -> Value {
        self.get("/sim/state").await.1
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let (_, answer) = self.get(&format!("/v1/convai/conversations?{query}")).await;
        let page: ConversationPage = serde_json::from_value(answer).unwrap();
        page.conversations.into_iter().map(|item| item.conversation_id).collect()
    }

    async fn until_received(&self, count: usize) -> Vec<Received> {
        until("the webhooks", || async { self.mailbox.received().len() >= count }).await;
        self.mailbox.received()
    }

    async fn stop(self) {
        self.simulator.stop().await;
        self.mailbox.server.stop(false).await;
    }
}

fn placement(user_id: &str) -> Value {
    json!({
        "agent_id": "agent_1", "agent_phone_number_id": "phnum_1", "to_number": "+14155550123",
        "conversation_initiation_client_data": {
            "user_id": user_id, "dynamic_variables": {"callgate_call_id": user_id, "nested": {"a": [1, null]}},
        },
    })
}

async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        rt::time::sleep(Duration::from_millis(5)).await;
    }
}

fn code_of(answer: Value) -> Option<String> {
    match serde_json::from_value::<ErrorBody>(answer).unwrap().detail {
        ErrorDetail::Object(object) => object.code,
        _ => None,
    }
}
