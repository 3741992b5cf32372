//! One sweep: looks at ledger, table and provider, asks the planner, and has the sessions carry it out.
//!
//! The ledger is read before the table. Every correction goes through the session of its call, so it is an event;
//! two sweeps that overlap do no harm.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::capacity::{Put, Release, Snapshot, Surveyed};
use super::inbound::{Intake, IntakeError};
use super::session::{Apply, SessionError};
use crate::domain::admission::Holder;
use crate::domain::call::{Command, Direction, Doubt, EndReason, References, Refusal, Status, Witness};
use crate::domain::ids::{CallId, PoolId};
use crate::domain::notice::{News, Notice};
use crate::domain::reconciliation::{
    CallView, Conclusion, Correction, Drift, Evidence, Look, Policy, Question, TableView, conclude, drift, question,
};
use crate::provider::{Conversation, ConversationState, ProviderError, VoiceProvider};
use crate::sources;
use crate::store::{Run, Session, Store, StoreError, Trace};
use crate::telemetry::Metrics;

/// Which views are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Ledger, table and provider.
    Full,
    /// Ledger against table.
    Ledger,
}

impl Scope {
    /// The word used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ledger => "ledger",
        }
    }
}

/// What a sweep found and did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Whether every view answered.
    pub success: bool,
    /// Calls that were ended and slots that were freed.
    pub cleaned: u32,
    /// Slots that were put back, and calls that turned out to be live.
    pub restored: u32,
    /// How long it took.
    pub duration: Duration,
    /// Live calls by the table, afterwards.
    pub active_sessions: usize,
    /// Holders by the ledger, afterwards.
    pub ledger_active: usize,
    /// Live by the table, but not at the provider.
    pub stuck_in_db: u32,
    /// In the ledger, but not live by the table.
    pub stuck_in_ledger: u32,
    /// Each call that was changed, and why.
    pub corrections: Vec<(CallId, &'static str)>,
    /// Placements that only the provider can tell of, afterwards.
    pub in_doubt: usize,
    /// What did not answer.
    pub unanswered: Vec<String>,
}

/// A sweep that could not begin: ledger or table did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sweep was cut short: {0}")]
pub struct SweepError(pub String);

impl From<StoreError> for SweepError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<IntakeError> for SweepError {
    fn from(error: IntakeError) -> Self {
        Self(error.to_string())
    }
}

impl From<SessionError> for SweepError {
    fn from(error: SessionError) -> Self {
        Self(error.to_string())
    }
}

impl From<ProviderError> for SweepError {
    fn from(error: ProviderError) -> Self {
        Self(error.to_string())
    }
}

/// No start is expected any more of a call whose end came this long ago.
const EARLY_ENDS_KEPT: TimeDelta = TimeDelta::days(1);

