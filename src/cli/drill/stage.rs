//! Where the tests play: the replicas, the simulated provider, and the businesses that the drill brings.
//! Whatever is set up here is taken away again, however the drill ends.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use super::bar::Progress;
use super::expectation::Expectation;
use super::gate::{Gate, LONGEST_PLACEMENT, Standing, Trouble, failed};
use super::patience::{SOON, within};
use super::simulator::Simulator;
use super::tenants::Tenants;
use super::told::{Tally, Told};
use crate::cli::Failure;

/// Requests that are open at once, at most: as many as the HTTP client holds connections.
pub(super) const AT_ONCE: usize = 100;

/// What a webhook, or a hang-up, may take at the gate of this provider.
const PROOF: Duration = Duration::from_secs(10);

/// Where the tests play.
pub(super) struct Stage {
    pub(super) gates: Vec<Gate>,
    pub(super) simulator: Simulator,
    pub(super) tenants: Tenants,
    pub(super) expectation: Expectation,
    /// The most calls that the drill ever asks for at once: a gate that keeps no cap starts them all.
    pub(super) most: u32,
    /// Calls that the simulated provider carries meanwhile: more than that.
    pub(super) lines: u32,
    /// How the simulated provider behaved before.
    pub(super) behaviour: Value,
    /// Whose turn it is.
    pub(super) turn: Cell<usize>,
}

/// What a replica counts, once it agrees with itself; or what it counts at the deadline, where that is something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) url: String,
    pub(super) taken: u64,
    pub(super) ours: u64,
    pub(super) others: u64,
}

impl Count {
    fn of(url: &str, standing: &Standing, tenants: &Tenants) -> Self {
        let ours = standing.live.iter().filter(|(_, business)| tenants.own(business)).count() as u64;
        let others = standing.live.len() as u64 - ours;
        Self { url: url.to_owned(), taken: standing.taken, ours, others }
    }

    /// Whether so many calls of the drill are live, and every live call counts in the ledger.
    pub(super) fn is(&self, ours: u64) -> bool {
        self.ours == ours && self.taken == self.ours + self.others
    }
}

/// Where several replicas count, or one.
pub(super) fn counts_in_words(counts: &[Count]) -> String {
    let words: Vec<_> = counts
        .iter()
        .map(|Count { url, taken, ours, others }| {
            let whose = if *others == 0 { String::new() } else { format!(" and {others} of others") };
            format!("{url}: ledger {taken}, table {ours}{whose}")
        })
        .collect();
    words.join("; ")
}

impl Stage {
    /// The replica whose turn it is.
    pub(super) fn gate(&self) -> &Gate {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        &self.gates[turn % self.gates.len()]
    }

    /// Registers the businesses, silences the provider's faults, and proves that the gate's provider is this one
    /// before anything is dialled.
    pub(super) async fn set_up(&self) -> Result<(), Failure> {
        let first = &self.gates[0];
        for (tenant, limit) in self.tenants.limits(self.most) {
            first.register(&tenant.business, &tenant.plan, limit).await?;
            first.give_agent(&tenant.business, tenant.agent()).await.map_err(failed)?;
        }
        self.simulator.be_faultless(self.lines).await.map_err(failed)?;
        for gate in &self.gates {
            self.prove_the_provider(gate).await?;
        }
        Ok(())
    }

    /// Only whoever has this provider can hang up a call of it. Nothing is dialled for that.
    async fn prove_the_provider(&self, gate: &Gate) -> Result<(), Failure> {
        let (url, provider) = (gate.url(), self.simulator.url());
        let conversation = self.simulator.ring_in(self.tenants.first().agent()).await.map_err(failed)?;
        let known = within(PROOF, async || match gate.call_of(&conversation).await {
            Ok(Some(call)) => Ok(call),
            Ok(None) => Err(Failure::Usage(format!(
                "{url} hears nothing of an inbound call at {provider}: is it the provider of this gate, and does it \
                 send its webhooks there (--webhook-url), signed with the gate's secret?"
            ))),
            Err(trouble) => Err(failed(trouble)),
        });
        let call = known.await?;
        gate.hang_up(call["callId"].as_str().unwrap_or_default()).await.map_err(failed)?;
        within(PROOF, async || {
            let state = self.simulator.state().await.map_err(failed)?;
            if state.is_live(&conversation) == Some(false) {
                return Ok(());
            }
            Err(Failure::Usage(format!(
                "{url} does not hang up a call at {provider}: its provider is another one, and the drill dials only at a \
                 simulated provider; run `callgate simulator` and name it in provider.base_url"
            )))
        })
        .await?;
        self.settled(0).await.map(drop).map_err(|counts| {
            Failure::Check(format!("an inbound call that is over still counts: {}", counts_in_words(&counts)))
        })
    }

