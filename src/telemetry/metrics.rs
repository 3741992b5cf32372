//! Every metric of callgate, declared once: name, type and help text.
//! Counters count what this replica did; gauges of slots show the pool, to be aggregated with `max`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use chrono::{DateTime, Utc};
use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Metric, Registry, Unit},
};

use super::labels::{
    Actor, Admission, HangUp, Http, Mode, Operation, OperationOutcome, Plan, Reason, Rejection, State, Sweep,
    SweepOutcome, Version, Webhook,
};

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The modes that `callgate_ledger_mode` knows.
const LEDGER_MODES: [&str; 4] = ["memory", "redis", "database", "recovering"];

/// Sweeps that run on an interval, and how they may end. A series that appears with its first count has not increased, by
/// Prometheus: where an alert waits for the first, it is there before.
const SWEEP_KINDS: [&str; 2] = ["full", "ledger"];
const SWEEP_OUTCOMES: [&str; 3] = ["ok", "partial", "failed"];
/// The correction that tells of lost webhooks.
const ENDED_UNHEARD: &str = "provider_ended";
/// Of admissions.
const DIRECTIONS: [&str; 2] = ["outbound", "inbound"];

/// Methods that are named as they are; others, which a stranger may invent, are `OTHER`.
const HTTP_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// From a millisecond to the longest placement, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// A moment, as seconds since 1970; 0: none.
type Moment = Gauge<f64, AtomicU64>;

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn batch_sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 10))
}

/// Declares the metrics: the doc comment of each is its help text, the name is the one in the exposition.
macro_rules! metrics {
    ($(
        #[doc = $help:literal]
        $visibility:vis $field:ident: $metric:ty = $name:literal $(from $make:expr)?;
    )+) => {
        /// The metrics of one process and the registry that exposes them.
        ///
        /// Metrics without labels are fields; those with labels have a method, which takes the
        /// values of the labels in the order of the declaration.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            tally: Mutex<RejectionTally>,
            $(
                #[doc = $help]
                #[doc = concat!("\n\n`", $name, "`")]
                $visibility $field: $metric,
            )+
        }

        impl Metrics {
            fn registered() -> Self {
                let mut registry = Registry::default();
                $(
                    let $field: $metric = metrics!(@make $($make)?);
                    register(&mut registry, $name, $help, $field.clone());
                )+
                Self { registry, tally: Mutex::default(), $($field,)+ }
            }
        }
    };
    (@make) => { Default::default() };
    (@make $make:expr) => { $make };
}

