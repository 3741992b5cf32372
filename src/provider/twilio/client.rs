//! Twilio's REST API. awc's client belongs to one thread, so each thread makes its own, once.
//!
//! Source: Twilio "Call resource": `POST …/Calls/{Sid}.json` with `Status=completed` ends a call; 200 says that this
//! was accepted, not that the call is over.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::http::{Method, StatusCode, Version};
use awc::{Client, ClientRequest};
use serde::Deserialize;

use crate::provider::address::segment;
use crate::telemetry::Metrics;

/// How long a question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A call is shown in about two thousand bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
/// What Twilio says of a call that is over already.
const NOT_IN_PROGRESS: u32 = 21220;

thread_local! {
    static CLIENT: Client =
        Client::builder().timeout(TIMEOUT).max_http_version(Version::HTTP_11).disable_redirects().finish();
}

/// An account and its token.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Account SID.
    pub sid: String,
    /// The token, which also signs what Twilio sends.
    pub auth_token: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// How to reach Twilio.
#[derive(Clone, Debug)]
pub struct TwilioOptions {
    /// For example `https://api.twilio.com`.
    pub base_url: String,
    /// Whose calls they are.
    pub account: Account,
}

/// The carrier.
#[derive(Debug)]
pub struct Twilio {
    options: TwilioOptions,
    metrics: Arc<Metrics>,
}

/// A call as Twilio shows it, or an error.
#[derive(Debug, Default, Deserialize)]
struct Shown {
    #[serde(default)]
    status: serde_json::Value,
    #[serde(default)]
    code: Option<u32>,
}

impl Twilio {
    /// A carrier that is asked at the first call; nothing is connected yet.
    pub fn new(options: TwilioOptions, metrics: Arc<Metrics>) -> Self {
        Self { options, metrics }
    }

    /// Asks for a call to be ended. That it is over already, or unknown, is no failure.
    pub async fn end(&self, call_sid: &str) -> Result<(), String> {
        let request = self.request(Method::POST, call_sid).send_form(&[("Status", "completed")]);
        let (status, shown) = self.ask("twilio_end", request).await?;
        match status {
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            StatusCode::BAD_REQUEST if shown.code == Some(NOT_IN_PROGRESS) => Ok(()),
            status => Err(format!("status {}", status.as_u16())),
        }
    }

    /// Whether Twilio says that the call is over. A call that it does not know proves nothing: another account may.
    pub async fn says_over(&self, call_sid: &str) -> bool {
        let shown = self.ask("twilio_look_up", self.request(Method::GET, call_sid).send()).await;
        matches!(shown, Ok((StatusCode::OK, shown)) if shown.status.as_str().and_then(super::form::ending).is_some())
    }

    fn request(&self, method: Method, call_sid: &str) -> ClientRequest {
        let Account { sid, auth_token } = &self.options.account;
        let base = self.options.base_url.trim_end_matches('/');
        let url = format!("{base}/2010-04-01/Accounts/{}/Calls/{}.json", segment(sid), segment(call_sid));
        CLIENT.with(|client| client.request(method, url)).basic_auth(sid, auth_token)
    }

    async fn ask(
        &self,
        operation: &'static str,
        request: awc::SendClientRequest,
    ) -> Result<(StatusCode, Shown), String> {
        let asked = Instant::now();
        let answer = async {
            let mut response = request.await.map_err(|error| error.to_string())?;
            let body = response.body().limit(ANSWER_LIMIT).await.map_err(|error| error.to_string())?;
            // An error may come from something in between, as text.
            Ok((response.status(), serde_json::from_slice(&body).unwrap_or_default()))
        };
        let answer = match tokio::time::timeout(TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
        };
        let outcome = match &answer {
            Ok((status, _)) if status.is_success() => "ok",
            Ok((StatusCode::NOT_FOUND, _)) => "not_found",
            Ok(_) | Err(_) => "error",
        };
        self.metrics.record_provider_request(operation, outcome, asked.elapsed());
        answer
    }
}
