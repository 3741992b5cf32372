//! Test D: calls are live, a replica is killed and comes back. The counts are what they were, the calls are known, one
//! more is refused, and after the ends every slot is free.

use std::time::Duration;

use super::bar::{Bars, Progress};
use super::gate::Trouble;
use super::patience::within;
use super::report::{Findings, Verdict};
use super::restart::{Gap, Means};
use super::stage::{Count, Stage, counts_in_words};
use super::told::{Tally, Told};

/// How long a replica that is back may take until it admits calls.
const RECOVERY: Duration = Duration::from_mins(1);

/// What happened.
#[derive(Clone, Debug)]
struct Seen {
    filled: usize,
    gap: Gap,
    /// What one call too many was told by each replica, as soon as it was back.
    beyond: Vec<Told>,
    after: Result<Vec<Count>, Vec<Count>>,
    /// Calls that the gate still knows as active.
    known: usize,
    live_at_provider: usize,
    ended: Result<Vec<Count>, Vec<Count>>,
}

pub(super) async fn run(
    stage: &Stage,
    progress: &Progress,
    bars: &Bars,
    means: &mut Means,
    patience: Duration,
) -> Findings {
    if let Means::None(reason) = means {
        return Findings { evidence: Vec::new(), verdict: Verdict::Skipped((*reason).to_owned()) };
    }
    match see(stage, progress, bars, means, patience).await {
        Ok(seen) => judge(&seen),
        Err(trouble) => Findings::failed(trouble),
    }
}

async fn see(
    stage: &Stage,
    progress: &Progress,
    bars: &Bars,
    means: &mut Means,
    patience: Duration,
) -> Result<Seen, Trouble> {
    let calls = stage.fill(progress).await?;
    let full = stage.settled(calls.len() as u64).await;
    full.map_err(|counts| Trouble(format!("{} calls are live, but {}", calls.len(), counts_in_words(&counts))))?;
    progress.phase("a replica dies and comes back", 0);
    let gap = means.restart(stage, bars, patience).await?;
    progress.phase("asking what is left", 0);
    let mut beyond = Vec::new();
    for gate in &stage.gates {
        within(RECOVERY, async || gate.is_ready().await).await?;
        beyond.push(stage.ask_at(gate).await);
    }
    let after = stage.settled(calls.len() as u64).await;
    let mut known = 0;
    for call_id in &calls {
        known += usize::from(stage.gate().call(call_id).await?["status"] == "active");
    }
    let live_at_provider = stage.live().await?.len();
    let ended = stage.end_all(progress).await;
    Ok(Seen { filled: calls.len(), gap, beyond, after, known, live_at_provider, ended })
}

