//! What callers are told when they ask for calls.

use std::collections::BTreeMap;

use awc::http::StatusCode;

use crate::cli::peer::{Answer, NoAnswer};

/// The refusals of a pool that has no slot for a call.
const NO_SLOT: [&str; 2] = ["GLOBAL_CAPACITY_EXCEEDED", "PLAN_CAPACITY_RESERVED"];

/// The answer to one request for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is live; its id.
    Admitted(String),
    /// 503.
    Refused(Refusal),
    /// Anything else, in a few words.
    Other(String),
}

/// A 503.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: String,
    /// The header, and the member of the body that must equal it.
    pub(super) retry_after: Option<String>,
    pub(super) retry_after_in_body: Option<u64>,
    /// The call that had a slot before the provider refused it.
    pub(super) call_id: Option<String>,
}

impl Refusal {
    pub(super) fn is_for_want_of_a_slot(&self) -> bool {
        NO_SLOT.contains(&self.error.as_str())
    }

    /// The seconds to wait, where header and body agree on them.
    pub(super) fn wait(&self) -> Option<u64> {
        let seconds = self.retry_after.as_ref()?.parse().ok()?;
        (self.retry_after_in_body == Some(seconds)).then_some(seconds)
    }
}

impl Told {
    pub(super) fn by(answer: Result<Answer, NoAnswer>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Self::Other(format!("no answer ({error})")),
        };
        let text = |name: &str| answer.body[name].as_str().map(str::to_owned);
        match (answer.status, text("callId"), text("error")) {
            (StatusCode::CREATED, Some(call_id), _) => Self::Admitted(call_id),
            (StatusCode::SERVICE_UNAVAILABLE, call_id, Some(error)) => Self::Refused(Refusal {
                error,
                retry_after: answer.retry_after,
                retry_after_in_body: answer.body["retryAfter"].as_u64(),
                call_id,
            }),
            (status, _, Some(error)) => Self::Other(format!("{} {error}", status.as_u16())),
            (status, _, None) => Self::Other(status.as_u16().to_string()),
        }
    }

    /// In a few words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Admitted(_) => "admitted".to_owned(),
            Self::Refused(refusal) => format!("503 {}", refusal.error),
            Self::Other(words) => words.clone(),
        }
    }
}

/// What many were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) admitted: Vec<String>,
    /// For want of a slot.
    pub(super) refused: Vec<Refusal>,
    /// How many were told anything else.
    pub(super) others: BTreeMap<String, usize>,
}

impl Tally {
    pub(super) fn of(answers: impl IntoIterator<Item = Told>) -> Self {
        let mut tally = Self::default();
        for told in answers {
            match told {
                Told::Admitted(call_id) => tally.admitted.push(call_id),
                Told::Refused(refusal) if refusal.is_for_want_of_a_slot() => tally.refused.push(refusal),
                other => *tally.others.entry(other.words()).or_default() += 1,
            }
        }
        tally
    }

    /// In one line.
    pub(super) fn words(&self) -> String {
        let mut words = vec![
            format!("{} admitted", self.admitted.len()),
            format!("{} refused for want of a slot", self.refused.len()),
        ];
        words.extend(self.others.iter().map(|(other, count)| format!("{count} told {other}")));
        words.join(", ")
    }

    /// The seconds that the refused are told to wait, as in `60 to 66 s`; none where one is not told so.
    pub(super) fn waits(&self) -> Option<String> {
        let waits: Option<Vec<u64>> = self.refused.iter().map(Refusal::wait).collect();
        let waits = waits?;
        let (shortest, longest) = (waits.iter().min()?, waits.iter().max()?);
        Some(if shortest == longest { format!("{shortest} s") } else { format!("{shortest} to {longest} s") })
    }
}