/// What earlier sweeps found missing, on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Memory {
    absent: HashMap<CallId, Instant>,
    rowless: HashMap<CallId, Instant>,
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
            if noteworthy && let Err(error) = self.store.record_run(&run_of(scope, trigger, started_at, report)).await {
                tracing::warn!(%error, "the report of a sweep is not kept");
            }
        }
        result
    }

    /// Asks the provider for all its live calls, so that none is live that the gate knows nothing of.
    pub(super) async fn survey(&self) -> Result<(), SweepError> {
        let capacity = self.intake.capacity.send(Snapshot).await.ok().flatten();
        let capacity = capacity.ok_or_else(|| SweepError("the ledger is being rebuilt".to_owned()))?;
        if capacity.mode != crate::ledger::LedgerMode::Recovering {
            return Ok(());
        }
        let listed = self.list_live().await?;
        let mut report = Report::default();
        // All of them, however young: nothing else tells of them.
        self.meet_strangers(&listed, TimeDelta::zero(), &mut report).await?;
        if let Some(reason) = report.unanswered.pop() {
            return Err(SweepError(reason));
        }
        self.store.mark_surveyed(&PoolId::default_pool()).await?;
        self.intake.capacity.do_send(Surveyed);
        tracing::info!(live = listed.len(), "the provider was asked for its live calls; admissions begin");
        Ok(())
    }

    async fn look_and_correct(&self, scope: Scope, memory: &mut Memory) -> Result<Report, SweepError> {
        let mut report = Report { success: true, ..Report::default() };
        self.compare_ledger(memory, &mut report).await?;
        if scope == Scope::Full {
            self.ask_provider(memory, &mut report).await?;
        }
        let sessions = self.store.live_sessions().await?;
        for session in sessions.iter().filter(|session| session.record.status == Status::Terminating) {
            self.intake.directory.wake(session.call_id);
        }
        self.intake.revisit_parked().await?;
        report.active_sessions = sessions.len();
        report.in_doubt = sessions.iter().filter(|session| session.record.status == Status::Uncertain).count();
        report.ledger_active = self.ledger().await?.len();
        Ok(report)
    }

    async fn ledger(&self) -> Result<Vec<Holder>, SweepError> {
        let capacity = self.intake.capacity.send(Snapshot).await.ok().flatten();
        Ok(capacity.ok_or_else(|| SweepError("the ledger is being rebuilt".to_owned()))?.occupied.holders)
    }

    /// Ledger against table.
    async fn compare_ledger(&self, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        let ledger = self.ledger().await?;
        let live = self.store.live_sessions().await?;
        let holders: Vec<Holder> = live.iter().filter_map(Session::holder).collect();
        let known: HashSet<CallId> = holders.iter().map(|holder| holder.call_id).collect();
        let surplus: Vec<CallId> =
            ledger.iter().map(|holder| holder.call_id).filter(|id| !known.contains(id)).collect();
        let rows = self.store.sessions_of(&surplus).await?;
        let over = rows.iter().filter(|row| row.holder().is_none()).map(|row| row.call_id).collect();
        let findings = drift(&ledger, &TableView { holders, over });
        self.metrics.ledger_drift.set(i64::try_from(findings.len()).unwrap_or(i64::MAX));
        let rowless: HashSet<CallId> = findings
            .iter()
            .filter_map(|finding| match finding {
                Drift::NoRow(call_id) => Some(*call_id),
                _ => None,
            })
            .collect();
        memory.rowless.retain(|call_id, _| rowless.contains(call_id));
        for finding in findings {
            match finding {
                Drift::Orphan(call_id) => {
                    self.intake.capacity.do_send(Release(call_id));
                    report.stuck_in_ledger += 1;
                    self.note(report, call_id, "slot_orphaned", false);
                }
                Drift::NoRow(call_id) => self.close_rowless(call_id, memory, report).await?,
                Drift::Lost(holder) => self.put_back(holder, report).await?,
            }
        }
        Ok(())
    }

    /// A slot without a call: after the grace the admission is closed, if it never was, and the slot freed.
    async fn close_rowless(&self, call_id: CallId, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        let since = *memory.rowless.entry(call_id).or_insert_with(Instant::now);
        if since.elapsed() < self.policy.grace.to_std().unwrap_or_default() {
            return Ok(());
        }
        match self.apply(call_id, Command::Abandon).await {
            Ok(_) => {
                self.intake.capacity.do_send(Release(call_id));
                report.stuck_in_ledger += 1;
                self.note(report, call_id, "db_missing", false);
            }
            // The admission exists after all.
            Err(SessionError::Refused(Refusal::AlreadyExists)) => {}
            Err(error) => return Err(error.into()),
        }
        memory.rowless.remove(&call_id);
        Ok(())
    }

    /// A slot that the ledger lost. It may have ended meanwhile: the row is read again, before and after.
    async fn put_back(&self, holder: Holder, report: &mut Report) -> Result<(), SweepError> {
        let holds = |session: Option<Session>| session.and_then(|session| session.holder()).is_some();
        if self.ledger().await?.contains(&holder) || !holds(self.store.session(holder.call_id).await?) {
            return Ok(());
        }
        let call_id = holder.call_id;
        self.intake.capacity.send(Put(holder)).await.map_err(|error| SweepError(error.to_string()))?;
        if holds(self.store.session(call_id).await?) {
            self.note(report, call_id, "redis_missing", true);
        } else {
            self.intake.capacity.do_send(Release(call_id));
        }
        Ok(())
    }

    /// Table against provider.
    async fn ask_provider(&self, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        let listed = match self.list_live().await {
            Ok(listed) => Some(listed),
            Err(error) => {
                report.success = false;
                report.unanswered.push(error.to_string());
                None
            }
        };
        if let Some(listed) = &listed {
            self.meet_strangers(listed, self.policy.grace, report).await?;
            self.store.forget_early_ends(sources::now() - EARLY_ENDS_KEPT).await?;
        }
        self.doubt_old_placements(report).await?;
        let live = self.store.live_sessions().await?;
        memory.absent.retain(|call_id, _| live.iter().any(|session| session.call_id == *call_id));
        let conversation = |session: &Session| session.record.references.conversation().map(str::to_owned);
        let known: HashSet<String> = live.iter().filter_map(conversation).collect();
        let mut proven = listed.as_ref().is_some_and(|listed| listed.iter().any(|id| known.contains(id)));
        // Those whose look-up finds something come first: they prove that this is the right account.
        let mut missing = Vec::new();
        for session in live {
            let view = view_of(&session);
            let on_list = listed.as_ref().map(|listed| conversation(&session).is_some_and(|id| listed.contains(&id)));
            let asked = question(&view, on_list, &self.policy);
            if asked == Question::None {
                memory.absent.remove(&session.call_id);
                continue;
            }
            let (look, found) = self.look(&session, asked, report).await;
            proven |= asked == Question::LookUp && matches!(look, Look::Live | Look::Over { .. });
            if look == Look::Missing {
                missing.push((session, view, asked));
            } else {
                self.conclude(&session, &view, look, found, proven, memory, report).await?;
            }
        }
        for (session, view, asked) in missing {
            if asked == Question::Unbound {
                self.correct(
                    &session,
                    Command::End {
                        reason: EndReason::NeverBound,
                        at: None,
                        references: References::none(),
                        witness: Witness::Gate,
                        note: None,
                    },
                    "never_bound",
                    report,
                )
                .await?;
            } else {
                self.conclude(&session, &view, Look::Missing, References::none(), proven, memory, report).await?;
            }
        }
        Ok(())
    }

    async fn look(&self, session: &Session, asked: Question, report: &mut Report) -> (Look, References) {
        let record = &session.record;
        let user_id = record.profile.as_ref().and_then(|profile| profile.user_id.as_deref());
        let answer = match (asked, record.references.conversation()) {
            (Question::LookUp, Some(conversation)) => self.provider.look_up(conversation).await,
            (Question::Find, _) => self.provider.find(session.call_id, user_id, record.announced_at).await,
            _ => Ok(None),
        };
        match answer {
            Ok(None) => (Look::Missing, References::none()),
            Ok(Some(Conversation { references, state: ConversationState::Live, .. })) => (Look::Live, references),
            Ok(Some(Conversation { references, state: ConversationState::Over { at }, .. })) => {
                (Look::Over { at }, references)
            }
            Err(error) => {
                report.success = false;
                report.unanswered.push(error.to_string());
                (Look::Unanswered, References::none())
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one finding with all that is known of it")]
    async fn conclude(
        &self,
        session: &Session,
        view: &CallView,
        look: Look,
        found: References,
        account_proven: bool,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Result<(), SweepError> {
        let missing_for = memory.absent.get(&session.call_id).map(Instant::elapsed);
        let missing_for = missing_for.and_then(|gap| TimeDelta::from_std(gap).ok());
        match conclude(view, look, Evidence { missing_for, account_proven }, &self.policy) {
            Conclusion::Sound => {
                memory.absent.remove(&session.call_id);
                Ok(())
            }
            Conclusion::StillMissing => {
                tracing::warn!(call_id = %session.call_id, "the provider knows nothing of a call; it stays for now");
                memory.absent.entry(session.call_id).or_insert_with(Instant::now);
                Ok(())
            }
            Conclusion::Unknown => Ok(()),
            Conclusion::Correct(correction) => {
                memory.absent.remove(&session.call_id);
                let (command, reason) = command_of(correction, look, found);
                if !matches!(correction, Correction::ObserveLive) {
                    report.stuck_in_db += 1;
                }
                self.correct(session, command, reason, report).await
            }
        }
    }

    /// A placement that cannot be under way any more is in doubt.
    async fn doubt_old_placements(&self, report: &mut Report) -> Result<(), SweepError> {
        for session in self.store.live_sessions().await? {
            let view = view_of(&session);
            if matches!(view.status, Status::Placing | Status::Terminating)
                && !view.bound
                && view.age >= self.policy.place_deadline
            {
                self.correct(&session, Command::DoubtPlacement { doubt: Doubt::Crash }, "placement_uncertain", report)
                    .await?;
            }
        }
        Ok(())
    }

    /// Conversations that are live and that no live call of ours is bound to: ours after all, or nobody's.
    async fn meet_strangers(
        &self,
        listed: &HashSet<String>,
        at_least: TimeDelta,
        report: &mut Report,
    ) -> Result<(), SweepError> {
        let live = self.store.live_sessions().await?;
        let known: HashSet<&str> = live.iter().filter_map(|session| session.record.references.conversation()).collect();
        for id in listed.iter().filter(|id| !known.contains(id.as_str())) {
            let found = match self.provider.look_up(id).await {
                Ok(Some(found)) if found.state == ConversationState::Live => found,
                Ok(_) => continue,
                Err(error) => {
                    report.success = false;
                    report.unanswered.push(error.to_string());
                    continue;
                }
            };
            self.meet(found, at_least, report).await?;
        }
        Ok(())
    }

    async fn meet(&self, found: Conversation, at_least: TimeDelta, report: &mut Report) -> Result<(), SweepError> {
        let ours = match found.call_id {
            Some(call_id) => self.store.session(call_id).await?,
            None => None,
        };
        let ours = match ours {
            Some(session) => Some(session),
            None => match self.store.call_of(&found.references).await? {
                Some(call_id) => self.store.session(call_id).await?,
                None => None,
            },
        };
        let Some(session) = ours.filter(|session| session.record.profile.is_some()) else {
            // Its webhook may be on its way.
            if found.started_at.is_some_and(|at| sources::now() - at < at_least) {
                return Ok(());
            }
            let notice = Notice {
                news: News::Started,
                call_id: None,
                references: found.references,
                agent_id: found.agent_id,
                direction: found.direction,
                counterpart: found.counterpart,
                occurred_at: None,
            };
            let adopted = self.intake.adopt(&notice).await?;
            if let Some(call_id) = adopted.call_id {
                self.note(report, call_id, "unmanaged", true);
            }
            return Ok(());
        };
        let ended_lately = session.record.ended_at.is_some_and(|at| sources::now() - at < self.policy.grace);
        if session.record.status == Status::Placing || ended_lately {
            // The answer to the placement is on its way; the provider's list may lag behind the end.
            return Ok(());
        }
        let reason = if session.record.status.is_live() { "placement_confirmed" } else { "late" };
        self.correct(&session, Command::ObserveLive { references: found.references }, reason, report).await
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

    async fn correct(
        &self,
        session: &Session,
        command: Command,
        reason: &'static str,
        report: &mut Report,
    ) -> Result<(), SweepError> {
        let restores = matches!(command, Command::ObserveLive { .. });
        match self.apply(session.call_id, command).await {
            Ok(true) => self.note(report, session.call_id, reason, restores),
            // Somebody else has said so meanwhile, or it belongs to another call.
            Ok(false) | Err(SessionError::Refused(_) | SessionError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn apply(&self, call_id: CallId, command: Command) -> Result<bool, SessionError> {
        let trace = Trace { correlation_id: None, causation_id: Some("sweep".to_owned()) };
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

fn view_of(session: &Session) -> CallView {
    let now = sources::now();
    CallView {
        status: session.record.status,
        direction: session.record.profile.as_ref().map_or(Direction::Inbound, |profile| profile.direction),
        bound: session.record.references.conversation().is_some(),
        age: now - session.record.announced_at,
        quiet: now - session.updated_at,
    }
}

fn command_of(correction: Correction, look: Look, references: References) -> (Command, &'static str) {
    match correction {
        Correction::ObserveLive => (Command::ObserveLive { references }, "placement_confirmed"),
        Correction::FailPlacement => (
            Command::FailPlacement {
                reason: EndReason::ProviderMissing,
                detail: "two looks at the provider found no trace of it".to_owned(),
                retry_after_seconds: None,
            },
            EndReason::ProviderMissing.as_str(),
        ),
        Correction::End { reason, at } => {
            let witness = if matches!(look, Look::Over { .. }) { Witness::LookUp } else { Witness::Gate };
            (Command::End { reason, at, references, witness, note: None }, reason.as_str())
        }
    }
}

fn run_of(scope: Scope, trigger: &str, started_at: chrono::DateTime<chrono::Utc>, report: &Report) -> Run {
    Run {
        scope: scope.as_str().to_owned(),
        trigger: trigger.to_owned(),
        node: sources::node().to_owned(),
        started_at,
        finished_at: sources::now(),
        report: report.to_json(),
    }
}

impl Report {
    /// The contract's form.
    pub fn to_json(&self) -> serde_json::Value {
        let corrections: Vec<_> = self
            .corrections
            .iter()
            .map(|(call_id, reason)| serde_json::json!({ "callId": call_id, "reason": reason }))
            .collect();
        serde_json::json!({
            "success": self.success,
            "cleaned": self.cleaned,
            "restored": self.restored,
            "durationMs": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            "activeSessionsCount": self.active_sessions,
            "ledgerActiveCount": self.ledger_active,
            "stuckInDb": self.stuck_in_db,
            "stuckInLedger": self.stuck_in_ledger,
            "corrections": corrections,
            "inDoubt": self.in_doubt,
            "unanswered": self.unanswered,
        })
    }
}
