//! The application: every room of a node, wired together in the one place that knows them all.
//!
//! | room | what lives there |
//! | --- | --- |
//! | here | build, listen, drain |
//! | `clock` | one clock for all replicas |
//! | `actors` | the actors, started in the order in which they need each other |
//! | `options` | from settings to what each room wants to know |
//! | `webhooks` | which webhooks are believed; the embedded provider |
//! | `past` | what an earlier process left half done |
//! | `stopping` | signals |

mod actors;
mod clock;
mod options;
mod past;
mod stopping;
mod webhooks;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Arbiter};
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::sync::watch;

use crate::actors::capacity::{Capacity, Configure};
use crate::actors::ping::Heartbeat;
use crate::actors::pulse::WatchLimits;
use crate::actors::roster::Roster;
use crate::actors::watch::{LastResorts, Watch};
use crate::actors::{Gate, GateParts};
use crate::domain::ids::PoolId;
use crate::domain::phone::load_numbering_plans;
use crate::domain::pool::Pool;
use crate::http::{self, AppState, Doors};
use crate::provider::VoiceProvider;
use crate::provider::simulator::Simulator;
use crate::settings::{ProviderKind, Settings};
use crate::sources;
use crate::store::{EventStore, ProcessLock, Sharing, Store, StoreError, StoreOptions};
use crate::telemetry::Metrics;
use actors::Actors;
use clock::{keep_clock, set_clock};
use options::{app_state, hang_up_ways, plans_of, provider_of, retry_after_of, vantage_of, watch_limits_of};
use past::{adopt_the_past, take_up_duties};
pub(super) use stopping::stop_signal;
use webhooks::{Webhooks, webhooks_of};

/// Threads that sessions run on.
const SESSION_THREADS: usize = 2;
/// How often the pool's row is read, so that a change made elsewhere counts within a second.
const POOL_LOOK: Duration = Duration::from_millis(500);

/// A request's head must be there after so long. Shorter, a replica that was stopped for some seconds would refuse what
/// had come meanwhile.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How often sessions are asked whether they are well, where nobody asks them for anything else.
const SESSION_PINGS: Duration = Duration::from_mins(1);
/// Between two attempts to take the process's lock again.
const LOCK_PAUSE: Duration = Duration::from_secs(2);

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
    /// How patient the watch over actors is.
    pub watch: Option<WatchLimits>,
    /// What happens in the place of an exit at once, where a thread is blocked.
    pub exit: Option<Box<dyn Fn() + Send>>,
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
    watch: Watch,
    heartbeats: Vec<Addr<Heartbeat>>,
    drain: Duration,
    shutdown_timeout: Duration,
    fatal: watch::Receiver<Option<String>>,
    lock: ProcessLock,
    sharing: Sharing,
}

