//! The overview as JSON. What is not known is null; nothing is made up.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::call_view::moment;
use crate::actors::roster::{ActorState, ActorStatus, Crash};
use crate::ledger::LedgerMode;

/// Everything that an operator watches.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({
    "at": "2026-01-27T10:00:00.000Z", "node": "node-1", "version": "0.1.0", "uptimeSeconds": 12,
    "pool": {"pool": "default", "cap": 5, "paused": false, "held": 4, "overflow": 1, "available": 0, "utilizationPercent": 100.0},
    "ledger": {"mode": "memory", "epoch": 3, "drift": 0, "cutOff": false},
    "calls": {"placing": 0, "uncertain": 0, "active": 4, "terminating": 1, "stuckTerminations": 0},
    "plans": [{"plan": "PRO", "limit": 3, "held": 3, "overflow": 0, "reserved": 2, "businesses": 3, "sold": 9}],
    "businesses": {"withCalls": 2, "atLimit": 1,
        "busiest": [{"businessId": "42", "name": "Ada Dental", "plan": "PRO", "active": 3, "limit": 3}]},
    "oversubscription": {"sold": 12, "cap": 5, "ratio": 2.4, "thresholdRatio": 3.0, "exceeded": false},
    "rejections": {"total": 9, "byReason": {"BUSINESS_LIMIT": 9}, "byPlan": {"PRO": 9}, "elevenlabs429": 0},
    "actors": [{"name": "capacity", "state": "running", "mailbox": 0, "restarts": 0, "lastCrash": null, "uptimeSeconds": 12}],
    "sessions": {"live": 5, "activated": 9},
    "sweep": {"sweeping": false, "step": {"name": "", "done": 0, "total": 0}, "sweeper": "node-1", "intervalSeconds": 600,
        "ledgerIntervalSeconds": 30, "last": null},
    "provider": {"kind": "simulator", "simulatorUrl": "http://127.0.0.1:46855"}
})))]
pub(in crate::http) struct Overview {
    /// When it was so.
    #[serde(serialize_with = "moment")]
    pub(super) at: DateTime<Utc>,
    /// The replica that answers.
    pub(super) node: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// For how long it has been running.
    pub(super) uptime_seconds: u64,
    pub(super) pool: PoolView,
    pub(super) ledger: LedgerView,
    pub(super) calls: CallsView,
    /// Every plan that is configured, that somebody is on, or that has live calls; by name.
    pub(super) plans: Vec<PlanView>,
    pub(super) businesses: BusinessesView,
    pub(super) oversubscription: OversubscriptionView,
    pub(super) rejections: RejectionsView,
    /// The actors of this replica.
    pub(super) actors: Vec<ActorView>,
    pub(super) sessions: SessionsView,
    pub(super) sweep: SweepView,
    pub(super) provider: ProviderView,
}

impl Overview {
    /// The same without what passes by itself, to tell whether anything has changed.
    pub(super) fn without_clocks(&self) -> Self {
        let still = |actor: &ActorView| ActorView { uptime_seconds: 0, ..actor.clone() };
        let actors = self.actors.iter().map(still).collect();
        Self { at: DateTime::UNIX_EPOCH, uptime_seconds: 0, actors, ..self.clone() }
    }
}

/// The slots of the provider's account.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewPool)]
pub(super) struct PoolView {
    pub(super) pool: String,
    /// Calls at once that the provider allows.
    pub(super) cap: u32,
    /// No new calls while true.
    pub(super) paused: bool,
    /// Slots held; null while the ledger is being rebuilt, as all counts of it.
    #[schema(required)]
    pub(super) held: Option<u32>,
    /// Live calls without a slot.
    #[schema(required)]
    pub(super) overflow: Option<u32>,
    /// Slots that are free.
    #[schema(required)]
    pub(super) available: Option<u32>,
    /// Slots held and overflow, in percent of the cap.
    #[schema(required)]
    pub(super) utilization_percent: Option<f64>,
}

/// Where admissions are decided.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewLedger)]
pub(super) struct LedgerView {
    #[schema(value_type = LedgerMode)]
    pub(super) mode: LedgerModeView,
    /// Higher after each rebuild.
    #[schema(required)]
    pub(super) epoch: Option<u64>,
    /// Slots by which ledger and table differed at the last sweep that any replica recorded; null: no sweep said.
    #[schema(required)]
    pub(super) drift: Option<u32>,
    /// Other replicas reach Redis, this one does not.
    pub(super) cut_off: bool,
}

