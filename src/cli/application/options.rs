//! From settings to what each room wants to know: parsed once, here.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::StartError;
use crate::actors::Gate;
use crate::actors::inbound::{InboundPolicy, OnFull, Unmanaged};
use crate::actors::pulse::WatchLimits;
use crate::actors::supervisor::{Courtesy, Replicas, Schedule};
use crate::domain::call::StallLimits;
use crate::domain::oversubscription::Threshold;
use crate::domain::plan::{Plan, Plans};
use crate::domain::pool::Pool;
use crate::domain::reconciliation::Policy;
use crate::domain::retry_after::RetryAfter;
use crate::http::{AppState, Carrier, DemoDoor, Doors, ProviderKind, Vantage, WebhookPolicy};
use crate::provider::elevenlabs::{ElevenLabs, ElevenLabsOptions, Transport};
use crate::provider::twilio::{Account, TwilioOptions};
use crate::provider::{HangUpWay, VoiceProvider};
use crate::settings::{self, ProviderTransport, Settings};
use crate::telemetry::Metrics;

pub(super) fn plans_of(settings: &Settings) -> Result<Plans, StartError> {
    let plan = |(name, plan): (&String, &settings::PlanSettings)| {
        let name = name.parse().map_err(|error| StartError::Usage(format!("plans.{name}: {error}")))?;
        let terms =
            Plan { limit: plan.limit, reserved: plan.reserved, max_duration_seconds: plan.max_duration_seconds };
        Ok((name, terms))
    };
    settings.plans.by_name.iter().map(plan).collect()
}

pub(super) fn provider_of(
    settings: &Settings,
    embedded: Option<String>,
    metrics: &Arc<Metrics>,
) -> Arc<dyn VoiceProvider> {
    // The embedded provider is the carrier too.
    let twilio = embedded.clone();
    let options = ElevenLabsOptions {
        base_url: embedded.unwrap_or_else(|| settings.provider.base_url.clone()),
        api_key: settings.provider.api_key.as_ref().map(|key| key.expose().to_owned()).unwrap_or_default(),
        transport: match settings.provider.transport {
            ProviderTransport::Twilio => Transport::Twilio,
            ProviderTransport::Sip => Transport::Sip,
        },
        place_timeout: settings.provider.place_timeout,
        carrier: account_of(settings).map(|account| TwilioOptions {
            base_url: twilio.unwrap_or_else(|| settings.provider.twilio_base_url.clone()),
            account,
        }),
    };
    Arc::new(ElevenLabs::new(options, Arc::clone(metrics)))
}

/// The Twilio account, if there is one.
pub(super) fn account_of(settings: &Settings) -> Option<Account> {
    settings.provider.twilio.as_ref().map(|credentials| Account {
        sid: credentials.account_sid.clone(),
        auth_token: credentials.auth_token.expose().to_owned(),
    })
}

/// Attempts in vain after which a hang-up is reported.
const STALLED_ATTEMPTS: u32 = 10;

/// When a hang-up that is not confirmed is reported.
pub(super) fn stall_limits_of(settings: &Settings) -> StallLimits {
    StallLimits { attempts: STALLED_ATTEMPTS, lasting: delta(settings.reconcile.stuck_termination) }
}

/// The ways to hang up that can be gone, in the configured order; at least one.
pub(super) fn hang_up_ways(settings: &Settings) -> Result<Vec<HangUpWay>, StartError> {
    let way = |way: &settings::HangUpWay| match way {
        settings::HangUpWay::Monitor => Some(HangUpWay::Monitor),
        settings::HangUpWay::Delete => Some(HangUpWay::Delete),
        settings::HangUpWay::Twilio => settings.provider.twilio.is_some().then_some(HangUpWay::Twilio),
    };
    let ways: Vec<HangUpWay> = settings.provider.terminate.iter().filter_map(way).collect();
    if ways.is_empty() {
        let reason = "provider.terminate = [\"twilio\"]: the way twilio needs provider.twilio_account_sid and provider.twilio_auth_token; set them, or name another way";
        return Err(StartError::Usage(reason.to_owned()));
    }
    Ok(ways)
}

