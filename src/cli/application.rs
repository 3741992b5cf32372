//! The application: every room of a node, wired together in the one place that knows them all.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Addr, Arbiter};
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use chrono::TimeDelta;
use tokio::sync::{oneshot, watch};

use crate::actors::capacity::{CapacityActor, Configure};
use crate::actors::directory::Directory;
use crate::actors::guardian::{RestartLimits, guard};
use crate::actors::inbound::{InboundPolicy, Intake, OnFull, Unmanaged};
use crate::actors::journal::JournalActor;
use crate::actors::roster::Roster;
use crate::actors::services::Services;
use crate::actors::session::Apply;
use crate::actors::supervisor::{Schedule, SupervisorActor, Sweep};
use crate::actors::{Gate, GateParts};
use crate::domain::call::{Command, Doubt, EndReason, References, Status, Witness};
use crate::domain::ids::PoolId;
use crate::domain::plan::{Plan, Plans};
use crate::domain::pool::Pool;
use crate::domain::reconciliation::Policy;
use crate::domain::retry_after::RetryAfter;
use crate::http::{self, AppState, DemoDoor, WebhookPolicy};
use crate::ledger::MemoryLedger;
use crate::provider::elevenlabs::{ElevenLabs, ElevenLabsOptions, Transport};
use crate::provider::simulator::{Simulator, SimulatorOptions};
use crate::provider::{HangUpWay, VoiceProvider};
use crate::settings::{self, ProviderKind, ProviderTransport, Settings};
use crate::sources;
use crate::store::{DirectoryCache, EventStore, Store, StoreError, Trace};
use crate::telemetry::Metrics;

/// Threads that sessions run on.
const SESSION_THREADS: usize = 2;
/// How often the pool's row is read, so that a change made elsewhere counts within a second.
const POOL_LOOK: Duration = Duration::from_millis(500);

/// Why a gate does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or how it is used, is wrong.
    #[error("{0}")]
    Usage(String),
    /// Something that it needs does not work.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Other rooms in the place of the usual ones, for tests that inject faults.
#[derive(Default)]
pub struct Overrides {
    /// Goes round the event store.
    pub event_store: Option<AroundEventStore>,
    /// Goes round the provider.
    pub provider: Option<AroundProvider>,
}

/// Puts something between the gate and its event store.
pub type AroundEventStore = Box<dyn FnOnce(Store) -> Arc<dyn EventStore>>;
/// Puts something between the gate and its provider.
pub type AroundProvider = Box<dyn FnOnce(Arc<dyn VoiceProvider>) -> Arc<dyn VoiceProvider>>;

/// A gate that listens.
pub struct Application {
    gate: Gate,
    address: SocketAddr,
    server: Server,
    handle: ServerHandle,
    simulator: Option<Simulator>,
    arbiters: Vec<Arbiter>,
    shutdown_timeout: Duration,
    fatal: watch::Receiver<Option<String>>,
    _lock: crate::store::ProcessLock,
}