/// Where admissions are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum LedgerModeView {
    Memory,
    Redis,
    Database,
    Recovering,
}

impl From<LedgerMode> for LedgerModeView {
    fn from(mode: LedgerMode) -> Self {
        match mode {
            LedgerMode::Memory => Self::Memory,
            LedgerMode::Redis => Self::Redis,
            LedgerMode::Database => Self::Database,
            LedgerMode::Recovering => Self::Recovering,
        }
    }
}

/// Calls that are not over, by state; null while the database does not answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewCalls)]
pub(super) struct CallsView {
    #[schema(required)]
    pub(super) placing: Option<u64>,
    #[schema(required)]
    pub(super) uncertain: Option<u64>,
    #[schema(required)]
    pub(super) active: Option<u64>,
    #[schema(required)]
    pub(super) terminating: Option<u64>,
    /// Of those that are being hung up, those for which that was reported as taking long.
    #[schema(required)]
    pub(super) stuck_terminations: Option<u64>,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewPlan)]
pub(super) struct PlanView {
    pub(super) plan: String,
    /// Calls at once of each business on it; the cap where it has no limit of its own, 0 where it is no longer configured.
    pub(super) limit: u32,
    #[schema(required)]
    pub(super) held: Option<u32>,
    #[schema(required)]
    pub(super) overflow: Option<u32>,
    /// Slots that only businesses on it may take.
    pub(super) reserved: u32,
    /// Businesses on it that may call; null while the database does not answer.
    #[schema(required)]
    pub(super) businesses: Option<u64>,
    /// The sum of their limits.
    #[schema(required)]
    pub(super) sold: Option<u64>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewBusinesses)]
pub(super) struct BusinessesView {
    /// Those that have live calls.
    #[schema(required)]
    pub(super) with_calls: Option<u64>,
    /// Of these, those that may have no more.
    #[schema(required)]
    pub(super) at_limit: Option<u64>,
    /// Of these the first fifty, the fullest first; empty while the counts are not known.
    pub(super) busiest: Vec<BusinessView>,
}

/// A business with live calls.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewBusiness)]
pub(super) struct BusinessView {
    pub(super) business_id: String,
    /// Null where it is not registered, or the database does not answer; so are plan and limit.
    #[schema(required)]
    pub(super) name: Option<String>,
    #[schema(required)]
    pub(super) plan: Option<String>,
    /// Its live calls, with a slot or without.
    pub(super) active: u32,
    /// Calls at once that it may have.
    #[schema(required)]
    pub(super) limit: Option<u32>,
}

/// Slots that were sold, against those that there are.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewOversubscription)]
pub(in crate::http) struct OversubscriptionView {
    /// The sum of the limits of all businesses that may call; null while the database does not answer, as what follows
    /// from it.
    #[schema(required)]
    pub(super) sold: Option<u64>,
    pub(super) cap: u32,
    /// How many times each slot was sold, to two decimals.
    #[schema(required)]
    pub(super) ratio: Option<f64>,
    /// The ratio above which callgate warns; 0: never.
    pub(super) threshold_ratio: f64,
    /// Whether more was sold than that.
    #[schema(required)]
    pub(super) exceeded: Option<bool>,
}

/// What this replica has refused since it started.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewRejections)]
pub(super) struct RejectionsView {
    pub(super) total: u64,
    pub(super) by_reason: BTreeMap<String, u64>,
    pub(super) by_plan: BTreeMap<String, u64>,
    /// Placements that the provider refused with 429.
    #[serde(rename = "elevenlabs429")]
    pub(super) elevenlabs_429: u64,
}

/// One actor of this replica.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewActor)]
pub(super) struct ActorView {
    pub(super) name: &'static str,
    pub(super) state: ActorStateView,
    /// Messages that it has taken and not answered yet.
    pub(super) mailbox: usize,
    /// How often it started again.
    pub(super) restarts: u64,
    #[schema(required)]
    pub(super) last_crash: Option<CrashView>,
    /// For how long it has been running since it last started.
    pub(super) uptime_seconds: u64,
}

