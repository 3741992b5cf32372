//! The way to one Redis: made when it is first needed, and made anew after every failure. Nothing here waits long.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisResult, ScriptInvocation,
    TlsCertificates,
};
use tokio::time::timeout;

use super::super::port::LedgerError;
use super::RedisTarget;

/// Everything that is asked for is answered, or given up, within this time.
const OVERALL: Duration = Duration::from_secs(1);
const CONNECTING: Duration = Duration::from_secs(1);
const RESPONSE: Duration = Duration::from_millis(500);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// The URL, or the certificate, is not one that can be connected with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis cannot be connected with as configured: {0}")]
pub struct UnusableTarget(String);

/// A connection to one server, or the wish for one.
pub(super) struct Connection {
    client: Client,
    manager: Option<ConnectionManager>,
    policy: Policy,
}

/// Whether the server was asked if it evicts keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Unknown,
    Told,
}

impl Connection {
    /// Connects to nothing yet.
    pub(super) fn new(target: &RedisTarget<'_>) -> Result<Self, UnusableTarget> {
        let unusable = |error: redis::RedisError| UnusableTarget(error.to_string());
        let info = target.url.into_connection_info().map_err(unusable)?;
        // Under RESP3 a connection that breaks while it is idle is noticed, and made again, at once.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let info = info.set_redis_settings(settings);
        let client = match target.certificate_authority {
            None => Client::open(info),
            Some(pem) => {
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem.to_owned()) })
            }
        };
        Ok(Self { client: client.map_err(unusable)?, manager: None, policy: Policy::Unknown })
    }

    /// Runs a script. After an error it may have run, or may run yet.
    pub(super) async fn run<T: FromRedisValue>(&mut self, script: &ScriptInvocation<'_>) -> Result<T, LedgerError> {
        let mut manager = self.manager()?;
        let answer = answered(script.invoke_async(&mut manager)).await;
        self.settle(answer).await
    }

    /// Asks several questions at once.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, questions: &Pipeline) -> Result<T, LedgerError> {
        let mut manager = self.manager()?;
        let answer = answered(questions.query_async(&mut manager)).await;
        self.settle(answer).await
    }

    /// What is asked next goes out on a new connection.
    pub(super) fn forget(&mut self) {
        self.manager = None;
    }

    /// The manager is made where it is used: its tasks live on that runtime.
    fn manager(&mut self) -> Result<ConnectionManager, LedgerError> {
        if let Some(manager) = &self.manager {
            return Ok(manager.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(RESPONSE))
            .set_number_of_retries(2)
            .set_min_delay(BETWEEN_TRIES)
            .set_max_delay(BETWEEN_TRIES);
        let made = ConnectionManager::new_lazy_with_config(self.client.clone(), config);
        let manager = made.map_err(|error| LedgerError::Away(self.without_password(&error.to_string())))?;
        self.manager = Some(manager.clone());
        Ok(manager)
    }

    /// A failure ends the connection, whatever it is. A server that became a replica goes on refusing writes where
    /// its name leads to another by now, a half-open socket goes on saying nothing, and the manager would remember
    /// for ever that it was not let in.
    async fn settle<T>(&mut self, answer: Result<T, String>) -> Result<T, LedgerError> {
        match answer {
            Ok(answer) => {
                self.warn_of_eviction().await;
                Ok(answer)
            }
            Err(error) => {
                self.manager = None;
                Err(LedgerError::Away(self.without_password(&error)))
            }
        }
    }

    /// Old servers repeat in their errors what they do not understand, and the password may be in it.
    fn without_password(&self, error: &str) -> String {
        match self.client.get_connection_info().redis_settings().password() {
            Some(password) if !password.is_empty() => error.replace(password, "***"),
            _ => error.to_owned(),
        }
    }

    /// Says once what the operator should know: keys that the server evicts are slots that are given twice, until
    /// the next rebuild.
    async fn warn_of_eviction(&mut self) {
        let (Policy::Unknown, Some(manager)) = (self.policy, &mut self.manager) else { return };
        // Where CONFIG is forbidden, as hosted servers do, INFO tells it still.
        let memory = answered(redis::cmd("INFO").arg("memory").query_async::<String>(manager)).await;
        let Ok(memory) = memory else { return };
        self.policy = Policy::Told;
        match memory.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")) {
            Some("noeviction") => {}
            policy => tracing::warn!(
                policy = policy.unwrap_or("unknown"),
                "Redis may evict the keys of the slot ledger: set maxmemory-policy to noeviction"
            ),
        }
    }
}

async fn answered<T>(answer: impl Future<Output = RedisResult<T>>) -> Result<T, String> {
    match timeout(OVERALL, answer).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer from Redis within {} ms", OVERALL.as_millis())),
    }
}
