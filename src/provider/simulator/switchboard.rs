//! The simulated provider's whole state: every call, every count, the behaviour. No I/O, no clock.
//! The counts are the judge of the gate: they move in `begin` and `end`, and nowhere else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::call::{CallSetup, EndReason, Ending, SimulatedCall};
use super::exchange::Exchange;
use super::refusal::ControlRefusal;
use crate::provider::elevenlabs::wire::{CallDirection, ConversationStatus};

/// Where the provider sends what it has to say: addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets {
    pub(super) webhook: Option<String>,
    pub(super) initiation: Option<String>,
    /// Whom the carrier asks what to do with a call.
    pub(super) voice: Option<String>,
    /// Whom the carrier tells that a call is over.
    pub(super) status: Option<String>,
}

/// What was counted since the start or the last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) live: u32,
    pub(super) live_outbound: u32,
    pub(super) max_live: u32,
    pub(super) max_live_outbound: u32,
    pub(super) started: u64,
    pub(super) dialled: u64,
    pub(super) rejected_429: u64,
    pub(super) webhooks_sent: u64,
    pub(super) webhooks_failed: u64,
}

/// Placing one more call would exceed the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtCapacity;

/// Which life of the switchboard something belongs to; every reset begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

/// The shared switchboard: a panic elsewhere leaves it usable, because its methods change it as a whole.
pub(super) fn lock(board: &Mutex<Switchboard>) -> MutexGuard<'_, Switchboard> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct Switchboard {
    pub(super) behaviour: Behaviour,
    pub(super) targets: Targets,
    pub(super) exchange: Exchange,
    initial_cap: u32,
    epoch: Epoch,
    counts: Counts,
    /// In the order of their beginning; none is ever taken out, so that an index is a cursor.
    calls: Vec<SimulatedCall>,
    index: HashMap<String, usize>,
}

