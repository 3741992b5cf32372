//! What came of a drill: for people a table, for programs a JSON document.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::expectation::Expectation;

/// A test of the sign-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Test {
    /// Twice as many calls at once as there is room for
    A,
    /// An inbound call that finds no slot
    B,
    /// The provider is full
    C,
    /// kill -9 with live calls
    D,
}

impl Test {
    pub(super) const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::D];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::A => "twice as many calls as there is room",
            Self::B => "an inbound call that finds no slot",
            Self::C => "the provider is full (429)",
            Self::D => "kill -9 with live calls",
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        })
    }
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// And why.
    Failed(String),
    /// It could not be done, and why.
    Skipped(String),
}

impl Verdict {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(reason) | Self::Skipped(reason) => Some(reason),
        }
    }
}

/// What a test saw, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) evidence: Vec<String>,
    pub(super) verdict: Verdict,
}

impl Findings {
    /// It fails for the first of the objections, if there is any.
    pub(super) fn of(evidence: Vec<String>, objections: impl IntoIterator<Item = Option<String>>) -> Self {
        let first = objections.into_iter().flatten().next();
        Self { evidence, verdict: first.map_or(Verdict::Passed, Verdict::Failed) }
    }

    pub(super) fn failed(reason: impl fmt::Display) -> Self {
        Self { evidence: Vec::new(), verdict: Verdict::Failed(reason.to_string()) }
    }
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) test: Test,
    pub(super) took: Duration,
    pub(super) evidence: Vec<String>,
    pub(super) verdict: Verdict,
}

impl Outcome {
    pub(super) fn of(test: Test, took: Duration, findings: Findings) -> Self {
        Self { test, took, evidence: findings.evidence, verdict: findings.verdict }
    }
}

/// What came of a drill.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) urls: Vec<String>,
    pub(super) simulator: String,
    pub(super) expectation: Expectation,
    pub(super) outcomes: Vec<Outcome>,
    /// What the drill could not take away again.
    pub(super) left_behind: Option<String>,
}

impl Report {
    /// Why the deployment is not signed off; none where it is. A test that was skipped has not passed.
    pub(super) fn objection(&self) -> Option<String> {
        let named = |verdict: &str| {
            let tests = self.outcomes.iter().filter(|outcome| outcome.verdict.as_str() == verdict);
            tests.map(|outcome| outcome.test.to_string()).collect::<Vec<_>>().join(" ")
        };
        let (failed, skipped) = (named("failed"), named("skipped"));
        let objections = [
            (!failed.is_empty()).then(|| format!("failed: {failed}")),
            (!skipped.is_empty()).then(|| format!("skipped: {skipped}")),
            self.left_behind.as_ref().map(|left| format!("left behind: {left}")),
        ];
        let objections: Vec<_> = objections.into_iter().flatten().collect();
        (!objections.is_empty()).then(|| objections.join("; "))
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let tests: Vec<_> = self
            .outcomes
            .iter()
            .map(|outcome| {
                json!({
                    "test": outcome.test.to_string(),
                    "title": outcome.test.title(),
                    "result": outcome.verdict.as_str(),
                    "durationMs": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
                    "evidence": outcome.evidence,
                    "failure": outcome.verdict.reason(),
                })
            })
            .collect();
        json!({
            "passed": self.objection().is_none(),
            "url": self.urls.first(),
            "urls": self.urls,
            "simulator": self.simulator,
            "cap": self.expectation.bought.cap,
            "capBy": self.expectation.bought.by.as_str(),
            "liveCalls": self.expectation.others,
            "tests": tests,
            "leftBehind": self.left_behind,
        })
    }
}

/// For people.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bought = self.expectation.bought;
        writeln!(formatter, "gate       {}", self.urls.join("  "))?;
        writeln!(formatter, "provider   {} (simulated)", self.simulator)?;
        writeln!(formatter, "cap        {} {}", bought.cap, bought.by)?;
        if self.expectation.others > 0 {
            writeln!(formatter, "live       {} calls of others", self.expectation.others)?;
        }
        for outcome in &self.outcomes {
            let (test, title, verdict) = (outcome.test, outcome.test.title(), outcome.verdict.as_str());
            let seconds = outcome.took.as_secs_f64();
            writeln!(formatter, "\n{test}  {title:<38}{verdict:<10}{seconds:>5.1} s")?;
            for line in &outcome.evidence {
                writeln!(formatter, "   - {line}")?;
            }
            if let Some(reason) = outcome.verdict.reason() {
                writeln!(formatter, "   {verdict}: {reason}")?;
            }
        }
        writeln!(formatter)?;
        match self.objection() {
            None => write!(formatter, "passed"),
            Some(objection) => write!(formatter, "{objection}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::expectation::{Authority, Bought};
    use super::*;

    fn report(verdicts: [Verdict; 2]) -> Report {
        let [a, d] = verdicts;
        let outcome = |test, verdict| Outcome {
            test,
            took: Duration::from_millis(412),
            evidence: vec!["10 asked at once".to_owned()],
            verdict,
        };
        Report {
            urls: vec!["http://127.0.0.1:8080".to_owned()],
            simulator: "http://127.0.0.1:9090".to_owned(),
            expectation: Expectation { bought: Bought { cap: 5, by: Authority::Simulator }, others: 0, free: 5 },
            outcomes: vec![outcome(Test::A, a), outcome(Test::D, d)],
            left_behind: None,
        }
    }

    #[test]
    fn a_drill_whose_tests_all_passed_has_passed() {
        let report = report([Verdict::Passed, Verdict::Passed]);
        assert_eq!(report.objection(), None);
        assert_eq!(report.to_json()["passed"], true);
        let shown = report.to_string();
        assert_eq!(
            shown,
            "gate       http://127.0.0.1:8080\n\
             provider   http://127.0.0.1:9090 (simulated)\n\
             cap        5 by the simulated provider\n\n\
             A  twice as many calls as there is room  passed      0.4 s\n   - 10 asked at once\n\n\
             D  kill -9 with live calls               passed      0.4 s\n   - 10 asked at once\n\n\
             passed"
        );
    }

    #[test]
    fn a_test_that_failed_and_one_that_was_skipped_are_named_with_their_reasons() {
        let report = report([Verdict::Failed("6 calls".to_owned()), Verdict::Skipped("no terminal".to_owned())]);
        assert_eq!(report.objection().unwrap(), "failed: A; skipped: D");
        let json = report.to_json();
        assert_eq!((&json["passed"], &json["tests"][0]["failure"]), (&json!(false), &json!("6 calls")));
        assert_eq!((&json["tests"][1]["result"], &json["tests"][1]["durationMs"]), (&json!("skipped"), &json!(412)));
        let shown = report.to_string();
        assert!(shown.contains("   failed: 6 calls\n") && shown.contains("   skipped: no terminal\n"), "{shown}");
    }

    #[test]
    fn what_is_left_behind_is_no_sign_off() {
        let report =
            Report { left_behind: Some("a business".to_owned()), ..report([Verdict::Passed, Verdict::Passed]) };
        assert_eq!(report.objection().unwrap(), "left behind: a business");
    }

    #[test]
    fn findings_fail_for_their_first_objection() {
        let findings = |objections: [Option<&str>; 2]| {
            Findings::of(vec![], objections.map(|objection| objection.map(str::to_owned))).verdict
        };
        assert_eq!(findings([None, None]), Verdict::Passed);
        assert_eq!(findings([None, Some("b")]), Verdict::Failed("b".to_owned()));
        assert_eq!(findings([Some("a"), Some("b")]), Verdict::Failed("a".to_owned()));
    }
}
