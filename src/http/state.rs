//! What every handler of a process shares.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::web::Bytes;
use chrono::TimeDelta;
use moka::future::Cache;
use tokio::sync::Semaphore;

use super::auth::{Doors, Keyring};
use super::overview::{Lookout, Vantage, Watchtower};
use crate::actors::Gate;
use crate::domain::ids::{AgentId, PhoneNumberId};
use crate::provider::twilio::Account;

/// Calls that one address may ask for at the demo door, per minute.
const DEMO_CALLS_PER_MINUTE: u32 = 5;
/// Each may be as long as 25 MiB, though few are.
const WEBHOOK_BODIES: usize = 64;
const MINUTE: Duration = Duration::from_mins(1);

/// What every handler shares.
pub struct AppState {
    /// The gate.
    pub gate: Gate,
    /// Who may do what.
    pub keyring: Keyring,
    /// Which webhooks are believed.
    pub webhooks: WebhookPolicy,
    /// Webhook bodies that are being read at once: whoever sends them slowly keeps nobody but webhooks waiting.
    pub(super) webhook_bodies: Semaphore,
    /// The public demo door, if it is open.
    pub demo: Option<DemoDoor>,
    /// For scraping without an API key.
    pub metrics_token: Option<String>,
    /// What begins the links in answers.
    pub public_url: String,
    /// The carrier whose webhooks are believed, where its account is ours.
    pub carrier: Option<Carrier>,
    /// The document of the routes, once somebody has asked for it.
    pub(super) openapi: OnceLock<Bytes>,
    /// Who looks at everything for those who watch.
    pub(super) watchtower: Watchtower,
}

/// The carrier whose webhooks are believed.
pub struct Carrier {
    /// Signs them.
    pub account: Account,
    /// What a caller hears for whom there is no room; none: the line is busy.
    pub announcement: Option<String>,
}

impl AppState {
    /// State without a demo door, a metrics token, a public address or a carrier.
    pub fn new(gate: Gate, admin_key: Option<&str>, doors: Doors, webhooks: WebhookPolicy, vantage: Vantage) -> Self {
        let keyring = Keyring::new(gate.store().clone(), admin_key, doors);
        let webhook_bodies = Semaphore::new(WEBHOOK_BODIES);
        let watchtower = Watchtower::new(Lookout::new(gate.clone(), vantage));
        Self {
            gate,
            keyring,
            webhooks,
            webhook_bodies,
            demo: None,
            metrics_token: None,
            public_url: String::new(),
            carrier: None,
            openapi: OnceLock::new(),
            watchtower,
        }
    }

    /// Looks for those who watch, and keeps the history, until the node goes away.
    pub async fn watch(&self) {
        self.watchtower.watch().await;
    }
}

/// Which webhooks are believed.
#[derive(Clone, Debug)]
pub struct WebhookPolicy {
    /// Any of these may have signed.
    pub secrets: Vec<String>,
    /// How old, or how far in the future, a signature may be.
    pub tolerance: TimeDelta,
    /// Believe everything where there is no secret.
    pub allow_unsigned: bool,
}

impl WebhookPolicy {
    /// The secrets, as the signature check takes them.
    pub(super) fn secrets(&self) -> Vec<&str> {
        self.secrets.iter().map(String::as_str).collect()
    }

    /// Whether nothing is checked.
    pub(super) fn is_open(&self) -> bool {
        self.secrets.is_empty() && self.allow_unsigned
    }
}

/// The public demo door.
pub struct DemoDoor {
    /// Who talks.
    pub agent_id: AgentId,
    /// From which number.
    pub phone_number_id: PhoneNumberId,
    asked: Cache<IpAddr, Arc<AtomicU32>>,
}

impl DemoDoor {
    /// An open door.
    pub fn new(agent_id: AgentId, phone_number_id: PhoneNumberId) -> Self {
        Self { agent_id, phone_number_id, asked: Cache::builder().time_to_live(MINUTE).max_capacity(100_000).build() }
    }

    /// Counts a request of an address; false where it has asked too often.
    pub(super) async fn admits(&self, address: IpAddr) -> bool {
        let asked = self.asked.get_with(address, async { Arc::default() }).await;
        asked.fetch_add(1, Ordering::Relaxed) < DEMO_CALLS_PER_MINUTE
    }
}
