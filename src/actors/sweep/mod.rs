//! One sweep: looks at ledger, provider and table, asks the planner, and has the sessions carry it out.
//!
//! | room | what lives there |
//! | --- | --- |
//! | here | the steps, in their order |
//! | `inquirer` | what is asked of the provider, and how courteously |
//! | `strangers` | conversations that are live and that nobody here is bound to |
//! | `carrying_out` | corrections become events |
//! | `scope`, `report`, `progress` | how much is compared; what was found; how far it is |

mod carrying_out;
mod error;
mod inquirer;
mod progress;
mod report;
mod scope;
mod strangers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};

use super::capacity::{Flush, Glance, Holders, Snapshot, Surveyed};
use super::inbound::Intake;
use super::session::Wake;
use crate::domain::admission::Holder;
use crate::domain::ids::PoolId;
use crate::domain::reconciliation::{Memory, Now, Planner, Policy, Row};
use crate::ledger::LedgerMode;
use crate::provider::VoiceProvider;
use crate::sources;
use crate::store::{Session, Store};
use crate::telemetry::Metrics;

use inquirer::Inquirer;
use strangers::Patience;

pub use error::SweepError;
pub use inquirer::Courtesy;
pub use progress::{Progress, Step};
pub use report::{Digest, Report};
pub use scope::Scope;

/// A ledger that takes longer to say how it stands is no basis for a sweep.
const GLANCE_TIMEOUT: Duration = Duration::from_secs(2);
/// A ledger that takes longer to hear of what the survey found has not heard of it.
const COUNTED_WITHIN: Duration = Duration::from_secs(10);
/// Rows of the table that are looked at together.
const PAGE: u64 = 1_000;
/// Sessions that are woken at once.
const WOKEN_AT_ONCE: usize = 16;
/// A call whose latest event is so young is not woken: whoever stored that is at it.
const HEARD_OF_LATELY: TimeDelta = TimeDelta::seconds(2);
/// While a sweep runs no other does: it ends after this, and the next one goes on where there was something to correct.
const LONGEST_RUN: Duration = Duration::from_hours(1);
/// Reports are kept for so long.
const RUNS_KEPT: TimeDelta = TimeDelta::days(7);
/// No start is expected any more of a call whose end came this long ago.
const EARLY_ENDS_KEPT: TimeDelta = TimeDelta::days(1);
/// The provider's list is read in several chains of pages where there are more calls than this.
const ONE_CHAIN: u64 = 1_000;
/// Into how many.
const CHAINS: u64 = 16;

