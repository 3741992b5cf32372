//! Test C: where the provider says 429, the caller is told so with the provider's time, the slot is free again at once,
//! and the next call starts.

use super::bar::Progress;
use super::gate::Trouble;
use super::patience::{SOON, within};
use super::report::Findings;
use super::stage::{Count, Stage, counts_in_words};
use super::told::Told;

/// The seconds that the provider asks for: no default of the gate.
const ASKED_FOR: u64 = 17;

/// What happened.
#[derive(Clone, Debug)]
struct Seen {
    told: Told,
    /// Status and reason of the call that the provider refused.
    refused_call: Option<(String, String)>,
    after: Result<Vec<Count>, Vec<Count>>,
    next: Told,
    ended: Result<Vec<Count>, Vec<Count>>,
}

pub(super) async fn run(stage: &Stage, progress: &Progress) -> Findings {
    match see(stage, progress).await {
        Ok(seen) => judge(&seen),
        Err(trouble) => Findings::failed(trouble),
    }
}

async fn see(stage: &Stage, progress: &Progress) -> Result<Seen, Trouble> {
    progress.phase("the provider says 429", 0);
    stage.simulator.be_full_once(ASKED_FOR).await?;
    let told = stage.ask_at(stage.gate()).await;
    stage.simulator.be_faultless(stage.lines).await?;
    let admitted = u64::from(matches!(told, Told::Admitted(_)));
    let after = stage.settled(admitted).await;
    let refused_call = match &told {
        Told::Refused(refusal) => match &refusal.call_id {
            Some(call_id) => Some(state_of(stage, call_id).await?),
            None => None,
        },
        Told::Admitted(_) | Told::Other(_) => None,
    };
    let next = stage.ask_at(stage.gate()).await;
    let ended = stage.end_all(progress).await;
    Ok(Seen { told, refused_call, after, next, ended })
}

/// Status and reason of a call, once it is over.
async fn state_of(stage: &Stage, call_id: &str) -> Result<(String, String), Trouble> {
    let call = within(SOON, async || match stage.gate().call(call_id).await {
        Ok(call) if call["endedAt"].is_string() => Ok(call),
        Ok(call) => Err(Ok(call)),
        Err(trouble) => Err(Err(trouble)),
    });
    let call = call.await.or_else(|instead| instead)?;
    let text = |name: &str| call[name].as_str().unwrap_or("none").to_owned();
    Ok((text("status"), text("endReason")))
}

fn judge(seen: &Seen) -> Findings {
    let Seen { told, refused_call, after, next, ended } = seen;
    let (Ok(counts) | Err(counts)) = after;
    let (error, wait) = match told {
        Told::Refused(refusal) => (refusal.error.as_str(), refusal.wait()),
        Told::Admitted(_) | Told::Other(_) => ("", None),
    };
    let (status, reason) = refused_call.clone().unwrap_or_else(|| ("none".to_owned(), "none".to_owned()));
    let waits = wait.map_or_else(String::new, |wait| format!(", Retry-After {wait} s"));
    let evidence = vec![
        format!("the provider says 429 and {ASKED_FOR} s; the caller is told {}{waits}", told.words()),
        format!("the call is {status} ({reason}); {}", counts_in_words(counts)),
        format!("the next call: {}", next.words()),
    ];
    let objections = [
        (error != "ELEVENLABS_429_RATE_LIMIT")
            .then(|| format!("the caller was told {}, expected 503 ELEVENLABS_429_RATE_LIMIT", told.words())),
        (wait != Some(ASKED_FOR)).then(|| format!("Retry-After is not the {ASKED_FOR} s that the provider asked for")),
        (status != "failed" || reason != "provider_429")
            .then(|| format!("the call is {status} ({reason}), expected failed (provider_429)")),
        after.as_ref().err().map(|counts| format!("its slot was not given back: {}", counts_in_words(counts))),
        (!matches!(next, Told::Admitted(_))).then(|| format!("the next call did not start: {}", next.words())),
        ended.as_ref().err().map(|counts| format!("slots leaked: all calls are over, but {}", counts_in_words(counts))),
    ];
    Findings::of(evidence, objections)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::report::Verdict;
    use super::super::told::Refusal;
    use super::*;

    fn counted(live: u64) -> Vec<Count> {
        vec![Count { url: "http://gate".to_owned(), taken: live, ours: live, others: 0 }]
    }

    fn told(error: &str, seconds: u64) -> Told {
        Told::Refused(Refusal {
            error: error.to_owned(),
            retry_after: Some(seconds.to_string()),
            retry_after_in_body: Some(seconds),
            call_id: Some("call".to_owned()),
        })
    }

    fn passed_on() -> Seen {
        Seen {
            told: told("ELEVENLABS_429_RATE_LIMIT", 17),
            refused_call: Some(("failed".to_owned(), "provider_429".to_owned())),
            after: Ok(counted(0)),
            next: Told::Admitted("next".to_owned()),
            ended: Ok(counted(0)),
        }
    }

    #[test]
    fn given_a_429_that_is_passed_on_then_the_test_passes_and_says_what_it_saw() {
        let findings = judge(&passed_on());
        assert_eq!(findings.verdict, Verdict::Passed);
        assert_eq!(
            findings.evidence,
            [
                "the provider says 429 and 17 s; the caller is told 503 ELEVENLABS_429_RATE_LIMIT, Retry-After 17 s",
                "the call is failed (provider_429); http://gate: ledger 0, table 0",
                "the next call: admitted",
            ]
        );
    }

    #[rstest]
    #[case::admitted(Seen { told: Told::Admitted("a".to_owned()), ..passed_on() }, "was told admitted")]
    #[case::another_error(Seen { told: told("OVERLOADED", 17), ..passed_on() }, "was told 503 OVERLOADED")]
    #[case::another_time(Seen { told: told("ELEVENLABS_429_RATE_LIMIT", 60), ..passed_on() }, "Retry-After is not")]
    #[case::no_call(Seen { refused_call: None, ..passed_on() }, "the call is none")]
    #[case::a_slot_that_stays(Seen { after: Err(counted(1)), ..passed_on() }, "was not given back")]
    #[case::no_next_call(Seen { next: Told::Other("no answer".to_owned()), ..passed_on() }, "did not start")]
    #[case::a_leak(Seen { ended: Err(counted(1)), ..passed_on() }, "slots leaked")]
    fn given_anything_else_then_the_test_fails_and_names_it(#[case] seen: Seen, #[case] says: &str) {
        match judge(&seen).verdict {
            Verdict::Failed(reason) => assert!(reason.contains(says), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}