impl Application {
    /// Opens the database, starts the actors and listens.
    pub async fn build(settings: Settings, overrides: Overrides) -> Result<Self, StartError> {
        if settings.redis.url.is_some() {
            return Err(StartError::Usage(
                "redis.url is set: this build keeps its ledger in memory; leave it empty".to_owned(),
            ));
        }
        let (store, lock) = open(&settings).await?;
        let metrics = Arc::new(Metrics::new());
        let roster = Roster::new(Arc::clone(&metrics));
        let plans = Arc::new(plans_of(&settings)?);
        let pool = Pool {
            id: PoolId::default_pool(),
            cap: settings.capacity.global_cap,
            paused: false,
            reserves: plans.reserves(),
        };
        let pool = store.seed_pool(&pool).await?;
        let Webhooks { policy, simulator } = webhooks_of(&settings, pool.cap)?;
        let base_url = simulator.as_ref().map(|simulator| format!("http://{}", simulator.address));
        let provider = provider_of(&settings, base_url, &metrics);
        let provider = overrides.provider.map_or_else(|| Arc::clone(&provider), |wrap| wrap(Arc::clone(&provider)));
        let events: Arc<dyn EventStore> = overrides
            .event_store
            .map_or_else(|| Arc::new(store.clone()) as Arc<dyn EventStore>, |wrap| wrap(store.clone()));

        let arbiters: Vec<Arbiter> = std::iter::repeat_with(Arbiter::new).take(2 + SESSION_THREADS).collect();
        let (fatal, fatal_seen) = watch::channel(None);
        let actors =
            Actors::start(&settings, &store, events, provider, &metrics, &roster, &plans, &arbiters, &Arc::new(fatal));
        let gate = Gate::new(GateParts {
            store: store.clone(),
            cache: actors.intake.cache.clone(),
            directory: actors.intake.directory.clone(),
            capacity: actors.intake.capacity.clone(),
            journal: actors.intake.journal.clone(),
            supervisor: actors.supervisor,
            intake: actors.intake,
            roster,
            metrics,
            plans,
            retry_after: retry_after_of(&settings),
            max_in_flight: settings.server.max_in_flight as usize,
        });
        adopt_the_past(&gate, simulator.is_some()).await?;
        watch_pool(gate.clone(), pool);

        let listener = TcpListener::bind(settings.server.bind).map_err(|error| {
            StartError::Usage(format!("server.bind = {:?}: {error}", settings.server.bind.to_string()))
        })?;
        let address = listener.local_addr().map_err(|error| StartError::Failed(error.to_string()))?;
        if let Some(simulator) = &simulator {
            simulator.set_webhook_url(format!("http://{address}/api/webhooks/elevenlabs"));
        }
        let server = listen(listener, web::Data::new(app_state(&settings, gate.clone(), policy)?), &settings)?;
        Ok(Self {
            gate,
            address,
            handle: server.handle(),
            server,
            simulator,
            arbiters,
            shutdown_timeout: settings.server.shutdown_timeout,
            fatal: fatal_seen,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the routes talk to.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Where the embedded simulated provider listens, if there is one.
    pub fn simulator_address(&self) -> Option<SocketAddr> {
        self.simulator.as_ref().map(|simulator| simulator.address)
    }

    /// Serves until `stop` resolves, then drains: accepts nothing new, finishes what is at work, stores everything.
    ///
    /// Live calls stay live: they are the provider's. An actor that cannot be kept alive is an error.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let mut server = actix::spawn(self.server);
        let fatal = tokio::select! {
            () = stop => None,
            changed = self.fatal.changed() => changed.ok().and_then(|()| self.fatal.borrow().clone()),
            ended = &mut server => Some(format!("the HTTP server ended by itself: {ended:?}")),
        };
        tracing::info!("stopping: nothing new is accepted; what is at work is finished");
        self.gate.drain();
        let finished = async {
            self.handle.stop(true).await;
            self.gate.settle().await;
        };
        if tokio::time::timeout(self.shutdown_timeout, finished).await.is_err() {
            tracing::warn!("not everything was finished in time; the next start and its sweep take it up");
        }
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
        for arbiter in self.arbiters {
            arbiter.stop();
            let _ = arbiter.join();
        }
        match fatal {
            None => Ok(()),
            Some(reason) => Err(StartError::Failed(reason)),
        }
    }
}

async fn open(settings: &Settings) -> Result<(Store, crate::store::ProcessLock), StartError> {
    let store = Store::open(settings.database.url.expose())
        .await
        .map_err(|error| StartError::Usage(format!("database.url = \"{}\": {}", settings.database.url, error.0)))?;
    let lock = store.lock_process().map_err(|error| StartError::Usage(error.0))?;
    store.migrate().await?;
    let any_key = settings.auth.admin_key.is_some() || store.has_keys().await?;
    settings.require_loopback_without_keys(any_key).map_err(|error| StartError::Usage(error.to_string()))?;
    if !any_key {
        tracing::warn!("no API key is configured: everything is open, on loopback only");
    }
    Ok((store, lock))
}

fn plans_of(settings: &Settings) -> Result<Plans, StartError> {
    let plan = |(name, plan): (&String, &settings::PlanSettings)| {
        let name = name.parse().map_err(|error| StartError::Usage(format!("plans.{name}: {error}")))?;
        Ok((name, Plan { limit: plan.limit, reserved: plan.reserved }))
    };
    settings.plans.by_name.iter().map(plan).collect()
}

/// Which webhooks are believed, and the simulated provider that signs them, where it is embedded.
struct Webhooks {
    policy: WebhookPolicy,
    simulator: Option<Simulator>,
}

fn webhooks_of(settings: &Settings, cap: u32) -> Result<Webhooks, StartError> {
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
        };
        let started = Simulator::start(options);
        Some(started.map_err(|error| {
            StartError::Usage(format!("simulator.bind = {:?}: {error}", settings.simulator.bind.to_string()))
        })?)
    } else {
        None
    };
    let policy = WebhookPolicy {
        secrets,
        tolerance: delta(settings.webhooks.tolerance),
        allow_unsigned: settings.webhooks.allow_unsigned,
    };
    Ok(Webhooks { policy, simulator })
}

