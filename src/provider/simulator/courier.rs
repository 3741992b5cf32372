//! Delivers webhooks: signed, in duplicate, out of order, tried again. One courier per thread,
//! because its HTTP client belongs to the thread. What the webhooks say is none of its business.

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::Bytes;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::behaviour::WebhookWeather;
use super::notice::signature;
use super::switchboard::{Epoch, Switchboard, lock};
use crate::provider::twilio::Account;
use crate::provider::twilio::form::Form;
use crate::provider::twilio::signature::sign;
use crate::sources;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Twilio gives an address this long.
const CARRIER_PATIENCE: Duration = Duration::from_secs(15);
const BACK_OFF: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
const HELD_BACK: Duration = Duration::from_millis(200);

pub(super) struct Courier {
    board: Arc<Mutex<Switchboard>>,
    client: awc::Client,
    secret: Option<String>,
    account: Option<Account>,
    holding: Cell<bool>,
    passed: Notify,
}

impl Courier {
    pub(super) fn new(board: Arc<Mutex<Switchboard>>, secret: Option<String>, account: Option<Account>) -> Self {
        let client = awc::Client::builder().timeout(TIMEOUT).disable_redirects().finish();
        Self { board, client, secret, account, holding: Cell::new(false), passed: Notify::new() }
    }

    /// Delivers a webhook as often as the weather says, and returns when that is over.
    pub(super) async fn deliver(&self, body: &Value, epoch: Epoch, weather: &WebhookWeather) {
        if weather.lose {
            return;
        }
        if weather.reorder {
            self.hold_back().await;
        }
        let body = Bytes::from(body.to_string());
        for _ in 0..=weather.duplicate {
            if let Some(delivered) = self.deliver_once(&body, epoch, weather.retry).await {
                lock(&self.board).count_webhook(epoch, delivered);
            }
            self.passed.notify_waiters();
        }
    }

    /// Asks the initiation webhook; the answer's status and body, if there was an answer.
    pub(super) async fn ask_initiation(&self, url: &str, question: &Value) -> Option<(u16, Value)> {
        let mut request = self.client.post(url);
        if let Some(secret) = &self.secret {
            request = request.insert_header(("X-Callgate-Secret", secret.as_str()));
        }
        match request.send_json(question).await {
            Ok(mut answer) => Some((answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))),
            Err(error) => {
                tracing::debug!(%error, "the initiation webhook gave no answer");
                None
            }
        }
    }

    /// The carrier's account, if it has one.
    pub(super) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Sends a form as the carrier does, signed where it has an account; the answer's status and body, if there was one.
    pub(super) async fn post_form(&self, url: &str, form: &Form) -> Option<(u16, String)> {
        let mut request = self.client.post(url);
        if let Some(account) = &self.account {
            request = request.insert_header(("X-Twilio-Signature", sign(&account.auth_token, url, form)));
        }
        match request.timeout(CARRIER_PATIENCE).send_form(&form.fields()).await {
            Ok(mut answer) => {
                let body = answer.body().await.unwrap_or_default();
                Some((answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => {
                tracing::debug!(%error, "the carrier got no answer");
                None
            }
        }
    }

    /// Waits until the next webhook has passed, unless one is waiting already.
    async fn hold_back(&self) {
        if self.holding.replace(true) {
            return;
        }
        // Nobody may come: then order is kept.
        let _ = timeout(HELD_BACK, self.passed.notified()).await;
        self.holding.set(false);
    }

    /// Whether it was delivered in the end; `None` if there is nowhere to send it, or no longer a reason.
    async fn deliver_once(&self, body: &Bytes, epoch: Epoch, retry: bool) -> Option<bool> {
        let mut back_off = BACK_OFF.iter();
        loop {
            let url = {
                let board = lock(&self.board);
                if board.epoch() != epoch {
                    return None;
                }
                board.targets.webhook.clone()?
            };
            if self.attempt(&url, body).await {
                return Some(true);
            }
            match back_off.next() {
                Some(&pause) if retry => sleep(pause).await,
                _ => return Some(false),
            }
        }
    }

    async fn attempt(&self, url: &str, body: &Bytes) -> bool {
        let mut request = self.client.post(url).content_type("application/json");
        if let Some(secret) = &self.secret {
            request = request.insert_header(("ElevenLabs-Signature", signature(secret, sources::now(), body)));
        }
        match request.send_body(body.clone()).await {
            Ok(answer) => answer.status().is_success(),
            Err(error) => {
                tracing::debug!(%error, "a webhook was not delivered");
                false
            }
        }
    }
}
