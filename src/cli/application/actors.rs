//! The actors of a node, started in the order in which they need each other.

use std::sync::{Arc, OnceLock};

use actix::{Addr, Arbiter};
use tokio::sync::watch;

use super::StartError;
use super::options::{
    courtesy_of, hang_up_ways, inbound_policy_of, policy_of, replicas_of, schedule_of, stall_limits_of,
};
use crate::actors::capacity::{Access, CapacityActor, LedgerFactory, Ledgers};
use crate::actors::directory::Directory;
use crate::actors::guardian::{RestartLimits, guard};
use crate::actors::inbound::Intake;
use crate::actors::journal::JournalActor;
use crate::actors::ping::Heartbeat;
use crate::actors::roster::Roster;
use crate::actors::services::Services;
use crate::actors::supervisor::{Progress, SupervisorActor, Sweep};
use crate::actors::watch::Watch;
use crate::domain::ids::PoolId;
use crate::domain::plan::Plans;
use crate::ledger::{DatabaseLedger, MemoryLedger, RedisLedger, RedisTarget};
use crate::provider::VoiceProvider;
use crate::settings::Settings;
use crate::sources;
use crate::store::{DirectoryCache, EventStore, Store};
use crate::telemetry::Metrics;

/// The names of the actors that show that a thread of the sessions goes on.
const SESSION_THREADS: [&str; super::SESSION_THREADS] = ["session_thread_1", "session_thread_2"];

/// The actors of a node.
pub(super) struct Actors {
    pub(super) intake: Intake,
    pub(super) supervisor: Addr<SupervisorActor>,
    /// An actor that nobody has the address of would stop.
    pub(super) heartbeats: Vec<Addr<Heartbeat>>,
}

impl Actors {
    #[expect(clippy::too_many_arguments, reason = "wiring, in one place; each argument is a room of its own")]
    pub(super) fn start(
        settings: &Settings,
        store: &Store,
        events: Arc<dyn EventStore>,
        provider: Arc<dyn VoiceProvider>,
        metrics: &Arc<Metrics>,
        roster: &Roster,
        plans: &Arc<Plans>,
        arbiters: &[Arbiter],
        fatal: &Arc<watch::Sender<Option<String>>>,
        over_all: &Watch,
    ) -> Result<Self, StartError> {
        let limits = RestartLimits::default();
        let give_up = || {
            let fatal = Arc::clone(fatal);
            move |name: &str| {
                let _ = fatal.send(Some(format!("the {name} actor crashes again and again")));
            }
        };
        let make_ledgers = ledgers_of(settings, store)?;
        let (capacity_store, capacity_metrics) = (store.clone(), Arc::clone(metrics));
        let backlog = roster.backlog("capacity");
        let capacity = guard(
            "capacity",
            &arbiters[0].handle(),
            roster,
            limits,
            over_all,
            move || CapacityActor::new(capacity_store, PoolId::default_pool(), make_ledgers, backlog, capacity_metrics),
            give_up(),
        );
        let (journal_events, journal_metrics) = (Arc::clone(&events), Arc::clone(metrics));
        let (commit_timeout, backlog) = (settings.store.commit_timeout, roster.backlog("journal"));
        let journal = guard(
            "journal",
            &arbiters[1].handle(),
            roster,
            limits,
            over_all,
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
            idle_after: settings.sessions.idle_after,
            clock_grace: settings.reconcile.grace,
            hang_up_ways: hang_up_ways(settings)?,
            stall_limits: stall_limits_of(settings),
            supervisor: OnceLock::new(),
            dialling: Arc::default(),
        });
        let session_threads: Vec<_> = arbiters[2..].iter().map(Arbiter::handle).collect();
        let beat = |(name, thread)| guard(name, thread, roster, limits, over_all, || Heartbeat, give_up());
        let heartbeats = SESSION_THREADS.into_iter().zip(&session_threads).map(beat).collect();
        let answer_within = over_all.limits().session_within;
        let directory = Directory::new(Arc::clone(&services), session_threads, roster.clone(), answer_within);
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
            courtesy: courtesy_of(settings),
            policy: policy_of(settings),
            metrics: Arc::clone(metrics),
            progress: Progress::default(),
        });
        let (schedule, replicas) = (schedule_of(settings), replicas_of(settings));
        let supervisor = guard(
            "supervisor",
            &Arbiter::current(),
            roster,
            limits,
            over_all,
            move || SupervisorActor::new(sweep, schedule, replicas),
            give_up(),
        );
        directory.report_to(supervisor.clone().recipient());
        let _ = services.supervisor.set(supervisor.clone().recipient());
        Ok(Self { intake, supervisor, heartbeats })
    }
}

/// One replica counts in memory; several share Redis.
fn ledgers_of(settings: &Settings, store: &Store) -> Result<LedgerFactory, StartError> {
    let Some(url) = settings.redis.url.clone() else {
        return Ok(Arc::new(|| Ledgers::Alone(Access::one(Box::new(MemoryLedger::new())))));
    };
    let (prefix, authority, store) =
        (settings.redis.prefix.clone(), settings.redis.certificate_authority.clone(), store.clone());
    let (pool, shown) = (PoolId::default_pool(), url.to_string());
    let redis = move || {
        let certificate_authority = authority.as_deref();
        RedisLedger::new(
            &RedisTarget { url: url.expose(), certificate_authority, prefix: &prefix, pool: &pool },
            sources::new_uuid(),
        )
    };
    redis().map_err(|error| StartError::Usage(format!("redis.url = {shown:?}: {error}")))?;
    Ok(Arc::new(move || {
        let redis = || Box::new(redis().expect("the same target was usable at the start"));
        let database = || Box::new(DatabaseLedger::new(store.clone(), PoolId::default_pool()));
        Ledgers::Cluster { redis: Access::two(redis(), redis()), database: Access::two(database(), database()) }
    }))
}
