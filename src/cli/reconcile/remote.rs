//! A sweep of a gate that runs, asked for over HTTP.

use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};
use awc::http::{Method, StatusCode, Uri};
use awc::{Client, ClientRequest};
use serde_json::Value;

use super::Failure;
use super::bar::{Bar, LOOK};

/// A sweep of very many calls may take minutes.
const PATIENCE: Duration = Duration::from_mins(30);
/// A report of ten thousand corrections is below it.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// A gate that runs somewhere.
pub(super) struct Remote {
    url: String,
    key: Option<String>,
    client: Client,
}

/// What came of asking.
pub(super) enum Asked {
    /// The report.
    Report(Value),
    /// Nobody listens there.
    NobodyThere(String),
}

impl Remote {
    pub(super) fn new(url: &str, key: Option<String>) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/').to_owned();
        let parsed: Option<Uri> = url.parse().ok();
        if !parsed.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()) {
            return Err(Failure::Usage(format!("--url {url:?}: accepted are http:// and https:// addresses")));
        }
        let client = Client::builder().timeout(PATIENCE).disable_redirects().finish();
        Ok(Self { url, key, client })
    }

    /// Asks for a sweep, and shows how far it is.
    pub(super) async fn sweep(&self) -> Result<Asked, Failure> {
        let bar = Bar::new();
        let watch = async {
            loop {
                if let Some(supervisor) = self.supervisor().await {
                    let step = &supervisor["supervisor"]["step"];
                    let number = |name: &str| step[name].as_u64().unwrap_or(0);
                    bar.show(step["name"].as_str().unwrap_or_default(), number("done"), number("total"));
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            asked = self.ask() => asked,
            () = watch => unreachable!("it is watched until the sweep is done"),
        }
    }

    async fn ask(&self) -> Result<Asked, Failure> {
        let path = "/api/reconciliations";
        let mut response = match self.request(Method::POST, path).send().await {
            Ok(response) => response,
            Err(SendRequestError::Connect(error @ (ConnectError::Io(_) | ConnectError::Timeout))) => {
                return Ok(Asked::NobodyThere(error.to_string()));
            }
            Err(error) => return Err(Failure::Check(format!("POST {}{path}: {error}", self.url))),
        };
        let status = response.status();
        let body = response.body().limit(ANSWER_LIMIT).await.unwrap_or_default();
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() && answer.is_object() {
            return Ok(Asked::Report(answer));
        }
        let said = answer["detail"].as_str().unwrap_or("no reason is given");
        let failed = format!("POST {}{path}: status {status}: {said}", self.url);
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Failure::Usage(format!("{failed}; name a key of scope admin with --key, or in auth.admin_key"))
            }
            _ => Failure::Check(failed),
        })
    }

    async fn supervisor(&self) -> Option<Value> {
        let mut response = self.request(Method::GET, "/debug/actors/supervisor").send().await.ok()?;
        serde_json::from_slice(&response.body().limit(ANSWER_LIMIT).await.ok()?).ok()
    }

    fn request(&self, method: Method, path: &str) -> ClientRequest {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}
