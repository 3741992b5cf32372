//! The simulated provider, as a process of its own. Its count of live calls is the judge of the gate.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use super::http::Ask;
use super::process::{Process, callgate};
use super::twilio::{ACCOUNT, TOKEN};
use super::wait::eventually;

#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) address: String,
    process: Process,
}

impl Provider {
    /// Starts one that carries `cap` calls and signs with `secret`.
    pub(crate) fn start(folder: &Path, cap: u32, secret: &str) -> Self {
        let mut command = callgate(folder);
        command.args(["simulator", "--bind", "127.0.0.1:0", "--cap", &cap.to_string(), "--webhook-secret", secret]);
        command.args(["--twilio-account-sid", ACCOUNT, "--twilio-auth-token", TOKEN]);
        let mut process = Process::spawn(command, &folder.join("provider.log"));
        let address = process.announced("simulated provider listening on ");
        Self { address, process }
    }

    /// Sends webhooks to the gate at `address` from now on.
    pub(crate) async fn put_webhook(&self, address: &str) {
        let webhooks = format!("{address}/api/webhooks/elevenlabs");
        let carrier = format!("{address}/api/webhooks/twilio");
        let targets = json!({
            "url": webhooks, "initiationUrl": format!("{webhooks}/initiation"),
            "voiceUrl": format!("{carrier}/voice"), "statusUrl": format!("{carrier}/status"),
        });
        self.ask(Ask::put("/sim/webhook").json(&targets)).await;
    }

    pub(crate) async fn state(&self) -> Value {
        self.ask(Ask::get("/sim/state")).await
    }

    /// Calls that are live by the provider's own count.
    pub(crate) async fn live(&self) -> u64 {
        self.state().await["live"].as_u64().unwrap()
    }

    /// Calls that were ever dialled.
    pub(crate) async fn dialled(&self) -> u64 {
        self.state().await["dialled"].as_u64().unwrap()
    }

    /// Everything that is known of a conversation.
    pub(crate) async fn call(&self, conversation: &str) -> Value {
        let state = self.state().await;
        let found = calls(&state).into_iter().find(|call| call["conversationId"] == conversation);
        found.unwrap_or_else(|| panic!("the provider does not know {conversation}"))
    }

    /// The conversations that are live.
    pub(crate) async fn live_conversations(&self) -> Vec<String> {
        let state = self.state().await;
        let live = calls(&state).into_iter().filter(|call| call["live"] == true);
        live.map(|call| call["conversationId"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn behave(&self, behaviour: Value) {
        self.ask(Ask::put("/sim/behaviour").json(&behaviour)).await;
    }

    pub(crate) async fn behaviour(&self) -> Value {
        self.ask(Ask::get("/sim/behaviour")).await
    }

    /// Hang-ups that it is still going to refuse, where their number is limited.
    pub(crate) async fn refusals_left(&self) -> u64 {
        self.behaviour().await["terminateRefusals"].as_u64().unwrap_or(0)
    }

    /// Somebody calls the agent; the conversation's id.
    pub(crate) async fn start_inbound(&self, agent: &str) -> String {
        let call = self.post_inbound(json!({"agentId": agent})).await;
        call["conversationId"].as_str().unwrap().to_owned()
    }

    /// The carrier says no more that calls are over.
    pub(crate) async fn silence_the_carrier(&self) {
        self.ask(Ask::put("/sim/webhook").json(&json!({"statusUrl": null}))).await;
    }

    pub(crate) async fn post_inbound(&self, call: Value) -> Value {
        self.ask(Ask::post("/sim/inbound").json(&call)).await
    }

    /// Somebody hangs up; the webhook follows.
    pub(crate) async fn hang_up(&self, conversation: &str) {
        self.ask(Ask::post(&format!("/sim/calls/{conversation}/hangup"))).await;
    }

    /// Everybody hangs up.
    pub(crate) async fn hang_up_all(&self) {
        for conversation in self.live_conversations().await {
            self.hang_up(&conversation).await;
        }
    }

    /// Whoever is still talking hangs up; somebody may do so just before.
    pub(crate) async fn hang_up_whoever_is_left(&self) {
        for conversation in self.live_conversations().await {
            let hung_up = Ask::post(&format!("/sim/calls/{conversation}/hangup")).send(&self.address).await;
            let code = hung_up.expect("the simulated provider answers").code();
            assert!(matches!(code, 200 | 409), "{conversation}: {code}");
        }
    }

    /// Sends a webhook (again), and returns when it was delivered.
    pub(crate) async fn send_webhook(&self, conversation: &str, kind: &str) {
        let sent = self.state().await["webhooksSent"].as_u64().unwrap();
        self.ask(Ask::post(&format!("/sim/calls/{conversation}/webhook")).json(&json!({"type": kind}))).await;
        self.webhooks_sent(sent + 1).await;
    }

    /// Returns when so many webhooks were delivered.
    pub(crate) async fn webhooks_sent(&self, wanted: u64) {
        eventually("the provider delivers its webhooks", async || {
            (self.state().await["webhooksSent"].as_u64().unwrap() >= wanted).then_some(())
        })
        .await;
    }

    /// The most outbound calls that were ever live at once; none where the provider is gone.
    pub(crate) fn most_live_outbound(&self) -> Option<u64> {
        let authority = self.address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).ok()?;
        write!(stream, "GET /sim/state HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str::<Value>(body).ok()?["maxLiveOutbound"].as_u64()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill_9(&mut self) {
        self.process.kill_9();
    }

    async fn ask(&self, ask: Ask) -> Value {
        ask.send(&self.address).await.expect("the simulated provider answers").expect(200)
    }
}

fn calls(state: &Value) -> Vec<Value> {
    state["calls"].as_array().unwrap().clone()
}