impl Switchboard {
    pub(super) fn new(cap: u32, targets: Targets) -> Self {
        Self {
            behaviour: Behaviour::faultless(cap),
            targets,
            exchange: Exchange::default(),
            initial_cap: cap,
            epoch: Epoch(0),
            counts: Counts::default(),
            calls: Vec::new(),
            index: HashMap::new(),
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Every call, in the order of their beginning.
    pub(super) fn calls(&self) -> &[SimulatedCall] {
        &self.calls
    }

    /// A call, even if the API shows it no more.
    pub(super) fn call(&self, conversation_id: &str) -> Option<&SimulatedCall> {
        self.index.get(conversation_id).map(|&position| &self.calls[position])
    }

    /// Dials: from here on the call is live.
    pub(super) fn dial(&mut self, setup: CallSetup, now: DateTime<Utc>) -> Result<(), AtCapacity> {
        if self.counts.live >= self.behaviour.cap {
            self.count_rejection();
            return Err(AtCapacity);
        }
        self.begin(setup, CallDirection::Outbound, now);
        Ok(())
    }

    /// Somebody calls: accepted beyond the cap, as far as the behaviour says.
    pub(super) fn ring_in(&mut self, setup: CallSetup, now: DateTime<Utc>) -> Result<(), AtCapacity> {
        if self.counts.live >= self.behaviour.cap.saturating_add(self.behaviour.inbound_overflow) {
            return Err(AtCapacity);
        }
        self.begin(setup, CallDirection::Inbound, now);
        Ok(())
    }

    /// One of very many that are talking already, whatever the cap.
    pub(super) fn gather(&mut self, setup: CallSetup, began: DateTime<Utc>) {
        let id = setup.conversation_id.clone();
        self.begin(setup, CallDirection::Outbound, began);
        self.connect(&id);
    }

    /// The parties begin to talk; `false` if they did before, or if the call is unknown or over.
    pub(super) fn connect(&mut self, conversation_id: &str) -> bool {
        match self.call_mut(conversation_id) {
            Some(call) if call.is_live() && call.status == ConversationStatus::Initiated => {
                call.status = ConversationStatus::InProgress;
                true
            }
            _ => false,
        }
    }

    /// The call is over, once.
    pub(super) fn hang_up(
        &mut self,
        conversation_id: &str,
        reason: EndReason,
        now: DateTime<Utc>,
    ) -> Result<(), ControlRefusal> {
        let call = self.call_mut(conversation_id).ok_or(ControlRefusal::UnknownConversation)?;
        if !call.is_live() {
            return Err(ControlRefusal::AlreadyOver);
        }
        call.ending = Some(Ending { at: now, reason });
        call.status = if reason.is_failure() { ConversationStatus::Failed } else { ConversationStatus::Processing };
        let direction = call.direction;
        self.end(direction);
        Ok(())
    }

    /// The analysis of a call that is over has been made.
    pub(super) fn finish_analysis(&mut self, conversation_id: &str) {
        if let Some(call) = self.call_mut(conversation_id)
            && call.status == ConversationStatus::Processing
        {
            call.status = ConversationStatus::Done;
        }
    }

    /// The API shows the conversation no more; `false` if it did not before.
    pub(super) fn delete(&mut self, conversation_id: &str) -> bool {
        match self.call_mut(conversation_id) {
            Some(call) if !call.deleted => {
                call.deleted = true;
                true
            }
            _ => false,
        }
    }

    /// Adds variables to a conversation, such as those of the initiation webhook.
    pub(super) fn add_variables(&mut self, conversation_id: &str, variables: serde_json::Map<String, Value>) {
        if let Some(call) = self.call_mut(conversation_id) {
            call.setup.client_data.dynamic_variables.extend(variables);
        }
    }

    /// One more placement answered with 429.
    pub(super) fn count_rejection(&mut self) {
        self.counts.rejected_429 += 1;
    }

    /// One more webhook delivered, or given up; of an earlier epoch, it does not count.
    pub(super) fn count_webhook(&mut self, epoch: Epoch, delivered: bool) {
        if epoch != self.epoch {
            return;
        }
        if delivered {
            self.counts.webhooks_sent += 1;
        } else {
            self.counts.webhooks_failed += 1;
        }
    }

    /// No calls, no counts, no faults; the targets stay.
    pub(super) fn reset(&mut self) {
        let next = Epoch(self.epoch.0 + 1);
        *self = Self { epoch: next, ..Self::new(self.initial_cap, self.targets.clone()) };
    }

    /// `GET /sim/state`.
    pub(super) fn report(&self) -> Value {
        let Counts {
            live,
            max_live,
            max_live_outbound,
            started,
            dialled,
            rejected_429,
            webhooks_sent,
            webhooks_failed,
            ..
        } = self.counts;
        json!({
            "cap": self.behaviour.cap,
            "live": live,
            "maxLive": max_live,
            "maxLiveOutbound": max_live_outbound,
            "started": started,
            "dialled": dialled,
            "rejected429": rejected_429,
            "webhooksSent": webhooks_sent,
            "webhooksFailed": webhooks_failed,
            "calls": self.calls.iter().map(SimulatedCall::record).collect::<Vec<_>>(),
            "carrier": self.exchange.report(),
        })
    }

    fn begin(&mut self, setup: CallSetup, direction: CallDirection, now: DateTime<Utc>) {
        let counts = &mut self.counts;
        counts.started += 1;
        counts.live += 1;
        counts.max_live = counts.max_live.max(counts.live);
        if direction == CallDirection::Outbound {
            counts.dialled += 1;
            counts.live_outbound += 1;
            counts.max_live_outbound = counts.max_live_outbound.max(counts.live_outbound);
        }
        self.index.insert(setup.conversation_id.clone(), self.calls.len());
        self.calls.push(SimulatedCall {
            setup,
            direction,
            status: ConversationStatus::Initiated,
            started_at: now,
            ending: None,
            deleted: false,
        });
    }

    fn end(&mut self, direction: CallDirection) {
        self.counts.live -= 1;
        if direction == CallDirection::Outbound {
            self.counts.live_outbound -= 1;
        }
    }

    fn call_mut(&mut self, conversation_id: &str) -> Option<&mut SimulatedCall> {
        self.index.get(conversation_id).map(|&position| &mut self.calls[position])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::provider::elevenlabs::wire::ClientData;
    use crate::provider::simulator::call::Trunk;

    pub(crate) fn setup(conversation_id: &str) -> CallSetup {
        CallSetup {
            conversation_id: conversation_id.to_owned(),
            call_sid: format!("CA_{conversation_id}"),
            trunk: Trunk::Twilio,
            agent_id: "agent_1".to_owned(),
            phone_number_id: None,
            agent_number: "+15005550006".to_owned(),
            external_number: "+15005550001".to_owned(),
            client_data: ClientData::default(),
        }
    }

    pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn switchboard(cap: u32) -> Switchboard {
        Switchboard::new(cap, Targets::default())
    }

    #[test]
    fn the_call_beyond_the_cap_is_rejected_and_counted() {
        let mut board = switchboard(2);
        assert_eq!(board.dial(setup("a"), at(0)), Ok(()));
        assert_eq!(board.dial(setup("b"), at(0)), Ok(()));
        assert_eq!(board.dial(setup("c"), at(0)), Err(AtCapacity));
        let expected = Counts {
            live: 2,
            live_outbound: 2,
            max_live: 2,
            max_live_outbound: 2,
            started: 2,
            dialled: 2,
            rejected_429: 1,
            ..Counts::default()
        };
        assert_eq!(board.counts(), expected);
        assert!(board.call("c").is_none());
    }

    #[test]
    fn a_cap_of_zero_rejects_every_call() {
        let mut board = switchboard(0);
        assert_eq!(board.dial(setup("a"), at(0)), Err(AtCapacity));
        assert_eq!(board.counts().max_live, 0);
    }

    #[test]
    fn a_call_ends_once() {
        let mut board = switchboard(1);
        board.dial(setup("a"), at(0)).unwrap();
        assert_eq!(board.hang_up("a", EndReason::Completed, at(9)), Ok(()));
        assert_eq!(board.hang_up("a", EndReason::Monitor, at(10)), Err(ControlRefusal::AlreadyOver));
        assert_eq!(board.hang_up("b", EndReason::Completed, at(10)), Err(ControlRefusal::UnknownConversation));
        assert_eq!(board.counts().live, 0);
        assert_eq!(board.counts().max_live, 1);
        let call = board.call("a").unwrap();
        assert_eq!(call.ending, Some(Ending { at: at(9), reason: EndReason::Completed }));
        assert_eq!(call.duration_secs(at(60)), 9);
    }

    #[test]
    fn a_completed_call_is_processed_and_then_done() {
        let mut board = switchboard(1);
        board.dial(setup("a"), at(0)).unwrap();
        assert!(board.connect("a"));
        assert!(!board.connect("a"), "a talk begins once");
        board.finish_analysis("a");
        assert_eq!(board.call("a").unwrap().status, ConversationStatus::InProgress);
        board.hang_up("a", EndReason::Completed, at(1)).unwrap();
        assert_eq!(board.call("a").unwrap().status, ConversationStatus::Processing);
        board.finish_analysis("a");
        assert_eq!(board.call("a").unwrap().status, ConversationStatus::Done);
        assert!(!board.connect("a"), "what is over does not begin again");
    }

    #[test]
    fn a_call_that_nobody_answers_has_failed() {
        let mut board = switchboard(1);
        board.dial(setup("a"), at(0)).unwrap();
        board.hang_up("a", EndReason::NoAnswer, at(1)).unwrap();
        board.finish_analysis("a");
        assert_eq!(board.call("a").unwrap().status, ConversationStatus::Failed);
    }

    #[test]
    fn inbound_calls_count_as_live_beyond_the_cap_up_to_the_overflow() {
        let mut board = switchboard(1);
        board.behaviour.inbound_overflow = 1;
        board.ring_in(setup("a"), at(0)).unwrap();
        assert_eq!(board.dial(setup("b"), at(0)), Err(AtCapacity), "an inbound call uses a line of the plan");
        board.ring_in(setup("c"), at(0)).unwrap();
        assert_eq!(board.ring_in(setup("d"), at(0)), Err(AtCapacity));
        let counts = board.counts();
        assert_eq!(
            (counts.live, counts.max_live, counts.max_live_outbound, counts.dialled, counts.started),
            (2, 2, 0, 0, 2)
        );
    }

    #[test]
    fn a_deleted_call_stays_on_record() {
        let mut board = switchboard(1);
        board.dial(setup("a"), at(0)).unwrap();
        assert!(board.delete("a"));
        assert!(!board.delete("a"));
        assert_eq!(board.report()["calls"][0]["deleted"], true);
    }

    #[test]
    fn a_reset_forgets_everything_but_the_targets_and_the_first_cap() {
        let mut board =
            Switchboard::new(3, Targets { webhook: Some("http://127.0.0.1/".to_owned()), ..Targets::default() });
        board.dial(setup("a"), at(0)).unwrap();
        board.behaviour.cap = 1;
        let epoch = board.epoch();
        board.reset();
        board.count_webhook(epoch, true);
        assert_eq!(board.counts(), Counts::default());
        assert_eq!(board.behaviour, Behaviour::faultless(3));
        assert!(board.call("a").is_none());
        assert!(board.targets.webhook.is_some());
    }

    proptest::proptest! {
        #[test]
        fn the_counts_agree_with_the_calls_whatever_happens(steps in proptest::collection::vec((0_u8..4, 0_usize..12), 0..80), cap in 0_u32..4) {
            let mut board = switchboard(cap);
            for (step, target) in steps {
                let fresh = format!("call_{}", board.calls().len());
                let known = format!("call_{target}");
                match step {
                    0 => { let _ = board.dial(setup(&fresh), at(0)); }
                    1 => { let _ = board.ring_in(setup(&fresh), at(0)); }
                    2 => { let _ = board.hang_up(&known, EndReason::Completed, at(1)); }
                    _ => { board.delete(&known); }
                }
                let live = |outbound: bool| board.calls().iter().filter(|call| call.is_live() && (!outbound || call.direction == CallDirection::Outbound)).count();
                proptest::prop_assert_eq!(board.counts().live as usize, live(false));
                proptest::prop_assert_eq!(board.counts().live_outbound as usize, live(true));
                proptest::prop_assert!(board.counts().max_live_outbound <= cap);
            }
        }
    }
}