fn provider_of(settings: &Settings, embedded: Option<String>, metrics: &Arc<Metrics>) -> Arc<dyn VoiceProvider> {
    let options = ElevenLabsOptions {
        base_url: embedded.unwrap_or_else(|| settings.provider.base_url.clone()),
        api_key: settings.provider.api_key.as_ref().map(|key| key.expose().to_owned()).unwrap_or_default(),
        transport: match settings.provider.transport {
            ProviderTransport::Twilio => Transport::Twilio,
            ProviderTransport::Sip => Transport::Sip,
        },
        place_timeout: settings.provider.place_timeout,
    };
    Arc::new(ElevenLabs::new(options, Arc::clone(metrics)))
}

/// The actors of a node.
struct Actors {
    intake: Intake,
    supervisor: Addr<SupervisorActor>,
}

impl Actors {
    #[expect(clippy::too_many_arguments, reason = "wiring, in one place; each argument is a room of its own")]
    fn start(
        settings: &Settings,
        store: &Store,
        events: Arc<dyn EventStore>,
        provider: Arc<dyn VoiceProvider>,
        metrics: &Arc<Metrics>,
        roster: &Roster,
        plans: &Arc<Plans>,
        arbiters: &[Arbiter],
        fatal: &Arc<watch::Sender<Option<String>>>,
    ) -> Self {
        let limits = RestartLimits::default();
        let give_up = || {
            let fatal = Arc::clone(fatal);
            move |name: &str| {
                let _ = fatal.send(Some(format!("the {name} actor crashes again and again")));
            }
        };
        let (capacity_store, backlog) = (store.clone(), roster.backlog("capacity"));
        let capacity = guard(
            "capacity",
            &arbiters[0].handle(),
            roster,
            limits,
            move || {
                let make_ledger = Arc::new(|| Box::new(MemoryLedger::new()) as _);
                CapacityActor::new(capacity_store, PoolId::default_pool(), make_ledger, backlog)
            },
            give_up(),
        );
        let (journal_events, journal_metrics) = (Arc::clone(&events), Arc::clone(metrics));
        let (commit_timeout, backlog) = (settings.store.commit_timeout, roster.backlog("journal"));
        let journal = guard(
            "journal",
            &arbiters[1].handle(),
            roster,
            limits,
            move || JournalActor::new(journal_events, journal_metrics, commit_timeout, backlog),
            give_up(),
        );
        let services = Arc::new(Services {
            events,
            journal: journal.clone(),
            capacity: capacity.clone(),
            provider: Arc::clone(&provider),
            metrics: Arc::clone(metrics),
            dial_within: settings.capacity.dial_within,
            hang_up_ways: hang_up_ways(settings),
            supervisor: OnceLock::new(),
            dialling: Arc::default(),
        });
        let session_threads = arbiters[2..].iter().map(Arbiter::handle).collect();
        let directory = Directory::new(Arc::clone(&services), session_threads, roster.clone());
        let cache = DirectoryCache::new(store.clone());
        let intake = Intake::new(
            store.clone(),
            cache,
            directory.clone(),
            capacity,
            journal,
            Arc::clone(plans),
            inbound_policy_of(settings),
            Arc::clone(metrics),
        );
        let sweep = Arc::new(Sweep {
            store: store.clone(),
            intake: intake.clone(),
            provider,
            policy: policy_of(settings),
            metrics: Arc::clone(metrics),
        });
        let schedule = Schedule {
            full: settings.reconcile.interval,
            ledger: settings.reconcile.ledger_interval,
            startup_delay: settings.reconcile.startup_delay,
        };
        let supervisor = guard(
            "supervisor",
            &Arbiter::current(),
            roster,
            limits,
            move || SupervisorActor::new(sweep, schedule),
            give_up(),
        );
        directory.report_to(supervisor.clone().recipient());
        let _ = services.supervisor.set(supervisor.clone().recipient());
        Self { intake, supervisor }
    }
}

