//! One sweep: looks at ledger, table and provider, asks the planner, and has the sessions carry it out.
//!
//! The ledger is read before the table. Every correction goes through the session of its call, so it is an event;
//! two sweeps that overlap do no harm.

mod calls;
mod report;
mod slots;
mod strangers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::capacity::{Glance, Holders, Snapshot, Surveyed};
use super::inbound::{Intake, IntakeError};
use super::session::{Apply, SessionError};
use crate::domain::admission::Holder;
use crate::domain::call::{Command, Direction, Status};
use crate::domain::ids::{CallId, PoolId};
use crate::domain::reconciliation::Policy;
use crate::ledger::LedgerMode;
use crate::provider::{ProviderError, VoiceProvider};
use crate::sources;
use crate::store::{Session, Store, StoreError, Trace};
use crate::telemetry::Metrics;

pub use report::Report;

/// A ledger that takes longer to say how it stands is no basis for a sweep.
const GLANCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Which views are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Ledger, table and provider.
    Full,
    /// Ledger against table.
    Ledger,
}

impl Scope {
    /// Whether a sweep of this scope compares all that one of the other would.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Full || self == other
    }

    /// The word used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ledger => "ledger",
        }
    }
}

/// A sweep that could not begin, or not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// Nobody holds anything, as far as this replica can see.
    #[error("the sweep was cut short: the ledger does not answer, or is being rebuilt")]
    Ledger,
    /// The table, or a session, does not answer.
    #[error("the sweep was cut short: {0}")]
    Store(String),
    /// The provider does not answer, where its answer is all there is.
    #[error("the sweep was cut short: {0}")]
    Provider(String),
    /// It will never be known how far it came.
    #[error("the supervisor crashed")]
    Crashed,
}

impl From<StoreError> for SweepError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<IntakeError> for SweepError {
    fn from(error: IntakeError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<ProviderError> for SweepError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error.to_string())
    }
}

/// What earlier sweeps found missing, on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Memory {
    absent: HashMap<CallId, Instant>,
    rowless: HashMap<CallId, Instant>,
    strangers: HashMap<String, Instant>,
}

impl Memory {
    pub(super) fn missing(&self, now: Instant) -> Vec<(CallId, Duration)> {
        self.absent.iter().map(|(id, since)| (*id, now.duration_since(*since))).collect()
    }
}