fn judge(seen: &Seen) -> Findings {
    let Seen { filled, gap, beyond, after, known, live_at_provider, ended } = seen;
    let (Ok(counts) | Err(counts)) = after;
    let (Ok(free) | Err(free)) = ended;
    let (meanwhile, beyond) = (Tally::of(gap.meanwhile.iter().cloned()), Tally::of(beyond.iter().cloned()));
    let mut evidence = vec![format!("{filled} calls were live when {}", gap.words())];
    if !gap.meanwhile.is_empty() {
        evidence.push(format!("meanwhile {} more asked the others: {}", gap.meanwhile.len(), meanwhile.words()));
    }
    evidence.push(format!("back again: {}; {known} of {filled} calls known as active", counts_in_words(counts)));
    evidence.push(format!("one more call at each replica: {}", beyond.words()));
    evidence.push(format!("after the ends: {}", counts_in_words(free)));
    let too_many = meanwhile.admitted.len() + beyond.admitted.len();
    let objections = [
        (too_many > 0).then(|| format!("{too_many} calls too many were admitted: slots of live calls were forgotten")),
        (live_at_provider > filled).then(|| format!("{live_at_provider} calls are live at the provider, not {filled}")),
        after.as_ref().err().map(|counts| format!("{filled} calls are live, but {}", counts_in_words(counts))),
        (known != filled).then(|| format!("{known} of {filled} live calls are known as active")),
        (!beyond.others.is_empty())
            .then(|| format!("one more call was not refused for want of a slot: {}", beyond.words())),
        (!gap.meanwhile.is_empty() && meanwhile.refused.is_empty())
            .then(|| format!("the other replicas did not go on serving: {}", meanwhile.words())),
        ended.as_ref().err().map(|counts| format!("slots leaked: all calls are over, but {}", counts_in_words(counts))),
    ];
    Findings::of(evidence, objections)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::told::Refusal;
    use super::*;

    fn counted(live: u64) -> Vec<Count> {
        vec![Count { url: "http://gate".to_owned(), taken: live, ours: live, others: 0 }]
    }

    fn refused(error: &str) -> Told {
        Told::Refused(Refusal {
            error: error.to_owned(),
            retry_after: Some("60".to_owned()),
            retry_after_in_body: Some(60),
            call_id: None,
        })
    }

    fn full() -> Told {
        refused("GLOBAL_CAPACITY_EXCEEDED")
    }

    fn survived() -> Seen {
        Seen {
            filled: 5,
            gap: Gap { gone: vec![("http://gate".to_owned(), Duration::from_millis(800))], meanwhile: vec![] },
            beyond: vec![full()],
            after: Ok(counted(5)),
            known: 5,
            live_at_provider: 5,
            ended: Ok(counted(0)),
        }
    }

    #[test]
    fn given_a_gate_that_comes_back_as_it_was_then_the_test_passes_and_says_what_it_saw() {
        let findings = judge(&survived());
        assert_eq!(findings.verdict, Verdict::Passed);
        assert_eq!(
            findings.evidence,
            [
                "5 calls were live when http://gate was gone for 0.8 s",
                "back again: http://gate: ledger 5, table 5; 5 of 5 calls known as active",
                "one more call at each replica: 0 admitted, 1 refused for want of a slot",
                "after the ends: http://gate: ledger 0, table 0",
            ]
        );
    }

    #[test]
    fn given_other_replicas_then_they_must_go_on_refusing_what_is_too_much() {
        let meanwhile = |told: Vec<Told>| {
            let gap = Gap { meanwhile: told, ..survived().gap };
            judge(&Seen { gap, ..survived() })
        };
        let served = meanwhile(vec![refused("CAPACITY_RECOVERING"), full(), full()]);
        assert_eq!(served.verdict, Verdict::Passed);
        assert_eq!(
            served.evidence[1],
            "meanwhile 3 more asked the others: 0 admitted, 2 refused for want of a slot, 1 told 503 CAPACITY_RECOVERING"
        );
        assert!(matches!(meanwhile(vec![refused("CAPACITY_RECOVERING")]).verdict, Verdict::Failed(_)));
        assert!(matches!(meanwhile(vec![full(), Told::Admitted("a".to_owned())]).verdict, Verdict::Failed(_)));
    }

    #[rstest]
    #[case::forgotten_slots(Seen { beyond: vec![Told::Admitted("a".to_owned())], ..survived() }, "1 calls too many")]
    #[case::too_many_at_the_provider(Seen { live_at_provider: 6, ..survived() }, "6 calls are live at the provider")]
    #[case::counts_of_zero(Seen { after: Err(counted(0)), ..survived() }, "5 calls are live, but http://gate: ledger 0")]
    #[case::forgotten_calls(Seen { known: 3, ..survived() }, "3 of 5 live calls")]
    #[case::another_refusal(Seen { beyond: vec![refused("OVERLOADED")], ..survived() }, "was not refused for want")]
    #[case::a_leak(Seen { ended: Err(counted(1)), ..survived() }, "slots leaked")]
    fn given_anything_else_then_the_test_fails_and_names_it(#[case] seen: Seen, #[case] says: &str) {
        match judge(&seen).verdict {
            Verdict::Failed(reason) => assert!(reason.contains(says), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}