impl Application {
    /// Opens the database, starts the actors and listens.
    pub async fn build(settings: Settings, overrides: Overrides) -> Result<Self, StartError> {
        refuse_several_providers(&settings)?;
        // What the settings contradict is said before anything is touched.
        hang_up_ways(&settings)?;
        let numbering_plans = tokio::task::spawn_blocking(load_numbering_plans);
        let sharing = if settings.redis.url.is_some() { Sharing::Shared } else { Sharing::Alone };
        let (store, lock, doors) = open(&settings, sharing).await?;
        set_clock(&store).await;
        let metrics = Arc::new(Metrics::new());
        metrics.set_process_start(sources::now());
        metrics.full_sweep_interval.set(settings.reconcile.interval.as_secs_f64());
        let roster = Roster::new(Arc::clone(&metrics));
        let plans = Arc::new(plans_of(&settings)?);
        plans.iter().for_each(|(plan, _)| metrics.know_plan(plan.as_str()));
        let pool = Pool {
            id: PoolId::default_pool(),
            cap: settings.capacity.global_cap,
            paused: false,
            reserves: plans.reserves(),
        };
        let pool = store.seed_pool(&pool).await?;
        let Webhooks { policy, simulator } = webhooks_of(&settings, pool.cap)?;
        let base_url = simulator.as_ref().map(|simulator| format!("http://{}", simulator.address));
        let provider = provider_of(&settings, base_url.clone(), &metrics);
        let provider = overrides.provider.map_or_else(|| Arc::clone(&provider), |wrap| wrap(Arc::clone(&provider)));
        let events: Arc<dyn EventStore> = overrides
            .event_store
            .map_or_else(|| Arc::new(store.clone()) as Arc<dyn EventStore>, |wrap| wrap(store.clone()));

        let arbiters: Vec<Arbiter> = std::iter::repeat_with(Arbiter::new).take(2 + SESSION_THREADS).collect();
        let (fatal, fatal_seen) = watch::channel(None);
        let fatal = Arc::new(fatal);
        let limits = overrides.watch.unwrap_or_else(|| watch_limits_of(&settings));
        let watch = Watch::start(limits, roster.clone(), last_resorts(&fatal, overrides.exit));
        let actors =
            Actors::start(&settings, &store, events, provider, &metrics, &roster, &plans, &arbiters, &fatal, &watch)?;
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
        if settings.redis.url.is_none() {
            adopt_the_past(&gate, simulator.is_some()).await?;
        }
        actix::spawn(take_up_duties(gate.clone(), sharing));
        watch_pool(gate.clone());
        ping_sessions(gate.clone());
        keep_clock(gate.clone());
        numbering_plans.await.map_err(|error| StartError::Failed(error.to_string()))?;

        let listener = TcpListener::bind(settings.server.bind).map_err(|error| {
            StartError::Usage(format!("server.bind = {:?}: {error}", settings.server.bind.to_string()))
        })?;
        let address = listener.local_addr().map_err(|error| StartError::Failed(error.to_string()))?;
        if let Some(simulator) = &simulator {
            let webhooks = format!("http://{address}/api/webhooks");
            simulator.set_webhook_url(format!("{webhooks}/elevenlabs"));
            simulator.set_carrier_urls(format!("{webhooks}/twilio/voice"), format!("{webhooks}/twilio/status"));
        }
        let vantage = vantage_of(&settings, pool, base_url);
        let state = web::Data::new(app_state(&settings, gate.clone(), doors, policy, vantage)?);
        let watched = state.clone();
        actix::spawn(async move { watched.watch().await });
        let server = listen(listener, state, &settings)?;
        Ok(Self {
            gate,
            address,
            handle: server.handle(),
            server,
            simulator,
            arbiters,
            watch,
            heartbeats: actors.heartbeats,
            drain: settings.server.drain,
            shutdown_timeout: settings.server.shutdown_timeout,
            fatal: fatal_seen,
            lock,
            sharing,
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
            () = keep_lock(&mut self.lock, self.gate.store(), self.sharing) => {
                Some("the lock on the database is lost: another callgate may run on it".to_owned())
            }
        };
        tracing::info!("stopping: nothing new is accepted; what is at work is finished");
        self.gate.drain();
        if fatal.is_none() {
            tokio::time::sleep(self.drain).await;
        }
        let finished = async {
            self.handle.stop(true).await;
            self.gate.settle().await;
            self.gate.store().close().await;
        };
        if tokio::time::timeout(self.shutdown_timeout, finished).await.is_err() {
            tracing::warn!("not everything was finished in time; the next start and its sweep take it up");
        }
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        if let Some(reason) = fatal {
            // A thread that is blocked would never be joined; the end of the process ends it, too.
            return Err(StartError::Failed(reason));
        }
        drop((self.watch, self.heartbeats));
        for arbiter in self.arbiters {
            let _ = arbiter.join();
        }
        Ok(())
    }
}

/// What is done where a thread is blocked.
fn last_resorts(fatal: &Arc<watch::Sender<Option<String>>>, exit: Option<Box<dyn Fn() + Send>>) -> LastResorts {
    let fatal = Arc::clone(fatal);
    LastResorts {
        give_up: Box::new(move |name| {
            let _ = fatal.send(Some(format!("the thread of the {name} actor is blocked")));
        }),
        exit: exit.unwrap_or_else(|| Box::new(|| std::process::exit(1))),
    }
}

/// Each replica would have an embedded provider of its own, and count its calls as everybody's.
fn refuse_several_providers(settings: &Settings) -> Result<(), StartError> {
    if settings.redis.url.is_some() && settings.provider.kind == ProviderKind::Simulator {
        return Err(StartError::Usage(
            "provider.kind = \"simulator\" with redis.url set: replicas share one provider; run `callgate simulator` and name it in provider.base_url, with provider.kind = \"elevenlabs\"".to_owned(),
        ));
    }
    Ok(())
}

async fn open(settings: &Settings, sharing: Sharing) -> Result<(Store, ProcessLock, Doors), StartError> {
    let options = StoreOptions {
        max_connections: settings.database.max_connections,
        // So the store gives up before its journal does, and can say for certain what is not stored.
        patience: settings.store.commit_timeout,
    };
    let store = Store::open_with(settings.database.url.expose(), options)
        .await
        .map_err(|error| StartError::Usage(format!("database.url = \"{}\": {}", settings.database.url, error.0)))?;
    let lock = store.lock_process(sharing).await.map_err(|error| StartError::Usage(error.0))?;
    let unusable = |error: StoreError| {
        StartError::Usage(format!(
            "database.url = \"{}\": the schema cannot be brought up to date: {}",
            settings.database.url, error.0
        ))
    };
    store.migrate().await.map_err(unusable)?;
    let any_key = settings.auth.admin_key.is_some() || store.has_keys().await?;
    settings.require_loopback_without_keys(any_key).map_err(|error| StartError::Usage(error.to_string()))?;
    if !any_key {
        tracing::warn!("no API key is configured: everything is open, on loopback only");
    }
    let doors = if any_key { Doors::Closed } else { Doors::OpenWithoutKeys };
    Ok((store, lock, doors))
}

/// Resolves where the process may not go on. One among several takes its lock again; the epoch guards meanwhile.
async fn keep_lock(lock: &mut ProcessLock, store: &Store, sharing: Sharing) {
    loop {
        lock.lost().await;
        if sharing == Sharing::Alone {
            return;
        }
        *lock = loop {
            match store.lock_process(sharing).await {
                Ok(lock) => break lock,
                Err(error) => tracing::warn!(%error, "the lock on the database is not held"),
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        };
    }
}

fn listen(listener: TcpListener, state: web::Data<AppState>, settings: &Settings) -> Result<Server, StartError> {
    let timeout = settings.server.shutdown_timeout.as_secs();
    let server = HttpServer::new(move || {
        App::new().app_data(state.clone()).wrap(from_fn(http::observe)).configure(http::configure)
    })
    .listen(listener)
    .map_err(|error| StartError::Failed(error.to_string()))?
    .client_request_timeout(HEAD_TIMEOUT)
    .disable_signals()
    .shutdown_timeout(timeout);
    Ok(server.run())
}

/// Keeps the ledger's terms those of the pool's row, wherever that was changed.
fn watch_pool(gate: Gate) {
    actix::spawn(async move {
        while !gate.is_draining() {
            tokio::time::sleep(POOL_LOOK).await;
            // The ledger first: terms that are read later are not older.
            let ledger = gate.snapshot().await;
            let row = gate.store().pool(&PoolId::default_pool()).await;
            if let (Ok(Some(pool)), Some(Capacity { occupied, epoch, .. })) = (row, ledger)
                && epoch.is_some()
                && (pool.cap, pool.paused, &pool.reserves) != (occupied.cap, occupied.paused, &occupied.reserves)
            {
                gate.capacity().do_send(Configure(pool));
            }
        }
    });
}

/// A session that is wedged while nobody asks it for anything may have a duty.
fn ping_sessions(gate: Gate) {
    actix::spawn(async move {
        while !gate.is_draining() {
            tokio::time::sleep(SESSION_PINGS).await;
            gate.directory().ping_all().await;
        }
    });
}