fn hang_up_ways(settings: &Settings) -> Vec<HangUpWay> {
    let way = |way: &settings::HangUpWay| match way {
        settings::HangUpWay::Monitor => Some(HangUpWay::Monitor),
        settings::HangUpWay::Delete => Some(HangUpWay::Delete),
        // Not spoken yet; the other ways are tried in the same order.
        settings::HangUpWay::Twilio => None,
    };
    settings.provider.terminate.iter().filter_map(way).collect()
}

fn inbound_policy_of(settings: &Settings) -> InboundPolicy {
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

fn policy_of(settings: &Settings) -> Policy {
    Policy {
        grace: delta(settings.reconcile.grace),
        place_deadline: delta(settings.capacity.dial_within + settings.provider.place_timeout),
        bind_timeout: delta(settings.inbound.bind_timeout),
        max_call_age: delta(settings.reconcile.max_call_age),
        blind_max_age: delta(settings.reconcile.blind_max_age),
    }
}

fn retry_after_of(settings: &Settings) -> RetryAfter {
    RetryAfter {
        global: settings.retry_after.global,
        business: settings.retry_after.business,
        provider: settings.retry_after.provider,
        other: settings.retry_after.other,
        jitter_percent: settings.retry_after.jitter_percent,
    }
}

fn app_state(settings: &Settings, gate: Gate, policy: WebhookPolicy) -> Result<AppState, StartError> {
    let admin_key = settings.auth.admin_key.as_ref().map(settings::Secret::expose);
    let mut state = AppState::new(gate, admin_key, policy);
    state.metrics_token = settings.metrics.token.as_ref().map(|token| token.expose().to_owned());
    state.public_url = settings.server.public_url.clone().unwrap_or_default();
    if let (Some(agent), Some(number)) = (&settings.demo.agent_id, &settings.demo.phone_number_id) {
        let wrong = |key: &str, error: &dyn std::fmt::Display| StartError::Usage(format!("{key}: {error}"));
        state.demo = Some(DemoDoor::new(
            agent.parse().map_err(|error| wrong("demo.agent_id", &error))?,
            number.parse().map_err(|error| wrong("demo.phone_number_id", &error))?,
        ));
    }
    Ok(state)
}

fn listen(listener: TcpListener, state: web::Data<AppState>, settings: &Settings) -> Result<Server, StartError> {
    let timeout = settings.server.shutdown_timeout.as_secs();
    let server = HttpServer::new(move || {
        App::new().app_data(state.clone()).wrap(from_fn(http::observe)).configure(http::configure)
    })
    .listen(listener)
    .map_err(|error| StartError::Failed(error.to_string()))?
    .disable_signals()
    .shutdown_timeout(timeout);
    Ok(server.run())
}

/// What an earlier process left half done. The process lock proves that nobody else is at it.
async fn adopt_the_past(gate: &Gate, provider_is_new: bool) -> Result<(), StartError> {
    for session in gate.store().live_sessions().await? {
        let command = if provider_is_new {
            // The embedded provider died together with the process: so did its calls.
            Command::End {
                reason: EndReason::ProviderEnded,
                at: None,
                references: References::none(),
                witness: Witness::Gate,
                note: None,
            }
        } else if matches!(session.record.status, Status::Placing | Status::Terminating)
            && session.record.started_at.is_none()
        {
            Command::DoubtPlacement { doubt: Doubt::Crash }
        } else {
            gate.directory().wake(session.call_id);
            continue;
        };
        let trace = Trace { correlation_id: None, causation_id: Some("start".to_owned()) };
        let applied = gate.directory().ask(session.call_id, Apply { command, trace }).await;
        if let Err(error) = applied.unwrap_or_else(Err) {
            return Err(StartError::Failed(format!("call {}: {error}", session.call_id)));
        }
    }
    Ok(())
}

/// Applies a changed pool row on this replica.
fn watch_pool(gate: Gate, mut known: Pool) {
    actix::spawn(async move {
        while !gate.is_draining() {
            tokio::time::sleep(POOL_LOOK).await;
            match gate.store().pool(&PoolId::default_pool()).await {
                Ok(Some(pool)) if pool != known => {
                    gate.capacity().do_send(Configure(pool.clone()));
                    known = pool;
                }
                _ => {}
            }
        }
    });
}

/// Resolves when the process is asked to stop (SIGTERM or SIGINT).
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, asked) = oneshot::channel::<()>();
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be heard; stop the process by SIGKILL");
            let _ = asked.await;
        }
    }
    drop(sender);
}
