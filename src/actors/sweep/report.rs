//! What a sweep found and did, and the form in which that is kept and shown.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;

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
    /// Whether it was compared to the end, so that the drift is known.
    pub compared_the_ledger: bool,
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
            "drift": self.compared_the_ledger.then_some(self.drift),
            "unanswered": self.unanswered,
        })
    }
}

/// A report that was kept, in a few figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Whether every view answered.
    pub success: bool,
    /// How long the sweep took, in milliseconds.
    pub duration_ms: u64,
    /// Calls that were changed.
    pub corrections: u64,
    /// Calls of which only the provider could tell what they are, afterwards.
    pub in_doubt: u64,
    /// Where the ledger was wrong; none where it was not compared.
    pub drift: Option<u32>,
    /// What did not answer; none where everything did.
    pub error: Option<String>,
}

/// What [`Report::to_json`] wrote, as far as a digest needs it. Older versions wrote less.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    success: bool,
    duration_ms: u64,
    corrections: Vec<IgnoredAny>,
    #[serde(default)]
    more_corrections: u64,
    #[serde(default)]
    in_doubt: u64,
    #[serde(default)]
    drift: Option<u32>,
    #[serde(default)]
    unanswered: Vec<String>,
}

impl Digest {
    /// Of a report that was kept; none where it cannot be read.
    pub fn of(run: &Run) -> Option<Self> {
        let Kept { success, duration_ms, corrections, more_corrections, in_doubt, drift, unanswered } =
            Kept::deserialize(&run.report).ok()?;
        let corrections = corrections.len() as u64 + more_corrections;
        let error = (!unanswered.is_empty()).then(|| unanswered.join("; "));
        Some(Self { success, duration_ms, corrections, in_doubt, drift, error })
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn kept(report: &Report) -> Run {
        run_of(Scope::Full, "interval", DateTime::UNIX_EPOCH, report)
    }

    fn corrected(corrections: u128) -> Report {
        let mut report = Report { success: true, in_doubt: 2, ..Report::default() };
        for number in 0..corrections {
            report.corrected(CallId::new(uuid::Uuid::from_u128(number)), "db_missing", Finding::StuckInLedger);
        }
        report
    }

    #[rstest]
    #[case::compared(true, Some(3))]
    #[case::cut_short(false, None)]
    fn a_digest_says_what_the_kept_report_says(#[case] compared_the_ledger: bool, #[case] drift: Option<u32>) {
        let report = Report { duration: Duration::from_millis(33), compared_the_ledger, ..corrected(3) };
        let digest = Digest { success: true, duration_ms: 33, corrections: 3, in_doubt: 2, drift, error: None };
        assert_eq!(Digest::of(&kept(&report)), Some(digest));
    }

    #[test]
    fn a_digest_counts_corrections_that_were_not_named() {
        let many = NAMED as u64 + 5;
        assert_eq!(Digest::of(&kept(&corrected(many.into()))).unwrap().corrections, many);
    }

    #[test]
    fn a_digest_of_a_failed_sweep_says_what_did_not_answer() {
        let mut report = corrected(0);
        report.no_answer(&"the provider does not answer");
        report.no_answer(&"nor does the table");
        let digest = Digest::of(&kept(&report)).unwrap();
        assert!(!digest.success);
        assert_eq!(digest.error.as_deref(), Some("the provider does not answer; nor does the table"));
    }

    #[test]
    fn a_report_of_an_older_version_has_no_drift_and_an_unreadable_one_no_digest() {
        let mut run = kept(&corrected(1));
        run.report = serde_json::json!({"success": true, "durationMs": 1, "corrections": []});
        assert_eq!(Digest::of(&run).unwrap().drift, None);
        run.report = serde_json::json!({"success": "perhaps"});
        assert_eq!(Digest::of(&run), None);
    }
}