metrics! {
    /// Slots held in the pool, without overflow
    pub platform_global_active_calls: Gauge = "platform_global_active_calls";
    /// Calls that were refused
    concurrent_rejected: Family<Rejection, Counter> = "concurrent_rejected_total";
    /// Placements that ElevenLabs refused with 429
    pub elevenlabs_429: Counter = "elevenlabs_429_total";

    /// Calls that were admitted
    admissions: Family<Admission, Counter> = "callgate_admissions_total";
    /// Calls that are not over, by state
    calls: Family<State, Gauge> = "callgate_calls";
    /// Slots held in the pool by plan
    slots_held: Family<Plan, Gauge> = "callgate_slots_held";
    /// Slots that a plan has reserved
    slots_reserved: Family<Plan, Gauge> = "callgate_slots_reserved";
    /// Cap of the pool
    pub slots_cap: Gauge = "callgate_slots_cap";
    /// Calls that are live without a slot
    pub slots_overflow: Gauge = "callgate_slots_overflow";
    /// 1 while the pool is paused
    pub pool_paused: Gauge = "callgate_pool_paused";

    /// Slots sold by plan: the limits of its businesses that may call, together
    slots_sold: Family<Plan, Gauge> = "callgate_slots_sold";
    /// Slots sold, as a multiple of the cap
    pub oversubscription_ratio: Gauge<f64, AtomicU64> = "callgate_oversubscription_ratio";
    /// Ratio of slots sold above which callgate warns, 0 for never
    pub oversubscription_threshold_ratio: Gauge<f64, AtomicU64> = "callgate_oversubscription_threshold_ratio";
    /// Businesses that have as many live calls as they may, or more
    pub businesses_at_limit: Gauge = "callgate_businesses_at_limit";

    /// 1 for the mode in which the slot ledger works
    ledger_mode: Family<Mode, Gauge> = "callgate_ledger_mode";
    /// Epoch of the slot ledger, higher after each rebuild
    pub ledger_epoch: Gauge = "callgate_ledger_epoch";
    /// Slots by which the ledger and the session table differed at the last sweep
    pub ledger_drift: Gauge = "callgate_ledger_drift";

    /// Instructions in one batch at the slot ledger
    pub ledger_batch_size: Histogram = "callgate_ledger_batch_size" from batch_sizes();
    /// Time that a batch at the slot ledger took
    pub ledger_batch_duration: Histogram = "callgate_ledger_batch_duration_seconds" from seconds();
    /// Batches to which the slot ledger gave no answer
    pub ledger_failures: Counter = "callgate_ledger_failures_total";
    /// Slot ledgers that this replica rebuilt, by where they are
    ledger_rebuilds: Family<Mode, Counter> = "callgate_ledger_rebuilds_total";

    /// Requests to the provider
    provider_requests: Family<OperationOutcome, Counter> = "callgate_provider_requests_total";
    /// Time until the provider answered
    provider_request_duration: Family<Operation, Histogram> = "callgate_provider_request_duration_seconds" from Family::new_with_constructor(seconds);
    /// Webhooks received
    webhooks: Family<Webhook, Counter> = "callgate_webhooks_total";
    /// Attempts to hang up
    hangups: Family<HangUp, Counter> = "callgate_hangups_total";
    /// Hang-ups that took long and were reported; each goes on until it is confirmed
    pub hangups_stalled: Counter = "callgate_hangups_stalled_total";
    /// Calls whose hang-up took long, was reported, and is not confirmed yet
    pub stuck_terminations: Gauge = "callgate_stuck_terminations";

    /// Appends in one commit
    pub commit_batch_size: Histogram = "callgate_commit_batch_size" from batch_sizes();
    /// Time that a commit took
    pub commit_duration: Histogram = "callgate_commit_duration_seconds" from seconds();
    /// Commits that failed
    pub commit_failures: Counter = "callgate_commit_failures_total";

    /// 1 where the database has answered, 0 where it has not
    pub database_up: Gauge = "callgate_database_up";

    /// When the last full sweep to which everything answered was done, on any replica; 0 where none is known
    last_full_sweep: Moment = "callgate_last_full_sweep_timestamp_seconds";
    /// Time from one full sweep to the next, as configured
    pub full_sweep_interval: Gauge<f64, AtomicU64> = "callgate_full_sweep_interval_seconds";
    /// Sweeps that ran
    sweeps: Family<SweepOutcome, Counter> = "callgate_sweeps_total";
    /// Time that a sweep took
    sweep_duration: Family<Sweep, Histogram> = "callgate_sweep_duration_seconds" from Family::new_with_constructor(seconds);
    /// Corrections that sweeps made
    sweep_corrections: Family<Reason, Counter> = "callgate_sweep_corrections_total";

    /// Actors restarted after a crash
    actor_restarts: Family<Actor, Counter> = "callgate_actor_restarts_total";
    /// Actors that did not answer in time
    actors_wedged: Family<Actor, Counter> = "callgate_actors_wedged_total";
    /// Session actors in memory
    pub sessions_live: Gauge = "callgate_sessions_live";

    /// Requests at work
    pub in_flight_requests: Gauge = "callgate_in_flight_requests";
    /// Requests refused because too many were at work
    pub overloaded: Counter = "callgate_overloaded_total";
    /// Time until a request was answered
    http_request_duration: Family<Http, Histogram> = "callgate_http_request_duration_seconds" from Family::new_with_constructor(seconds);

    /// When this process started
    process_start_time: Moment = "callgate_process_start_time_seconds";
    /// 1, labelled with the version of callgate
    build_info: Family<Version, Gauge> = "callgate_build_info";
}

