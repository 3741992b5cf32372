//! Which webhooks are believed, and the simulated provider that signs them, where it is embedded.

use super::StartError;
use super::options::{account_of, tolerance_of};
use crate::http::WebhookPolicy;
use crate::provider::simulator::{Simulator, SimulatorOptions};
use crate::settings::{ProviderKind, Settings};
use crate::sources;

/// Which webhooks are believed, and the simulated provider that signs them, where it is embedded.
pub(super) struct Webhooks {
    pub(super) policy: WebhookPolicy,
    pub(super) simulator: Option<Simulator>,
}

pub(super) fn webhooks_of(settings: &Settings, cap: u32) -> Result<Webhooks, StartError> {
    let mut secrets: Vec<String> = settings.webhooks.secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    let embedded = settings.provider.kind == ProviderKind::Simulator;
    if embedded && secrets.is_empty() {
        secrets.push(sources::secret());
    }
    let simulator = if embedded {
        let options = SimulatorOptions {
            bind: settings.simulator.bind,
            cap: settings.simulator.cap.unwrap_or(cap),
            webhook_url: None,
            initiation_url: None,
            webhook_secret: secrets.first().cloned(),
            api_key: None,
            voice_url: None,
            status_url: None,
            account: account_of(settings),
        };
        let started = Simulator::start(options);
        Some(started.map_err(|error| {
            StartError::Usage(format!("simulator.bind = {:?}: {error}", settings.simulator.bind.to_string()))
        })?)
    } else {
        None
    };
    let policy =
        WebhookPolicy { secrets, tolerance: tolerance_of(settings), allow_unsigned: settings.webhooks.allow_unsigned };
    Ok(Webhooks { policy, simulator })
}