    /// Asks for `count` calls, all at once as far as there are connections.
    pub(super) async fn ask(&self, count: usize, progress: &Progress) -> Tally {
        progress.phase("asking for calls", count);
        let asked = self.tenants.spread(count).into_iter().map(|tenant| async move {
            let told = self.gate().place(&tenant.business, tenant.agent()).await;
            progress.step();
            told
        });
        Tally::of(stream::iter(asked).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await)
    }

    /// Asks one replica for one call.
    pub(super) async fn ask_at(&self, gate: &Gate) -> Told {
        let tenant = self.tenants.first();
        gate.place(&tenant.business, tenant.agent()).await
    }

    /// Takes every free slot; their calls.
    pub(super) async fn fill(&self, progress: &Progress) -> Result<Vec<String>, Trouble> {
        let tally = self.ask(self.expectation.room(), progress).await;
        if tally.admitted.len() == self.expectation.room() {
            return Ok(tally.admitted);
        }
        let (started, expected) = (tally.admitted.len(), self.expectation.reason());
        Err(Trouble(format!("{started} calls started, expected {expected}: {}", tally.words())))
    }

    /// What every replica counts, once each says that so many calls of the drill are live; an error is what they say
    /// at the deadline.
    pub(super) async fn settled(&self, ours: u64) -> Result<Vec<Count>, Vec<Count>> {
        within(SOON, async || {
            let counts = self.counts().await.unwrap_or_default();
            let agreed = counts.len() == self.gates.len() && counts.iter().all(|count| count.is(ours));
            if agreed { Ok(counts) } else { Err(counts) }
        })
        .await
    }

    async fn counts(&self) -> Result<Vec<Count>, Trouble> {
        let standings = join_all(self.gates.iter().map(Gate::standing)).await;
        let standings: Result<Vec<_>, _> = standings.into_iter().collect();
        let counts = standings?.into_iter().zip(&self.gates);
        Ok(counts.map(|(standing, gate)| Count::of(gate.url(), &standing, &self.tenants)).collect())
    }

    /// The drill's conversations that are live at the provider.
    pub(super) async fn live(&self) -> Result<Vec<String>, Trouble> {
        Ok(self.simulator.state().await?.live_of(&self.tenants))
    }

    /// Everybody hangs up, and the provider tells the gate.
    pub(super) async fn end_all(&self, progress: &Progress) -> Result<Vec<Count>, Vec<Count>> {
        if let Ok(live) = self.live().await {
            progress.phase("hanging up", live.len());
            for conversation in live {
                // What is still live then shows in the counts.
                let _ = self.simulator.hang_up(&conversation).await;
                progress.step();
            }
        }
        progress.phase("waiting until every slot is free", 0);
        self.settled(0).await
    }

    /// Takes away what the drill brought, and gives the provider its behaviour back. What stays is named.
    pub(super) async fn tidy_up(&self) -> Result<(), Trouble> {
        let first = &self.gates[0];
        let behaved = self.simulator.be_faultless(self.lines).await;
        let ended = self.end_for_good(first).await;
        let behaved = behaved.and(self.simulator.behave(&self.behaviour).await);
        let mut left: Vec<String> = Vec::new();
        for tenant in self.tenants.all() {
            let removed = within(SOON, async || first.remove(&tenant.business).await).await;
            left.extend(removed.err().map(|Trouble(reason)| format!("the business {}: {reason}", tenant.business)));
        }
        // What was admitted before the businesses went may show only now.
        if ended.is_ok() && self.end_for_good(first).await.is_err() {
            left.push(format!("calls of {}", self.tenants.first().business));
        }
        left.extend(behaved.err().map(|Trouble(reason)| format!("the provider's behaviour: {reason}")));
        if left.is_empty() { Ok(()) } else { Err(Trouble(left.join("; "))) }
    }

    /// Ends every call, and those that begin meanwhile: nobody waits for their answers after a Ctrl-C.
    async fn end_for_good(&self, first: &Gate) -> Result<(), Vec<Count>> {
        self.placed().await;
        if self.end_all(&Progress::hidden()).await.is_ok() {
            return Ok(());
        }
        self.placed().await;
        let ended = self.end_all(&Progress::hidden()).await;
        if ended.is_err() {
            self.insist(first).await;
        }
        ended.map(drop)
    }

    /// Waits until no call is being placed; where a replica does not answer, there is nothing to wait for.
    async fn placed(&self) {
        let placing = async || {
            let standings = join_all(self.gates.iter().map(Gate::standing)).await;
            let mut placing = standings.iter().flatten().flat_map(|standing| &standing.placing);
            if placing.any(|business| self.tenants.own(business)) { Err(()) } else { Ok(()) }
        };
        // Those that take longer show in the counts.
        let _ = within(LONGEST_PLACEMENT, placing).await;
    }

    /// No webhook has told the gate, so it is told.
    async fn insist(&self, gate: &Gate) {
        if let Ok(standing) = gate.standing().await {
            for (call_id, _) in standing.live.iter().filter(|(_, business)| self.tenants.own(business)) {
                let _ = gate.hang_up(call_id).await;
            }
        }
        let _ = gate.sweep().await;
    }
}