/// Everything a sweep looks at and works with.
pub struct Sweep {
    /// The table.
    pub store: Store,
    /// The ledger, the sessions, and the way in for calls that nobody knows.
    pub intake: Intake,
    /// Who knows what is live.
    pub provider: Arc<dyn VoiceProvider>,
    /// How patient it is.
    pub policy: Policy,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Sweep {
    /// Runs one sweep and keeps its report.
    pub(super) async fn run(
        &self,
        scope: Scope,
        trigger: &'static str,
        memory: &mut Memory,
    ) -> Result<Report, SweepError> {
        let (began, started_at) = (Instant::now(), sources::now());
        let result =
            self.look_and_correct(scope, memory).await.map(|report| Report { duration: began.elapsed(), ..report });
        let outcome = match &result {
            Ok(report) if report.success => "ok",
            Ok(_) => "partial",
            Err(error) => {
                tracing::warn!(%error, "a sweep was cut short");
                "failed"
            }
        };
        self.metrics.record_sweep(scope.as_str(), outcome, began.elapsed());
        if let Ok(report) = &result {
            let noteworthy = scope == Scope::Full || !report.corrections.is_empty();
            if noteworthy
                && let Err(error) = self.store.record_run(&report::run_of(scope, trigger, started_at, report)).await
            {
                tracing::warn!(%error, "the report of a sweep is not kept");
            }
        }
        result
    }

    /// Asks the provider for all its live calls, so that none is live that the gate knows nothing of.
    pub(super) async fn survey(&self) -> Result<(), SweepError> {
        let capacity = self.intake.capacity.send(Snapshot).await.ok().flatten();
        let capacity = capacity.ok_or(SweepError::Ledger)?;
        // Where this replica alone is cut off, another one asks.
        if capacity.cut_off || capacity.mode != LedgerMode::Recovering {
            return Ok(());
        }
        let epoch = capacity.epoch.ok_or(SweepError::Ledger)?;
        let listed = self.list_live().await?;
        let mut report = Report::default();
        self.adopt_all(&listed, &mut report).await?;
        self.store.mark_surveyed(&PoolId::default_pool()).await?;
        self.intake.capacity.do_send(Surveyed(epoch));
        tracing::info!(live = listed.len(), "the provider was asked for its live calls; admissions begin");
        Ok(())
    }

    async fn look_and_correct(&self, scope: Scope, memory: &mut Memory) -> Result<Report, SweepError> {
        let mut report = Report { success: true, ..Report::default() };
        if !self.ages_count() {
            tracing::warn!("the clock has jumped; for a grace no call is ended because of its age");
        }
        self.compare_ledger(memory, &mut report).await?;
        self.doubt_old_placements(&mut report).await?;
        if scope == Scope::Full {
            self.ask_provider(memory, &mut report).await?;
        }
        let sessions = self.store.live_sessions().await?;
        for session in sessions.iter().filter(|session| has_a_duty(session)) {
            self.intake.directory.wake(session.call_id);
        }
        if let Err(error) = self.intake.revisit_parked().await {
            report.no_answer(&error);
        }
        report.active_sessions = sessions.len();
        report.in_doubt = sessions.iter().filter(|session| is_in_doubt(session)).count();
        report.ledger_active = self.ledger().await?.len();
        Ok(report)
    }

    /// Whether the clock has gone steadily for long enough that ages prove something.
    fn ages_count(&self) -> bool {
        sources::clock_is_steady(self.policy.grace.to_std().unwrap_or_default())
    }

    /// Whether a sweep could begin now.
    pub(super) async fn sees_the_ledger(&self) -> bool {
        let asked = tokio::time::timeout(GLANCE_TIMEOUT, self.intake.capacity.send(Glance)).await;
        let capacity = asked.ok().and_then(Result::ok);
        capacity.is_some_and(|capacity| capacity.epoch.is_some() && !capacity.cut_off)
    }

    /// Calls of which only the provider can tell what they are.
    pub(super) async fn in_doubt(&self) -> Result<usize, SweepError> {
        Ok(self.store.live_sessions().await?.iter().filter(|session| is_in_doubt(session)).count())
    }

    async fn ledger(&self) -> Result<Vec<Holder>, SweepError> {
        let holders = self.intake.capacity.send(Holders).await.ok().flatten();
        holders.ok_or(SweepError::Ledger)
    }

    async fn list_live(&self) -> Result<HashSet<String>, ProviderError> {
        let mut listed = HashSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.provider.list_live(cursor.as_deref()).await?;
            listed.extend(page.conversation_ids);
            if page.next_cursor.is_none() {
                return Ok(listed);
            }
            if page.next_cursor == cursor {
                return Err(ProviderError("the list of conversations goes in a circle".to_owned()));
            }
            cursor = page.next_cursor;
        }
    }

    /// Has the call's session carry out a correction. One call that cannot be corrected does not stop the sweep.
    async fn correct(&self, session: &Session, command: Command, reason: &'static str, report: &mut Report) {
        let restores = matches!(command, Command::ObserveLive { .. });
        match self.apply(session.call_id, command).await {
            Ok(true) => self.note(report, session.call_id, reason, restores),
            // Somebody else has said so meanwhile, or it belongs to another call.
            Ok(false) | Err(SessionError::Refused(_) | SessionError::Conflict(_)) => {}
            Err(error) => report.no_answer(&error),
        }
    }

    async fn apply(&self, call_id: CallId, command: Command) -> Result<bool, SessionError> {
        let trace = Trace::caused_by("sweep");
        Ok(self.intake.directory.ask(call_id, Apply { command, trace }).await??.changed)
    }

    fn note(&self, report: &mut Report, call_id: CallId, reason: &'static str, restored: bool) {
        tracing::info!(%call_id, reason, "the sweep corrected a call");
        self.metrics.record_correction(reason);
        report.corrections.push((call_id, reason));
        if restored {
            report.restored += 1;
        } else if reason != "placement_uncertain" {
            report.cleaned += 1;
        }
    }
}

fn is_in_doubt(session: &Session) -> bool {
    let record = &session.record;
    match &record.profile {
        Some(profile) if profile.direction == Direction::Inbound => record.references.conversation().is_none(),
        _ => record.started_at.is_none() && record.status != Status::Placing,
    }
}

/// Whether the session of a call has something to do by itself; the replica that began it may be gone.
fn has_a_duty(session: &Session) -> bool {
    let record = &session.record;
    let longest = record.profile.as_ref().and_then(|profile| profile.max_duration_seconds);
    let too_long = longest.zip(record.started_at).is_some_and(|(seconds, started_at)| {
        sources::now() - started_at > chrono::TimeDelta::seconds(i64::from(seconds))
    });
    record.status == Status::Terminating || too_long
}
