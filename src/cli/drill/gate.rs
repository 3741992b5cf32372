//! One replica of the gate, asked over HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use awc::http::StatusCode;
use serde_json::{Value, json};

use super::told::Told;
use crate::cli::Failure;
use crate::cli::peer::{Answer, NoAnswer, Peer};

/// Longer than a placement takes.
pub(super) const LONGEST_PLACEMENT: Duration = Duration::from_secs(90);
/// How long a look at whether a process is there may take.
const GLANCE: Duration = Duration::from_secs(2);
/// A number that nobody has.
const NUMBER: &str = "+12065550123";

/// Something does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Trouble(pub(super) String);

/// What is wanted of an answer: a success, with its body.
pub(super) fn body_of(asked: &str, answer: Result<Answer, NoAnswer>) -> Result<Value, Trouble> {
    match answer {
        Ok(answer) if answer.status.is_success() => Ok(answer.body),
        Ok(answer) => Err(Trouble(format!("{asked}: status {}: {}", answer.status.as_u16(), answer.said()))),
        Err(error) => Err(Trouble(format!("{asked}: {error}"))),
    }
}

/// A replica.
#[derive(Clone)]
pub(super) struct Gate(Peer);

/// The pool as its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    pub(super) cap: u32,
    pub(super) paused: bool,
    pub(super) reserves: BTreeMap<String, u32>,
}

/// What a replica counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Slots held, and calls beyond them, by the ledger.
    pub(super) taken: u64,
    /// The ids of live calls, and whose they are, by the table.
    pub(super) live: Vec<(String, String)>,
    /// Whose live calls are still being placed.
    pub(super) placing: Vec<String>,
    /// Slots held, by plan.
    pub(super) by_plan: BTreeMap<String, u32>,
}

impl Standing {
    fn read(status: &Value) -> Option<Self> {
        let live = status["calls"].as_array()?.iter().map(|call| {
            let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
            (text("callId"), text("businessId"))
        });
        let placing = status["calls"].as_array()?.iter().filter(|call| call["status"] == "placing");
        let by_plan = status["globalStatus"]["byPlan"].as_object()?.iter();
        Some(Self {
            taken: status["activeCalls"].as_u64()? + status["overflow"].as_u64()?,
            live: live.collect(),
            placing: placing.filter_map(|call| call["businessId"].as_str()).map(str::to_owned).collect(),
            by_plan: by_plan.map(|(plan, held)| (plan.clone(), whole(held))).collect(),
        })
    }
}

/// A process as it shows itself: its name, and since when it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) node: String,
    pub(super) since: Instant,
}

fn whole(value: &Value) -> u32 {
    value.as_u64().and_then(|value| value.try_into().ok()).unwrap_or_default()
}

impl Gate {
    pub(super) fn new(url: &str, key: Option<String>) -> Result<Self, Failure> {
        Ok(Self(Peer::new("--url", url, key)?))
    }

    pub(super) fn url(&self) -> &str {
        self.0.url()
    }

    async fn read(&self, path: &str) -> Result<Value, Trouble> {
        body_of(&format!("GET {}{path}", self.url()), self.0.get(path).await)
    }

    /// Whether a process answers at all. It is asked without the key, which is for nobody else.
    pub(super) async fn is_there(&self) -> Result<(), NoAnswer> {
        let answer = self.0.without_key().patient(GLANCE).get("/health/live").await?;
        if answer.status.is_success() { Ok(()) } else { Err(NoAnswer::Lost(format!("status {}", answer.status))) }
    }

    /// Whether it admits calls.
    pub(super) async fn is_ready(&self) -> Result<(), Trouble> {
        let path = "/health/ready";
        let health = body_of(&format!("GET {}{path}", self.url()), self.0.without_key().get(path).await)?;
        if health["mode"] == "recovering" {
            return Err(Trouble(format!("the gate {} is recovering, and admits nobody", self.url())));
        }
        Ok(())
    }

