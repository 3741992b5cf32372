//! Test A: of twice as many calls as there is room for, asked for at once, exactly as many start as there is room for.
//! The others are told when to come back, and after the ends every slot is free again.

use super::bar::Progress;
use super::expectation::Expectation;
use super::report::Findings;
use super::stage::{AT_ONCE, Count, Stage, counts_in_words};
use super::told::Tally;

/// What happened.
#[derive(Clone, Debug)]
struct Seen {
    expectation: Expectation,
    asked: usize,
    tally: Tally,
    /// The drill's calls that were live at the provider after all answers; none has ended by then.
    live_at_provider: usize,
    full: Result<Vec<Count>, Vec<Count>>,
    ended: Result<Vec<Count>, Vec<Count>>,
}

pub(super) async fn run(stage: &Stage, progress: &Progress) -> Findings {
    let asked = stage.expectation.crowd();
    let tally = stage.ask(asked, progress).await;
    let live_at_provider = match stage.live().await {
        Ok(live) => live.len(),
        Err(trouble) => return Findings::failed(trouble),
    };
    let full = stage.settled(live_at_provider as u64).await;
    let ended = stage.end_all(progress).await;
    judge(&Seen { expectation: stage.expectation, asked, tally, live_at_provider, full, ended })
}

fn judge(seen: &Seen) -> Findings {
    let Seen { expectation, asked, tally, live_at_provider, full, ended } = seen;
    let (room, admitted) = (expectation.room(), tally.admitted.len());
    let crowd = if *asked > AT_ONCE { format!(", {AT_ONCE} of them open at a time") } else { String::new() };
    let waits = tally.waits();
    let told = waits.as_ref().map_or_else(String::new, |waits| format!("; Retry-After {waits}"));
    let evidence = vec![
        format!("{asked} asked at once{crowd}: {}{told}", tally.words()),
        format!("live at the provider: {live_at_provider}; {}", words(full)),
        format!("after the ends: {}", words(ended)),
    ];
    let expected = expectation.reason();
    let objections = [
        (admitted != room).then(|| format!("{admitted} calls were admitted, expected {expected}")),
        (*live_at_provider != admitted)
            .then(|| format!("{live_at_provider} calls were live at the provider, {admitted} were admitted")),
        (!tally.others.is_empty()).then(|| format!("callers were told something else: {}", tally.words())),
        (!tally.refused.is_empty() && waits.is_none())
            .then(|| "a refusal has no Retry-After in seconds, or another one in its body".to_owned()),
        full.as_ref()
            .err()
            .map(|counts| format!("{live_at_provider} calls were live, but {}", counts_in_words(counts))),
        ended.as_ref().err().map(|counts| format!("slots leaked: all calls are over, but {}", counts_in_words(counts))),
    ];
    Findings::of(evidence, objections)
}

fn words(counts: &Result<Vec<Count>, Vec<Count>>) -> String {
    let (Ok(counts) | Err(counts)) = counts;
    counts_in_words(counts)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::expectation::{Authority, Bought};
    use super::super::report::Verdict;
    use super::super::told::Refusal;
    use super::*;

    fn counted(live: u64) -> Vec<Count> {
        vec![Count { url: "http://gate".to_owned(), taken: live, ours: live, others: 0 }]
    }

    fn refusal() -> Refusal {
        Refusal {
            error: "GLOBAL_CAPACITY_EXCEEDED".to_owned(),
            retry_after: Some("60".to_owned()),
            retry_after_in_body: Some(60),
            call_id: None,
        }
    }

    /// A gate with a cap of `cap`, where five were bought.
    fn seen(cap: usize) -> Seen {
        let tally = Tally {
            admitted: (0..cap).map(|number| number.to_string()).collect(),
            refused: vec![refusal(); 10 - cap],
            ..Tally::default()
        };
        Seen {
            expectation: Expectation { bought: Bought { cap: 5, by: Authority::Argument }, others: 0, free: 5 },
            asked: 10,
            tally,
            live_at_provider: cap,
            full: Ok(counted(cap as u64)),
            ended: Ok(counted(0)),
        }
    }

    fn failure(seen: &Seen) -> String {
        match judge(seen).verdict {
            Verdict::Failed(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn given_a_gate_that_keeps_its_cap_then_the_test_passes_and_says_what_it_saw() {
        let findings = judge(&seen(5));
        assert_eq!(findings.verdict, Verdict::Passed);
        assert_eq!(
            findings.evidence,
            [
                "10 asked at once: 5 admitted, 5 refused for want of a slot; Retry-After 60 s",
                "live at the provider: 5; http://gate: ledger 5, table 5",
                "after the ends: http://gate: ledger 0, table 0",
            ]
        );
    }

    #[rstest]
    #[case::too_many(6)]
    #[case::too_few(4)]
    fn given_a_gate_with_another_cap_then_the_test_says_how_many_were_admitted(#[case] cap: usize) {
        assert_eq!(failure(&seen(cap)), format!("{cap} calls were admitted, expected 5 (the cap is 5 by --cap)"));
    }

    #[test]
    fn given_calls_that_the_provider_does_not_carry_or_nobody_admitted_then_the_test_fails() {
        assert!(failure(&Seen { live_at_provider: 0, ..seen(5) }).starts_with("0 calls were live at the provider"));
        assert!(failure(&Seen { live_at_provider: 6, ..seen(5) }).starts_with("6 calls were live at the provider"));
    }

    #[test]
    fn given_refusals_without_a_time_or_with_two_then_the_test_fails() {
        for (header, body) in [(None, Some(60)), (Some("60"), None), (Some("60"), Some(61)), (Some("soon"), Some(60))] {
            let mut seen = seen(5);
            seen.tally.refused[2] =
                Refusal { retry_after: header.map(str::to_owned), retry_after_in_body: body, ..refusal() };
            assert!(failure(&seen).contains("Retry-After"), "{header:?} {body:?}");
        }
    }

    #[test]
    fn given_answers_that_are_neither_then_the_test_names_them() {
        let mut seen = seen(5);
        seen.tally.refused.pop();
        seen.tally.others.insert("504 CALL_OUTCOME_UNKNOWN".to_owned(), 1);
        assert!(failure(&seen).contains("1 told 504 CALL_OUTCOME_UNKNOWN"));
    }

    #[test]
    fn given_a_replica_that_counts_otherwise_or_a_slot_that_stays_then_the_test_fails() {
        assert!(failure(&Seen { full: Err(counted(4)), ..seen(5) }).starts_with("5 calls were live, but http://gate"));
        assert!(failure(&Seen { ended: Err(counted(1)), ..seen(5) }).starts_with("slots leaked"));
    }
}
