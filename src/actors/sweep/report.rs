//! What a sweep found and did, and the form in which that is kept and shown.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Scope;
use crate::domain::ids::CallId;
use crate::sources;
use crate::store::Run;

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
    /// Each call that was changed, and why; the first ten thousand.
    pub corrections: Vec<(CallId, &'static str)>,
    /// Calls that were changed beyond those.
    pub more_corrections: u32,
    /// Where the ledger was wrong.
    pub drift: u32,
    /// Calls of which only the provider can tell what they are, afterwards.
    pub in_doubt: usize,
    /// Live conversations by the provider's list; none where it was not read.
    pub listed: Option<usize>,
    /// The same by its count.
    pub counted: Option<u64>,
    /// What did not answer.
    pub unanswered: Vec<String>,
}

/// How a call that was corrected was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Live by the table, but not at the provider.
    StuckInTable,
    /// In the ledger, but not live by the table.
    StuckInLedger,
    /// Live by the table, but not in the ledger.
    LostByLedger,
    /// Live at the provider, but not known to be.
    Restored,
    /// Not known to be anything.
    InDoubt,
}

/// So many corrections are named one by one; past that they are only counted.
const NAMED: usize = 10_000;

impl Report {
    /// Something did not answer: the sweep goes on, and says so.
    pub(super) fn no_answer(&mut self, what: &dyn std::fmt::Display) {
        self.success = false;
        self.unanswered.push(what.to_string());
    }

    /// A call was changed.
    pub(super) fn corrected(&mut self, call_id: CallId, reason: &'static str, finding: Finding) {
        if self.corrections.len() < NAMED {
            self.corrections.push((call_id, reason));
        } else {
            self.more_corrections += 1;
        }
        match finding {
            Finding::StuckInTable => self.stuck_in_db += 1,
            Finding::StuckInLedger => self.stuck_in_ledger += 1,
            Finding::LostByLedger | Finding::Restored => self.restored += 1,
            Finding::InDoubt => {}
        }
        self.cleaned += u32::from(matches!(finding, Finding::StuckInTable | Finding::StuckInLedger));
        self.drift += u32::from(matches!(finding, Finding::StuckInLedger | Finding::LostByLedger));
    }

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
            "moreCorrections": self.more_corrections,
            "providerListed": self.listed,
            "providerCount": self.counted,
            "inDoubt": self.in_doubt,
            "unanswered": self.unanswered,
        })
    }
}

/// The report as it is kept.
pub(super) fn run_of(scope: Scope, trigger: &str, started_at: DateTime<Utc>, report: &Report) -> Run {
    Run {
        scope: scope.as_str().to_owned(),
        trigger: trigger.to_owned(),
        node: sources::node().to_owned(),
        started_at,
        finished_at: sources::now(),
        report: report.to_json(),
    }
}
