//! Settings: what `config/default.toml`, a file and the environment say, read once and typed.
//! One file per section. Nothing here opens, connects or listens.

mod auth;
mod capacity;
mod database;
mod demo;
mod error;
mod inbound;
mod metrics;
mod plans;
mod provider;
mod reconcile;
mod redis;
pub mod reference;
mod retention;
mod retry_after;
mod secret;
mod section;
mod server;
mod sessions;
mod simulator;
mod source;
mod store;
#[cfg(test)]
mod tests;
mod url;
mod webhooks;

use std::path::Path;

pub use auth::AuthSettings;
pub use capacity::CapacitySettings;
pub use database::DatabaseSettings;
pub use demo::DemoSettings;
pub use error::SettingsError;
pub use inbound::{InboundSettings, OnFull};
pub use metrics::MetricsSettings;
pub use plans::{PlanSettings, PlansSettings};
pub use provider::{HangUpWay, ProviderKind, ProviderSettings, ProviderTransport, TwilioCredentials};
pub use reconcile::{ReconcileSettings, Unmanaged};
pub use redis::RedisSettings;
pub use retention::RetentionSettings;
pub use retry_after::RetryAfterSettings;
pub use secret::Secret;
pub use server::ServerSettings;
pub use sessions::SessionsSettings;
pub use simulator::SimulatorSettings;
pub use store::StoreSettings;
pub use url::ConnectionUrl;
pub use webhooks::WebhookSettings;

/// Every setting of the process, one field per section of `config/default.toml`.
///
/// ```
/// use callgate::settings::Settings;
///
/// let environment = [("GLOBAL_CAP".to_owned(), "12".to_owned())];
/// let settings = Settings::load(None, environment)?;
/// assert_eq!(settings.capacity.global_cap, 12);
/// # Ok::<(), callgate::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[server]`: where callgate serves.
    pub server: ServerSettings,
    /// `[database]`: where events and sessions are kept.
    pub database: DatabaseSettings,
    /// `[redis]`: where the slot ledger is kept when there are replicas.
    pub redis: RedisSettings,
    /// `[store]`: how long a commit may take.
    pub store: StoreSettings,
    /// `[capacity]`: the pool's cap.
    pub capacity: CapacitySettings,
    /// `[sessions]`: how long a call's actor stays.
    pub sessions: SessionsSettings,
    /// `[plans.NAME]`: what each plan allows.
    pub plans: PlansSettings,
    /// `[retry_after]`: how long a refused caller is told to wait.
    pub retry_after: RetryAfterSettings,
    /// `[inbound]`: calls that come in.
    pub inbound: InboundSettings,
    /// `[reconcile]`: sweeps.
    pub reconcile: ReconcileSettings,
    /// `[provider]`: who carries the calls.
    pub provider: ProviderSettings,
    /// `[simulator]`: the simulated provider.
    pub simulator: SimulatorSettings,
    /// `[webhooks]`: what the provider's webhooks must prove.
    pub webhooks: WebhookSettings,
    /// `[auth]`: the key from the environment.
    pub auth: AuthSettings,
    /// `[metrics]`: who may scrape.
    pub metrics: MetricsSettings,
    /// `[retention]`: how long calls that are over are kept.
    pub retention: RetentionSettings,
    /// `[demo]`: the public demo door.
    pub demo: DemoSettings,
}

impl Settings {
    /// Reads the compiled-in defaults, overlaid by `file`, overlaid by `environment`.
    ///
    /// Of the environment, `CALLGATE__SECTION__KEY` (in any case) and a few usual names count;
    /// everything else in it is left alone.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let layers = source::Layers::stack(file, environment)?;
        let capacity = CapacitySettings::read(&layers.section("capacity"))?;
        let plans = PlansSettings::read(&layers, capacity.global_cap)?;
        Ok(Self {
            server: ServerSettings::read(&layers.section("server"))?,
            database: DatabaseSettings::read(&layers.section("database"))?,
            redis: RedisSettings::read(&layers.section("redis"))?,
            store: StoreSettings::read(&layers.section("store"))?,
            capacity,
            sessions: SessionsSettings::read(&layers.section("sessions"))?,
            plans,
            retry_after: RetryAfterSettings::read(&layers.section("retry_after"))?,
            inbound: InboundSettings::read(&layers.section("inbound"))?,
            reconcile: ReconcileSettings::read(&layers.section("reconcile"))?,
            provider: ProviderSettings::read(&layers.section("provider"))?,
            simulator: SimulatorSettings::read(&layers.section("simulator"))?,
            webhooks: WebhookSettings::read(&layers.section("webhooks"))?,
            auth: AuthSettings::read(&layers.section("auth"))?,
            metrics: MetricsSettings::read(&layers.section("metrics"))?,
            retention: RetentionSettings::read(&layers.section("retention"))?,
            demo: DemoSettings::read(&layers.section("demo"))?,
        })
    }

    /// Refuses to serve the network without any API key: everything would be open to it.
    ///
    /// Whether the database holds keys is known only to the caller, who says so.
    pub fn require_loopback_without_keys(&self, any_key_in_database: bool) -> Result<(), SettingsError> {
        let has_key = any_key_in_database || self.auth.admin_key.is_some();
        if has_key || self.server.bind.ip().is_loopback() {
            return Ok(());
        }
        Err(SettingsError::NotAccepted {
            key: "server.bind".to_owned(),
            value: format!("{:?}", self.server.bind.to_string()),
            accepted: "loopback addresses while there is no API key (set auth.admin_key, or `callgate keys create`)"
                .to_owned(),
        })
    }
}