/// Registers a metric under the name that it has in the exposition.
///
/// The registry appends what `OpenMetrics` derives (`_total` of counters, the unit), so it is taken off here.
fn register(registry: &mut Registry, name: &str, help: &str, metric: impl Metric) {
    // The registry ends the help text with a full stop.
    let help = help.trim();
    let name = name.strip_suffix("_total").unwrap_or(name);
    match name.strip_suffix("_seconds") {
        Some(name) => registry.register_with_unit(name, help, Unit::Seconds, metric),
        None => registry.register(name, help, metric),
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact for longer than anybody runs this")]
fn seconds_since_1970(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1_000.0
}

/// What this process has refused, as `GET /api/concurrent-metrics` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectionTally {
    /// All of them.
    pub total: u64,
    /// How many for each reason.
    pub by_reason: BTreeMap<String, u64>,
    /// How many for each plan.
    pub by_plan: BTreeMap<String, u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Declares every metric; what has no labels reads 0, so does what an alert waits for, and the ledger is recovering.
    pub fn new() -> Self {
        let metrics = Self::registered();
        metrics.set_ledger_mode("recovering");
        for (kind, outcome) in SWEEP_KINDS.iter().flat_map(|kind| SWEEP_OUTCOMES.map(|outcome| (*kind, outcome))) {
            metrics.sweeps.get_or_create_owned(&SweepOutcome::new(kind, outcome));
        }
        metrics.webhooks.get_or_create_owned(&Webhook::new("post_call_transcription", "ended"));
        metrics.sweep_corrections.get_or_create_owned(&Reason::new(ENDED_UNHEARD));
        metrics.build_info.get_or_create_owned(&Version::new(env!("CARGO_PKG_VERSION"))).set(1);
        metrics
    }

    /// All metrics as `OpenMetrics` text, to be served as [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut exposition = String::new();
        text::encode(&mut exposition, &self.registry).expect("writing to a String does not fail");
        exposition
    }

    /// A call was refused. Both values must come from closed sets.
    pub fn record_rejection(&self, reason: &str, plan: &str) {
        self.concurrent_rejected.get_or_create_owned(&Rejection::new(reason, plan)).inc();
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.total += 1;
        *tally.by_reason.entry(reason.to_owned()).or_default() += 1;
        *tally.by_plan.entry(plan.to_owned()).or_default() += 1;
    }

    /// What was refused so far.
    pub fn rejections(&self) -> RejectionTally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A call was admitted.
    pub fn record_admission(&self, plan: &str, direction: &str) {
        self.admissions.get_or_create_owned(&Admission::new(plan, direction)).inc();
    }

    /// So many calls are in this state now.
    pub fn set_calls(&self, state: &str, calls: impl Into<i64>) {
        self.calls.get_or_create_owned(&State::new(state)).set(calls.into());
    }

    /// So many slots are held by this plan now.
    pub fn set_slots_held(&self, plan: &str, slots: impl Into<i64>) {
        self.slots_held.get_or_create_owned(&Plan::new(plan)).set(slots.into());
    }

    /// So many slots are reserved for this plan now.
    pub fn set_slots_reserved(&self, plan: &str, slots: impl Into<i64>) {
        self.slots_reserved.get_or_create_owned(&Plan::new(plan)).set(slots.into());
    }

    /// So many slots are sold on these plans now, and none on any other.
    pub fn set_slots_sold<'a>(&self, plans: impl IntoIterator<Item = (&'a str, u64)>) {
        self.slots_sold.clear();
        for (plan, slots) in plans {
            let slots = i64::try_from(slots).unwrap_or(i64::MAX);
            self.slots_sold.get_or_create_owned(&Plan::new(plan)).set(slots);
        }
    }

    /// The slot ledger works in this mode now: memory, redis, database or recovering.
    pub fn set_ledger_mode(&self, current: &str) {
        debug_assert!(LEDGER_MODES.contains(&current), "ledger mode {current}");
        for mode in LEDGER_MODES {
            self.ledger_mode.get_or_create_owned(&Mode::new(mode)).set(i64::from(mode == current));
        }
    }

    /// So many instructions went to the ledger together, and were answered (or not) after so long.
    pub fn record_ledger_batch(&self, size: u32, duration: Duration) {
        self.ledger_batch_size.observe(f64::from(size));
        self.ledger_batch_duration.observe(duration.as_secs_f64());
    }

    /// A ledger was rebuilt there: memory, redis or database.
    pub fn record_ledger_rebuild(&self, mode: &str) {
        self.ledger_rebuilds.get_or_create_owned(&Mode::new(mode)).inc();
    }

    /// The provider was asked, and answered (or not) after so long.
    pub fn record_provider_request(&self, operation: &str, outcome: &str, duration: Duration) {
        self.provider_requests.get_or_create_owned(&OperationOutcome::new(operation, outcome)).inc();
        self.provider_request_duration.get_or_create_owned(&Operation::new(operation)).observe(duration.as_secs_f64());
    }

    /// A webhook was received. Types that callgate does not know must share one value.
    pub fn record_webhook(&self, r#type: &str, outcome: &str) {
        self.webhooks.get_or_create_owned(&Webhook::new(r#type, outcome)).inc();
    }

    /// A way to hang up was tried.
    pub fn record_hangup(&self, way: &str, outcome: &str) {
        self.hangups.get_or_create_owned(&HangUp::new(way, outcome)).inc();
    }

    /// So many appends were committed together, in so long.
    pub fn record_commit(&self, batch_size: u32, duration: Duration) {
        self.commit_batch_size.observe(f64::from(batch_size));
        self.commit_duration.observe(duration.as_secs_f64());
    }

    /// A sweep ran for so long.
    pub fn record_sweep(&self, kind: &str, outcome: &str, duration: Duration) {
        self.sweeps.get_or_create_owned(&SweepOutcome::new(kind, outcome)).inc();
        self.sweep_duration.get_or_create_owned(&Sweep::new(kind)).observe(duration.as_secs_f64());
    }

    /// The last full sweep to which everything answered was done then.
    pub fn set_last_full_sweep(&self, at: DateTime<Utc>) {
        self.last_full_sweep.set(seconds_since_1970(at));
    }

    /// This process started then.
    pub fn set_process_start(&self, at: DateTime<Utc>) {
        self.process_start_time.set(seconds_since_1970(at));
    }

    /// A sweep made a correction.
    pub fn record_correction(&self, reason: &str) {
        self.sweep_corrections.get_or_create_owned(&Reason::new(reason)).inc();
    }

    /// There is such a plan: its calls are counted from 0.
    pub fn know_plan(&self, plan: &str) {
        for direction in DIRECTIONS {
            self.admissions.get_or_create_owned(&Admission::new(plan, direction));
        }
    }

    /// There is such an actor: its crashes are counted from 0.
    pub fn know_actor(&self, actor: &str) {
        self.actor_restarts.get_or_create_owned(&Actor::new(actor));
        self.actors_wedged.get_or_create_owned(&Actor::new(actor));
    }

    /// An actor was restarted after a crash.
    pub fn record_actor_restart(&self, actor: &str) {
        self.actor_restarts.get_or_create_owned(&Actor::new(actor)).inc();
    }

    /// An actor did not answer in time.
    pub fn record_wedged_actor(&self, actor: &str) {
        self.actors_wedged.get_or_create_owned(&Actor::new(actor)).inc();
    }

    /// A request was answered. `route` is the pattern that matched, never the path.
    pub fn record_http_request(&self, method: &str, route: &str, status: u16, duration: Duration) {
        let method = if HTTP_METHODS.contains(&method) { method } else { "OTHER" };
        self.http_request_duration
            .get_or_create_owned(&Http::new(method, route, &status.to_string()))
            .observe(duration.as_secs_f64());
    }
}

#[cfg(test)]
mod tests;