/// How an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OverviewActorState)]
pub(super) enum ActorStateView {
    Running,
    Restarting,
    Stopped,
}

/// An actor's last crash.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewCrash)]
pub(super) struct CrashView {
    #[serde(serialize_with = "moment")]
    pub(super) at: DateTime<Utc>,
    /// What the panic said, or what showed that it was wedged.
    pub(super) reason: String,
}

impl From<ActorStatus> for ActorView {
    fn from(actor: ActorStatus) -> Self {
        Self {
            name: actor.name,
            state: match actor.state {
                ActorState::Running => ActorStateView::Running,
                ActorState::Restarting => ActorStateView::Restarting,
                ActorState::Stopped => ActorStateView::Stopped,
            },
            mailbox: actor.mailbox,
            restarts: actor.restarts,
            last_crash: actor.last_crash.map(|Crash { at, reason }| CrashView { at, reason }),
            uptime_seconds: actor.started.elapsed().as_secs(),
        }
    }
}

/// The session actors of this replica.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewSessions)]
pub(super) struct SessionsView {
    /// In memory now.
    pub(super) live: u64,
    /// Activated since it started.
    pub(super) activated: u64,
}

/// The comparison of all views.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewSweep)]
pub(super) struct SweepView {
    /// Whether a replica sweeps now; null where that cannot be told.
    #[schema(required)]
    pub(super) sweeping: Option<bool>,
    /// How far the sweep of this replica is, where it sweeps itself.
    pub(super) step: StepView,
    /// The replica that sweeps on the intervals.
    #[schema(required)]
    pub(super) sweeper: Option<String>,
    /// Between two sweeps that ask the provider.
    #[schema(required)]
    pub(super) interval_seconds: Option<u64>,
    /// Between two sweeps of the ledger against the table.
    #[schema(required)]
    pub(super) ledger_interval_seconds: Option<u64>,
    /// The last sweep of all views that any replica recorded; null: there was none yet.
    #[schema(required)]
    pub(super) last: Option<LastSweepView>,
}

/// How far a sweep is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewStep)]
pub(super) struct StepView {
    /// In words; empty while this replica does not sweep.
    pub(super) name: &'static str,
    pub(super) done: u64,
    /// 0: not known.
    pub(super) total: u64,
}

/// A sweep that is over.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewLastSweep)]
pub(super) struct LastSweepView {
    /// `full`.
    pub(super) scope: String,
    /// Why it ran.
    pub(super) trigger: String,
    /// The replica that swept.
    pub(super) node: String,
    #[serde(serialize_with = "moment")]
    pub(super) finished_at: DateTime<Utc>,
    pub(super) duration_ms: u64,
    /// Whether every view answered.
    pub(super) success: bool,
    /// Calls that were changed.
    pub(super) corrections: u64,
    /// Calls of which only the provider can tell what they are, afterwards.
    pub(super) in_doubt: u64,
    /// What did not answer; null where everything did.
    #[schema(required)]
    pub(super) error: Option<String>,
}

/// Who carries the calls.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewProvider)]
pub(super) struct ProviderView {
    pub(super) kind: ProviderKindView,
    /// Where the simulated provider listens that is part of this process; null where there is none.
    #[schema(required)]
    pub(super) simulator_url: Option<String>,
}

/// Who carries the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ProviderKind)]
pub(super) enum ProviderKindView {
    Simulator,
    Elevenlabs,
}

/// How full the pool was, by this replica.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewHistory, examples(json!({
    "intervalSeconds": 5,
    "samples": [{"at": "2026-01-27T10:00:00.000Z", "cap": 5, "held": 4, "overflow": 0, "rejected": 17}]
})))]
pub(super) struct HistoryView {
    /// Between two samples.
    pub(super) interval_seconds: u64,
    /// Of the past hour, oldest first.
    pub(super) samples: Vec<SampleView>,
}

/// The pool at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewSample)]
pub(super) struct SampleView {
    #[serde(serialize_with = "moment")]
    pub(super) at: DateTime<Utc>,
    pub(super) cap: u32,
    /// Null where it was not known.
    #[schema(required)]
    pub(super) held: Option<u32>,
    #[schema(required)]
    pub(super) overflow: Option<u32>,
    /// Calls that this replica had refused until then.
    pub(super) rejected: u64,
}