pub(super) fn inbound_policy_of(settings: &Settings) -> InboundPolicy {
    InboundPolicy {
        on_full: match settings.inbound.on_full {
            settings::OnFull::Terminate => OnFull::Terminate,
            settings::OnFull::Admit => OnFull::Admit,
        },
        unmanaged: match settings.reconcile.unmanaged {
            settings::Unmanaged::Adopt => Unmanaged::Adopt,
            settings::Unmanaged::Terminate => Unmanaged::Terminate,
        },
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

pub(super) fn policy_of(settings: &Settings) -> Policy {
    Policy {
        grace: delta(settings.reconcile.grace),
        place_deadline: delta(settings.capacity.dial_within + settings.provider.place_timeout),
        bind_timeout: delta(settings.inbound.bind_timeout),
        max_call_age: delta(settings.reconcile.max_call_age),
        blind_max_age: delta(settings.reconcile.blind_max_age),
        erases: settings.provider.terminate.contains(&settings::HangUpWay::Delete),
    }
}

pub(super) fn courtesy_of(settings: &Settings) -> Courtesy {
    Courtesy {
        at_once: settings.reconcile.concurrent_requests.try_into().unwrap_or(1),
        pause: Duration::from_secs(1) / settings.reconcile.requests_per_second,
    }
}

pub(super) fn retry_after_of(settings: &Settings) -> RetryAfter {
    RetryAfter {
        global: settings.retry_after.global,
        business: settings.retry_after.business,
        provider: settings.retry_after.provider,
        other: settings.retry_after.other,
        jitter_percent: settings.retry_after.jitter_percent,
    }
}

pub(super) fn app_state(
    settings: &Settings,
    gate: Gate,
    doors: Doors,
    policy: WebhookPolicy,
    vantage: Vantage,
) -> Result<AppState, StartError> {
    let admin_key = settings.auth.admin_key.as_ref().map(settings::Secret::expose);
    let mut state = AppState::new(gate, admin_key, doors, policy, vantage);
    state.metrics_token = settings.metrics.token.as_ref().map(|token| token.expose().to_owned());
    state.public_url = settings.server.public_url.clone().unwrap_or_default();
    state.carrier =
        account_of(settings).map(|account| Carrier { account, announcement: settings.inbound.announcement.clone() });
    if let (Some(agent), Some(number)) = (&settings.demo.agent_id, &settings.demo.phone_number_id) {
        let wrong = |key: &str, error: &dyn std::fmt::Display| StartError::Usage(format!("{key}: {error}"));
        state.demo = Some(DemoDoor::new(
            agent.parse().map_err(|error| wrong("demo.agent_id", &error))?,
            number.parse().map_err(|error| wrong("demo.phone_number_id", &error))?,
        ));
    }
    Ok(state)
}

/// What is shown beside what the gate can tell: `embedded` is where the provider in this process listens.
pub(super) fn vantage_of(settings: &Settings, pool: Pool, embedded: Option<String>) -> Vantage {
    Vantage {
        provider: embedded.map_or(ProviderKind::Elevenlabs, ProviderKind::Embedded),
        pool,
        threshold: Threshold::above(settings.capacity.oversubscription_threshold_ratio),
    }
}

pub(super) fn schedule_of(settings: &Settings) -> Schedule {
    Schedule {
        full: settings.reconcile.interval,
        ledger: settings.reconcile.ledger_interval,
        startup_delay: settings.reconcile.startup_delay,
        on_demand: settings.reconcile.on_demand,
    }
}

/// Without a shared ledger there is one.
pub(super) fn replicas_of(settings: &Settings) -> Replicas {
    if settings.redis.url.is_some() { Replicas::Several } else { Replicas::One }
}

/// How patient the watch over actors is: more than a session that waits for several commits, and than a stop in good order.
pub(super) fn watch_limits_of(settings: &Settings) -> WatchLimits {
    let limits = WatchLimits::default();
    WatchLimits {
        answer_within: limits.answer_within.max(settings.store.commit_timeout * 4),
        session_within: limits.session_within.max(settings.store.commit_timeout * 20),
        exit_within: limits.exit_within.max(settings.server.shutdown_timeout + Duration::from_secs(10)),
        ..limits
    }
}

/// How far a webhook's signature may be from now.
pub(super) fn tolerance_of(settings: &Settings) -> TimeDelta {
    delta(settings.webhooks.tolerance)
}
