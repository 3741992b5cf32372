//! A process that is asked over HTTP, like anybody would: a gate that runs somewhere, or a simulated provider.

use std::net::SocketAddr;
use std::time::Duration;

use awc::Client;
use awc::error::{ConnectError, SendRequestError};
use awc::http::header::RETRY_AFTER;
use awc::http::{Method, StatusCode, Uri};
use serde_json::Value;

use super::Failure;

/// A report of ten thousand corrections, or a simulated provider's hundred thousand calls, is below it.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
/// What anything but a placement or a sweep may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a process is asked, and with which key.
#[derive(Clone)]
pub(super) struct Peer {
    url: String,
    key: Option<String>,
    patience: Duration,
    client: Client,
}

/// A whole answer. The body is null where it is no JSON.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<String>,
    pub(super) body: Value,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// Nobody listens there.
    #[error("{0}")]
    NobodyThere(String),
    /// The request may have arrived.
    #[error("{0}")]
    Lost(String),
}

impl Peer {
    /// The process at `url`, as the argument `name` has it.
    pub(super) fn new(name: &str, url: &str, key: Option<String>) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/').to_owned();
        let parsed: Option<Uri> = url.parse().ok();
        if !parsed.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()) {
            return Err(Failure::Usage(format!("{name} {url:?}: accepted are http:// and https:// addresses")));
        }
        Ok(Self::over(url, key))
    }

    /// The process that listens there.
    pub(super) fn at(address: SocketAddr) -> Self {
        Self::over(format!("http://{address}"), None)
    }

    fn over(url: String, key: Option<String>) -> Self {
        Self { url, key, patience: PATIENCE, client: Client::builder().disable_redirects().finish() }
    }

    /// Waits so long for answers.
    pub(super) fn patient(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// The same process for somebody without a key.
    pub(super) fn without_key(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Answer, NoAnswer> {
        self.ask(Method::POST, path, body).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.ask(Method::DELETE, path, None).await
    }

    /// On a connection of its own: a process may have gone, and another come, since the last request.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, NoAnswer> {
        let request = self.client.request(method, format!("{}{path}", self.url)).timeout(self.patience).force_close();
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let sent = match body {
            Some(body) => request.send_json(body).await,
            None => request.send().await,
        };
        let mut response = sent.map_err(|error| match error {
            SendRequestError::Connect(
                error @ (ConnectError::Io(_) | ConnectError::Timeout | ConnectError::Resolver(_)),
            ) => NoAnswer::NobodyThere(error.to_string()),
            error => NoAnswer::Lost(error.to_string()),
        })?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.body().limit(ANSWER_LIMIT).await.map_err(|error| NoAnswer::Lost(error.to_string()))?;
        Ok(Answer { status, retry_after, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}

impl Answer {
    /// Why it is not what was asked for, in the words of whoever answered.
    pub(super) fn said(&self) -> &str {
        let said = self.body["detail"].as_str().or_else(|| self.body["error"].as_str());
        said.unwrap_or("no reason is given")
    }
}