/// Everything a sweep looks at and works with.
pub struct Sweep {
    /// The table.
    pub store: Store,
    /// The ledger, the sessions, and the way in for calls that nobody knows.
    pub intake: Intake,
    /// Who knows what is live.
    pub provider: Arc<dyn VoiceProvider>,
    /// How many questions the provider is asked.
    pub courtesy: Courtesy,
    /// How patient it is.
    pub policy: Policy,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How far it is.
    pub progress: Progress,
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
        let mut report = Report { success: true, ..Report::default() };
        let looked = tokio::time::timeout(LONGEST_RUN, self.look_and_correct(scope, memory, &mut report));
        let result = looked.await.unwrap_or(Err(SweepError::TooLong));
        self.progress.rest();
        report.duration = began.elapsed();
        let outcome = match &result {
            Ok(()) if report.success => "ok",
            Ok(()) => "partial",
            Err(error) => {
                tracing::warn!(%error, "a sweep was cut short");
                report.no_answer(error);
                "failed"
            }
        };
        self.metrics.record_sweep(scope.as_str(), outcome, began.elapsed());
        self.keep(scope, trigger, started_at, &report).await;
        result.map(|()| report)
    }

    /// Keeps the report of a sweep, also of one that was cut short; not of a look that had nothing to compare.
    async fn keep(&self, scope: Scope, trigger: &str, started_at: DateTime<Utc>, report: &Report) {
        if scope == Scope::Ends && report.success && report.listed.is_none() {
            return;
        }
        let kept = async {
            self.store.record_run(&report::run_of(scope, trigger, started_at, report)).await?;
            if scope == Scope::Full { self.store.forget_runs(started_at - RUNS_KEPT).await } else { Ok(()) }
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "the report of a sweep is not kept");
        }
    }

    async fn look_and_correct(&self, scope: Scope, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        if !self.now().clock_steady {
            tracing::warn!("the clock has jumped; for a grace no call is ended because of its age");
        }
        if scope != Scope::Ends || !self.all_are_live(memory).await? {
            self.compare(scope, memory, report).await?;
        }
        if let Err(error) = self.intake.revisit_parked().await {
            report.no_answer(&error);
        }
        report.active_sessions = self.store.count_live().await?.0.try_into().unwrap_or(usize::MAX);
        report.in_doubt = self.in_doubt().await?;
        let capacity = self.intake.capacity.send(Snapshot).await.ok().flatten().ok_or(SweepError::Ledger)?;
        report.ledger_active = capacity.occupied.total.taken().try_into().unwrap_or(usize::MAX);
        Ok(())
    }

    /// Every conversation of ours is live, by the provider's count: the cheap look, where that count is as good as
    /// its list.
    async fn all_are_live(&self, memory: &Memory) -> Result<bool, SweepError> {
        if !memory.trusts_the_count() {
            return Ok(false);
        }
        let (_, conversations) = self.store.count_live().await?;
        Ok(self.inquirer().count().await.is_ok_and(|count| count >= conversations))
    }

    async fn compare(&self, scope: Scope, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        let inquirer = self.inquirer();
        let mut planner = Planner::new(&self.policy, memory);
        if scope.compares_the_ledger() {
            self.progress.begin("reading the ledger", 0);
            planner = planner.with_ledger(self.ledger().await?);
        }
        if scope.compares_the_provider() {
            let listed = inquirer.list(&self.partition().await?, &self.progress).await.ok();
            report.listed = listed.as_ref().map(|listed| listed.conversations.len());
            report.counted = listed.as_ref().and_then(|listed| listed.count);
            planner = planner.with_provider(listed);
        }
        self.read_table(&mut planner, report).await?;
        if scope.compares_the_ledger() {
            self.read_surplus(&mut planner, report).await?;
            // Calls that began or ended between the two looks are no drift.
            self.metrics.ledger_drift.set(report.drift.into());
            report.compared_the_ledger = true;
        }
        if scope.compares_the_provider() {
            self.meet_strangers(&mut planner, &inquirer, Patience::Granted, report).await?;
            self.ask_about_doubtful(&mut planner, &inquirer, report).await?;
            if self.now().clock_steady {
                self.store.forget_early_ends(sources::now() - EARLY_ENDS_KEPT).await?;
            }
        }
        for error in inquirer.unanswered() {
            report.no_answer(&error);
        }
        Ok(())
    }

    /// Hands every live row to the planner, and wakes the sessions that have something to do by themselves: activation is
    /// enough.
    async fn read_table(&self, planner: &mut Planner<'_>, report: &mut Report) -> Result<(), SweepError> {
        let (live, _) = self.store.count_live().await?;
        self.progress.begin("comparing the table", live.try_into().unwrap_or(usize::MAX));
        let mut after = None;
        loop {
            let page = self.store.live_page(after, PAGE).await?;
            self.progress.advance(page.len());
            after = page.last().map(|session| session.call_id);
            let now = self.now();
            self.wake_the_due(&page, &now).await;
            let rows: Vec<Row> = page.into_iter().map(Row::from).collect();
            let corrections = planner.table(&rows, &now);
            self.carry_out(corrections, report).await;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Whoever began what is due may be gone. One that was heard of lately is at it.
    async fn wake_the_due(&self, page: &[Session], now: &Now) {
        let forgotten = |session: &&Session| now.at - session.updated_at >= HEARD_OF_LATELY;
        let due = page.iter().filter(|session| session.record.duty(now.at).is_some()).filter(forgotten);
        let waking = due.map(|session| self.intake.directory.ask(session.call_id, Wake));
        stream::iter(waking).buffer_unordered(WOKEN_AT_ONCE).for_each(async |_| {}).await;
    }

    /// Slots of the ledger that no live row has.
    async fn read_surplus(&self, planner: &mut Planner<'_>, report: &mut Report) -> Result<(), SweepError> {
        let surplus = planner.surplus();
        self.progress.begin("checking slots without a live call", surplus.len());
        let rows: Vec<Row> = self.store.sessions_of(&surplus).await?.into_iter().map(Row::from).collect();
        let corrections = planner.left_over(&rows, &self.now());
        self.carry_out(corrections, report).await;
        Ok(())
    }

    async fn ask_about_doubtful(
        &self,
        planner: &mut Planner<'_>,
        inquirer: &Inquirer<'_>,
        report: &mut Report,
    ) -> Result<(), SweepError> {
        let inquiries = planner.inquiries(&self.now());
        self.progress.begin("asking the provider about calls", inquiries.len());
        let looks = inquiries.into_iter().map(|inquiry| async move {
            let look = inquirer.look(&inquiry).await;
            self.progress.advance(1);
            (inquiry.row.call_id, look)
        });
        let answers = stream::iter(looks).buffer_unordered(inquirer.at_once()).collect().await;
        let corrections = planner.answers(answers, &self.now());
        self.progress.begin("correcting calls", corrections.len());
        self.carry_out(corrections, report).await;
        Ok(())
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
        let (inquirer, mut memory, mut report) = (self.inquirer(), Memory::default(), Report::default());
        let listed = inquirer.list(&self.partition().await?, &self.progress).await?;
        let live = listed.conversations.len();
        // Whoever is live and unknown counts from now on: there is no time to wait for who it may be.
        let policy = Policy { grace: TimeDelta::zero(), ..self.policy };
        let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(listed));
        self.read_table(&mut planner, &mut report).await?;
        self.meet_strangers(&mut planner, &inquirer, Patience::Denied, &mut report).await?;
        self.progress.rest();
        if let Some(error) = inquirer.unanswered().pop() {
            return Err(SweepError::Provider(error));
        }
        // A call that could not be told that it is live is not counted yet.
        if let Some(error) = report.unanswered.pop() {
            return Err(SweepError::Store(error));
        }
        // Whoever was taken in counts before any replica admits the next call.
        let counted = tokio::time::timeout(COUNTED_WITHIN, self.intake.capacity.send(Flush)).await;
        counted.ok().and_then(Result::ok).ok_or(SweepError::Ledger)?;
        self.store.mark_surveyed(&PoolId::default_pool()).await?;
        self.intake.capacity.do_send(Surveyed(epoch));
        tracing::info!(live, "the provider was asked for its live calls; admissions begin");
        Ok(())
    }

    /// This moment, as the planner tells it.
    pub(super) fn now(&self) -> Now {
        Now {
            at: sources::now(),
            monotonic: sources::running_for(),
            clock_steady: sources::clock_is_steady(self.policy.grace.to_std().unwrap_or_default()),
        }
    }

    /// Where the provider's list is parted, so that several of its pages can be read at once.
    async fn partition(&self) -> Result<Vec<DateTime<Utc>>, SweepError> {
        let (live, _) = self.store.count_live().await?;
        Ok(if live > ONE_CHAIN { self.store.live_partition(CHAINS).await? } else { Vec::new() })
    }

    fn inquirer(&self) -> Inquirer<'_> {
        Inquirer::new(self.provider.as_ref(), self.courtesy)
    }

    /// Whether a sweep could begin now.
    pub(super) async fn sees_the_ledger(&self) -> bool {
        let asked = tokio::time::timeout(GLANCE_TIMEOUT, self.intake.capacity.send(Glance)).await;
        let capacity = asked.ok().and_then(Result::ok);
        capacity.is_some_and(|capacity| capacity.epoch.is_some() && !capacity.cut_off)
    }

    /// Calls of which only the provider can tell what they are.
    pub(super) async fn in_doubt(&self) -> Result<usize, SweepError> {
        let unbound = self.store.unbound_sessions().await?;
        Ok(unbound.into_iter().map(Row::from).filter(Row::is_in_doubt).count())
    }

    async fn ledger(&self) -> Result<Vec<Holder>, SweepError> {
        let holders = self.intake.capacity.send(Holders).await.ok().flatten();
        holders.ok_or(SweepError::Ledger)
    }
}
