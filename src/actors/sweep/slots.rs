//! Ledger against table: slots that are there without a call, and calls whose slot the ledger lost.

use std::collections::HashSet;
use std::time::Instant;

use chrono::TimeDelta;

use super::{Memory, Report, Sweep, SweepError};
use crate::actors::capacity::{Put, Release};
use crate::actors::session::SessionError;
use crate::domain::admission::Holder;
use crate::domain::call::{Command, Refusal};
use crate::domain::ids::CallId;
use crate::domain::reconciliation::{Drift, TableView, drift};
use crate::sources;
use crate::store::{Sequence, Session};

/// A slot comes back to the ledger within this, once the end of its call is stored.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(2);

/// An abandoned admission has one event, and never another.
const ABANDONED: Sequence = Sequence(1);

impl Sweep {
    /// Ledger against table.
    pub(super) async fn compare_ledger(&self, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        let ledger = self.ledger().await?;
        let live = self.store.live_sessions().await?;
        let holders: Vec<Holder> = live.iter().filter_map(Session::holder).collect();
        let known: HashSet<CallId> = holders.iter().map(|holder| holder.call_id).collect();
        let surplus: Vec<CallId> =
            ledger.iter().map(|holder| holder.call_id).filter(|id| !known.contains(id)).collect();
        let rows = self.store.sessions_of(&surplus).await?;
        let over = rows.iter().filter(|row| row.holder().is_none()).map(|row| row.call_id).collect();
        let findings = drift(&ledger, &TableView { holders, over });
        let rowless: HashSet<CallId> = findings
            .iter()
            .filter_map(|finding| match finding {
                Drift::NoRow(call_id) => Some(*call_id),
                _ => None,
            })
            .collect();
        memory.rowless.retain(|call_id, _| rowless.contains(call_id));
        let mut wrong = 0;
        for finding in findings {
            let was_wrong = match finding {
                Drift::Orphan(call_id) => self.free(call_id, report).await?,
                Drift::NoRow(call_id) => self.close_rowless(call_id, memory, report).await?,
                Drift::Lost(holder) => self.put_back(holder.call_id, report).await?,
            };
            wrong += i64::from(was_wrong);
        }
        // Calls that began or ended between the two looks are no drift.
        self.metrics.ledger_drift.set(wrong);
        Ok(())
    }

    /// A slot of a call that is over, by the row as it is now: it may have come alive meanwhile.
    ///
    /// Like the other corrections, says whether the ledger was wrong.
    async fn free(&self, call_id: CallId, report: &mut Report) -> Result<bool, SweepError> {
        let Some(session) = self.store.session(call_id).await? else { return Ok(false) };
        if session.holder().is_some() {
            return Ok(false);
        }
        self.intake.capacity.do_send(Release { call_id, as_of: session.sequence });
        report.stuck_in_ledger += 1;
        self.note(report, call_id, "slot_orphaned", false);
        Ok(sources::now() - session.updated_at >= ON_ITS_WAY)
    }

    /// A slot without a call: after the grace the admission is closed, if it never was, and the slot freed.
    async fn close_rowless(
        &self,
        call_id: CallId,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Result<bool, SweepError> {
        let since = *memory.rowless.entry(call_id).or_insert_with(Instant::now);
        if since.elapsed() < self.policy.grace.to_std().unwrap_or_default() {
            return Ok(false);
        }
        let closed = self.apply(call_id, Command::Abandon).await;
        let was_wrong = closed.is_ok();
        match closed {
            Ok(_) => {
                self.intake.capacity.do_send(Release { call_id, as_of: ABANDONED });
                report.stuck_in_ledger += 1;
                self.note(report, call_id, "db_missing", false);
            }
            // The admission exists after all.
            Err(SessionError::Refused(Refusal::AlreadyExists)) => {}
            Err(error) => report.no_answer(&error),
        }
        memory.rowless.remove(&call_id);
        Ok(was_wrong)
    }

    /// A slot that the ledger lost. It may have ended meanwhile: the row is read again, before and after.
    async fn put_back(&self, call_id: CallId, report: &mut Report) -> Result<bool, SweepError> {
        let Some(session) = self.store.session(call_id).await? else { return Ok(false) };
        let Some(holder) = session.holder() else { return Ok(false) };
        let put = Put { holder, as_of: session.sequence };
        if !self.intake.capacity.send(put).await.unwrap_or(false) {
            return Ok(false);
        }
        match self.store.session(call_id).await? {
            Some(session) if session.holder().is_none() => {
                self.intake.capacity.do_send(Release { call_id, as_of: session.sequence });
                Ok(false)
            }
            _ => {
                self.note(report, call_id, "redis_missing", true);
                Ok(true)
            }
        }
    }
}
