//! A sweep of a gate that runs, asked for over HTTP.

use std::time::Duration;

use awc::http::StatusCode;
use serde_json::Value;

use super::Failure;
use super::bar::{Bar, LOOK};
use crate::cli::peer::{NoAnswer, Peer};

/// A sweep of very many calls may take minutes.
const PATIENCE: Duration = Duration::from_mins(30);

/// A gate that runs somewhere.
pub(super) struct Remote(Peer);

/// What came of asking.
pub(super) enum Asked {
    /// The report.
    Report(Value),
    /// Nobody listens there.
    NobodyThere(String),
}

impl Remote {
    pub(super) fn new(url: &str, key: Option<String>) -> Result<Self, Failure> {
        Ok(Self(Peer::new("--url", url, key)?.patient(PATIENCE)))
    }

    /// Asks for a sweep, and shows how far it is.
    pub(super) async fn sweep(&self) -> Result<Asked, Failure> {
        if let Some(reason) = self.nobody_there().await? {
            return Ok(Asked::NobodyThere(reason));
        }
        let bar = Bar::new();
        let watch = async {
            loop {
                if let Ok(supervisor) = self.0.get("/debug/actors/supervisor").await {
                    let step = &supervisor.body["supervisor"]["step"];
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
        let url = self.0.url();
        let answer = self.0.post(path, None).await;
        let answer = answer.map_err(|error| Failure::Check(format!("POST {url}{path}: {error}")))?;
        let status = answer.status;
        if status.is_success() && answer.body.is_object() {
            return Ok(Asked::Report(answer.body));
        }
        let failed = format!("POST {url}{path}: status {status}: {}", answer.said());
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Failure::Usage(format!("{failed}; name a key of scope admin with --key, or in auth.admin_key"))
            }
            _ => Failure::Check(failed),
        })
    }

    /// Why nobody is there; none where a gate is. It is asked without the key, which is for nobody else.
    async fn nobody_there(&self) -> Result<Option<String>, Failure> {
        let path = "/health/live";
        let url = self.0.url();
        match self.0.without_key().get(path).await {
            Ok(answer) if answer.status.is_success() => Ok(None),
            Ok(answer) => Err(Failure::Check(format!("GET {url}{path}: status {}: no gate", answer.status))),
            Err(NoAnswer::NobodyThere(reason)) => Ok(Some(reason)),
            Err(error) => Err(Failure::Check(format!("GET {url}{path}: {error}"))),
        }
    }
}
