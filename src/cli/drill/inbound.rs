//! Test B: an inbound call that finds no slot is hung up at the provider, recorded so, and takes no slot.

use super::bar::Progress;
use super::gate::Trouble;
use super::patience::{SOON, within};
use super::report::Findings;
use super::stage::{Count, Stage, counts_in_words};

/// The status of a call that was hung up for want of a slot.
const TURNED_AWAY: &str = "terminated_capacity";

/// What happened.
#[derive(Clone, Debug)]
struct Seen {
    filled: usize,
    /// The call's status in the end; none where the gate never heard of it.
    status: Option<String>,
    end_reason: Option<String>,
    /// Whether the provider still carries it.
    live: bool,
    after: Result<Vec<Count>, Vec<Count>>,
    ended: Result<Vec<Count>, Vec<Count>>,
}

pub(super) async fn run(stage: &Stage, progress: &Progress) -> Findings {
    match see(stage, progress).await {
        Ok(seen) => judge(&seen),
        Err(trouble) => Findings::failed(trouble),
    }
}

async fn see(stage: &Stage, progress: &Progress) -> Result<Seen, Trouble> {
    let filled = stage.fill(progress).await?.len();
    progress.phase("somebody calls in", 0);
    let conversation = stage.simulator.ring_in(stage.tenants.first().agent()).await?;
    let call = within(SOON, async || match stage.gate().call_of(&conversation).await {
        Ok(Some(call)) if call["status"] == TURNED_AWAY => Ok(Some(call)),
        Ok(call) => Err(Ok(call)),
        Err(trouble) => Err(Err(trouble)),
    });
    let call = call.await.or_else(|instead| instead)?;
    let live = stage.simulator.state().await?.is_live(&conversation) != Some(false);
    let after = stage.settled(filled as u64).await;
    let ended = stage.end_all(progress).await;
    let text = |name: &str| call.as_ref().and_then(|call| call[name].as_str()).map(str::to_owned);
    Ok(Seen { filled, status: text("status"), end_reason: text("endReason"), live, after, ended })
}

fn judge(seen: &Seen) -> Findings {
    let Seen { filled, status, end_reason, live, after, ended } = seen;
    let (Ok(counts) | Err(counts)) = after;
    let shown = status.as_deref().unwrap_or("unknown to the gate");
    let reason = end_reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    let at_provider = if *live { "still live" } else { "hung up" };
    let evidence = vec![
        format!("{filled} calls take every slot; then one comes in: {shown}{reason}, {at_provider} at the provider"),
        format!("afterwards {}", counts_in_words(counts)),
    ];
    let objections = [
        status.is_none().then(|| "the gate never heard of the inbound call".to_owned()),
        live.then(|| format!("the inbound call is {shown}, and still live at the provider (inbound.on_full?)")),
        (shown != TURNED_AWAY).then(|| format!("the inbound call is {shown}, expected {TURNED_AWAY}")),
        after.as_ref().err().map(|counts| format!("{filled} calls are live, but {}", counts_in_words(counts))),
        ended.as_ref().err().map(|counts| format!("slots leaked: all calls are over, but {}", counts_in_words(counts))),
    ];
    Findings::of(evidence, objections)
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn counted(live: u64) -> Vec<Count> {
        vec![Count { url: "http://gate".to_owned(), taken: live, ours: live, others: 0 }]
    }

    fn turned_away() -> Seen {
        Seen {
            filled: 5,
            status: Some(TURNED_AWAY.to_owned()),
            end_reason: Some("capacity".to_owned()),
            live: false,
            after: Ok(counted(5)),
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
    fn given_a_call_that_is_turned_away_then_the_test_passes_and_says_what_it_saw() {
        let findings = judge(&turned_away());
        assert_eq!(findings.verdict, Verdict::Passed);
        assert_eq!(
            findings.evidence,
            [
                "5 calls take every slot; then one comes in: terminated_capacity (capacity), hung up at the provider",
                "afterwards http://gate: ledger 5, table 5",
            ]
        );
    }

    #[test]
    fn given_a_call_that_stays_then_the_test_fails_and_names_the_policy() {
        let seen = Seen { status: Some("active".to_owned()), live: true, ..turned_away() };
        assert!(failure(&seen).contains("is active, and still live at the provider (inbound.on_full?)"));
    }

    #[test]
    fn given_a_call_that_is_unknown_recorded_otherwise_or_takes_a_slot_then_the_test_fails() {
        assert!(failure(&Seen { status: None, ..turned_away() }).contains("never heard"));
        let ended = Seen { status: Some("ended".to_owned()), ..turned_away() };
        assert!(failure(&ended).contains("is ended, expected terminated_capacity"));
        assert!(failure(&Seen { after: Err(counted(6)), ..turned_away() }).contains("ledger 6"));
        assert!(failure(&Seen { ended: Err(counted(1)), ..turned_away() }).starts_with("slots leaked"));
    }
}