    /// Whether the key opens anything.
    pub(super) async fn opens(&self) -> Result<(), Failure> {
        let path = "/api/pools/default";
        match self.0.get(path).await {
            Ok(answer) if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status) => {
                Err(Failure::Usage(wants_a_key(self.url(), answer.said())))
            }
            answer => body_of(&format!("GET {}{path}", self.url()), answer).map(drop).map_err(failed),
        }
    }

    pub(super) async fn pool(&self) -> Result<Pool, Trouble> {
        let pool = self.read("/api/pools/default").await?;
        let reserves = pool["reserved"].as_object().into_iter().flatten();
        Ok(Pool {
            cap: whole(&pool["cap"]),
            paused: pool["paused"] == true,
            reserves: reserves.map(|(plan, count)| (plan.clone(), whole(count))).collect(),
        })
    }

    pub(super) async fn standing(&self) -> Result<Standing, Trouble> {
        let status = self.read("/api/concurrent-metrics/status").await?;
        if status["ledgerMode"] == "recovering" {
            return Err(Trouble(format!("the gate {} is recovering, and counts nothing", self.url())));
        }
        Standing::read(&status).ok_or_else(|| Trouble(format!("{} does not count as a callgate does", self.url())))
    }

    /// The simulated provider that the gate has started itself, where it says so.
    pub(super) async fn embedded_simulator(&self) -> Option<String> {
        let overview = self.read("/api/overview").await.ok()?;
        overview["provider"]["simulatorUrl"].as_str().map(str::to_owned)
    }

    /// Asks for a call.
    pub(super) async fn place(&self, business: &str, agent: &str) -> Told {
        let call = json!({
            "businessId": business, "agentId": agent, "phoneNumberId": "callgate-drill", "toNumber": NUMBER,
            "source": "drill",
        });
        Told::by(self.0.patient(LONGEST_PLACEMENT).post("/api/calls", Some(&call)).await)
    }

    pub(super) async fn call(&self, call_id: &str) -> Result<Value, Trouble> {
        self.read(&format!("/api/calls/{call_id}")).await
    }

    /// The call of a conversation, once the gate knows of it.
    pub(super) async fn call_of(&self, conversation: &str) -> Result<Option<Value>, Trouble> {
        let page = self.read(&format!("/api/calls?providerCallId={conversation}")).await?;
        Ok(page["calls"].as_array().and_then(|calls| calls.first()).cloned())
    }

    /// Hangs up; that a call is over already is no trouble.
    pub(super) async fn hang_up(&self, call_id: &str) -> Result<(), Trouble> {
        let path = format!("/api/calls/{call_id}");
        match self.0.delete(&path).await {
            Ok(answer) if answer.status == StatusCode::CONFLICT => Ok(()),
            answer => body_of(&format!("DELETE {}{path}", self.url()), answer).map(drop),
        }
    }

    /// Registers a business of the drill.
    pub(super) async fn register(&self, business: &str, plan: &str, limit: u32) -> Result<(), Failure> {
        let path = format!("/api/businesses/{business}");
        let body = json!({ "name": "callgate drill", "plan": plan, "status": "ACTIVE", "concurrentLimit": limit });
        match self.0.put(&path, &body).await {
            Ok(answer) if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status) => {
                Err(Failure::Usage(wants_a_key(self.url(), answer.said())))
            }
            answer => body_of(&format!("PUT {}{path}", self.url()), answer).map(drop).map_err(failed),
        }
    }

    /// Gives an agent to a business of the drill.
    pub(super) async fn give_agent(&self, business: &str, agent: &str) -> Result<(), Trouble> {
        let path = format!("/api/businesses/{business}/agents/{agent}");
        body_of(&format!("PUT {}{path}", self.url()), self.0.put(&path, &json!({})).await).map(drop)
    }

    /// Takes a business out of the directory, with its agents; that there is none is no trouble.
    pub(super) async fn remove(&self, business: &str) -> Result<(), Trouble> {
        let path = format!("/api/businesses/{business}");
        match self.0.delete(&path).await {
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => Ok(()),
            answer => body_of(&format!("DELETE {}{path}", self.url()), answer).map(drop),
        }
    }

    /// Runs a sweep, for what no webhook has told.
    pub(super) async fn sweep(&self) -> Result<(), Trouble> {
        let path = "/api/reconciliations";
        let swept = self.0.patient(LONGEST_PLACEMENT).post(path, None).await;
        body_of(&format!("POST {}{path}", self.url()), swept).map(drop)
    }

    /// The process behind the address, or one of them.
    pub(super) async fn process(&self) -> Option<Process> {
        let answer = self.0.patient(GLANCE).get("/debug/actors").await.ok()?;
        let uptimes = answer.body["actors"].as_array()?.iter().map(|actor| actor["uptimeSeconds"].as_u64());
        Some(Process {
            node: answer.body["node"].as_str()?.to_owned(),
            since: Instant::now().checked_sub(Duration::from_secs(uptimes.flatten().max()?))?,
        })
    }
}

fn wants_a_key(url: &str, said: &str) -> String {
    format!("{url}: {said}; name a key of scope admin with --key or CALLGATE_KEY")
}

/// What keeps the drill from beginning.
pub(super) fn failed(trouble: Trouble) -> Failure {
    Failure::Check(trouble.0)
}
