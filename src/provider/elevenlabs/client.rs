//! The HTTP clients of a thread, and the port they serve.
//!
//! awc's client belongs to one thread, so each thread makes its own, once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::http::{Method, StatusCode, Version};
use awc::{Client, ClientRequest};
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::domain::call::References;
use crate::domain::ids::CallId;
use crate::provider::address::segment;
use crate::provider::twilio::{Twilio, TwilioOptions};
use crate::provider::{
    Conversation, ConversationPage, DialPermit, HangUp, HangUpWay, NotRegistered, Placement, PlacementOutcome,
    ProviderError, Registration, Stretch, VoiceProvider,
};
use crate::telemetry::Metrics;

/// How long a question may take. Placements have a limit of their own.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Larger answers are refused; a page of a hundred conversations is far below it.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

thread_local! {
    static CLIENT: Client = Client::builder()
        .timeout(QUESTION_TIMEOUT)
        .max_http_version(Version::HTTP_11)
        .disable_redirects()
        .finish();
    /// Every placement gets a connection of its own: a stale one from a pool would be a false doubt.
    static PLACING: Client = Client::builder().max_http_version(Version::HTTP_11).disable_redirects().finish();
}

/// Over which trunk outbound calls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `POST /v1/convai/twilio/outbound-call`.
    Twilio,
    /// `POST /v1/convai/sip-trunk/outbound-call`; answers when the callee does.
    Sip,
}

/// How to reach the provider.
#[derive(Clone, Debug)]
pub struct ElevenLabsOptions {
    /// For example `https://api.elevenlabs.io`.
    pub base_url: String,
    /// Sent as `xi-api-key`.
    pub api_key: String,
    /// Over which trunk outbound calls go.
    pub transport: Transport,
    /// After this a placement is in doubt.
    pub place_timeout: Duration,
    /// Who carries the telephone side, where its account is ours: it can hang up too.
    pub carrier: Option<TwilioOptions>,
}

/// The provider ElevenLabs, or anything that speaks its wire format.
#[derive(Debug)]
pub struct ElevenLabs {
    pub(super) options: ElevenLabsOptions,
    pub(super) carrier: Option<Twilio>,
    pub(super) metrics: Arc<Metrics>,
}

impl ElevenLabs {
    /// A provider that is asked at the first call; nothing is connected yet.
    pub fn new(options: ElevenLabsOptions, metrics: Arc<Metrics>) -> Self {
        let carrier = options.carrier.clone().map(|carrier| Twilio::new(carrier, Arc::clone(&metrics)));
        Self { options, carrier, metrics }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.options.base_url.trim_end_matches('/'))
    }

    /// A question over the thread's pool of connections.
    pub(super) fn question(&self, method: Method, path: &str) -> ClientRequest {
        CLIENT.with(|client| client.request(method, self.url(path))).insert_header(self.key())
    }

    /// A placement over a connection of its own.
    pub(super) fn placement(&self, path: &str, timeout: Duration) -> ClientRequest {
        PLACING.with(|client| client.post(self.url(path))).insert_header(self.key()).timeout(timeout).force_close()
    }

    pub(super) fn monitor(&self, conversation_id: &str) -> awc::ws::WebsocketsRequest {
        let path = format!("/v1/convai/conversations/{}/monitor", segment(conversation_id));
        let url = self.url(&path).replacen("http", "ws", 1);
        let (name, value) = self.key();
        CLIENT.with(|client| client.ws(url)).header(name, value)
    }

    fn key(&self) -> (&'static str, String) {
        ("xi-api-key", self.options.api_key.clone())
    }

    /// Sends a question and reads its JSON answer; none for 404.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: ClientRequest,
    ) -> Result<Option<T>, ProviderError> {
        let asked = Instant::now();
        let answer = async {
            let mut response = request.send().await.map_err(|error| error.to_string())?;
            match response.status() {
                StatusCode::NOT_FOUND => Ok(None),
                status if status.is_success() => {
                    let body = response.body().limit(ANSWER_LIMIT).await.map_err(|error| error.to_string())?;
                    serde_json::from_slice(&body).map(Some).map_err(|error| format!("unreadable answer: {error}"))
                }
                status => Err(format!("status {status}")),
            }
        };
        let answer = match tokio::time::timeout(QUESTION_TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", QUESTION_TIMEOUT.as_secs())),
        };
        let outcome = match &answer {
            Ok(Some(_)) => "ok",
            Ok(None) => "not_found",
            Err(_) => "error",
        };
        self.metrics.record_provider_request(operation, outcome, asked.elapsed());
        answer.map_err(ProviderError)
    }
}

impl VoiceProvider for ElevenLabs {
    fn place(&self, placement: Placement, permit: DialPermit) -> LocalBoxFuture<'_, PlacementOutcome> {
        Box::pin(self.place_call(placement, permit))
    }

    fn look_up<'a>(
        &'a self,
        conversation_id: &'a str,
    ) -> LocalBoxFuture<'a, Result<Option<Conversation>, ProviderError>> {
        Box::pin(self.conversation(conversation_id))
    }

    fn find<'a>(
        &'a self,
        call_id: CallId,
        user_id: Option<&'a str>,
        since: DateTime<Utc>,
    ) -> LocalBoxFuture<'a, Result<Option<Conversation>, ProviderError>> {
        Box::pin(self.conversation_of(call_id, user_id, since))
    }

    fn list_live<'a>(
        &'a self,
        began: Stretch,
        cursor: Option<&'a str>,
    ) -> LocalBoxFuture<'a, Result<ConversationPage, ProviderError>> {
        Box::pin(self.live_page(began, cursor))
    }

    fn live_count(&self) -> LocalBoxFuture<'_, Result<u64, ProviderError>> {
        Box::pin(self.count_of_live())
    }

    fn hang_up<'a>(&'a self, names: &'a References, ways: &'a [HangUpWay]) -> LocalBoxFuture<'a, HangUp> {
        Box::pin(self.end_call(names, ways))
    }

    fn register_call(
        &self,
        registration: Registration,
        permit: DialPermit,
    ) -> LocalBoxFuture<'_, Result<String, NotRegistered>> {
        Box::pin(self.register(registration, permit))
    }
}
