//! What every session of a node works with.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Addr, Message, Recipient};

use super::capacity::CapacityActor;
use super::journal::JournalActor;
use crate::domain::call::StallLimits;
use crate::provider::{HangUpWay, VoiceProvider};
use crate::store::EventStore;
use crate::telemetry::Metrics;

/// What a session knows that others may be waiting for.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub enum Nudge {
    /// A placement is decided: webhooks that waited for that may go on.
    PlacementDecided,
    /// Only the provider can tell what became of a placement, or which conversation an inbound call is.
    InDoubt,
    /// A call was refused for want of a slot: others may be over whose webhook is still to come.
    Full,
}

/// The rest of the node, as a session sees it.
pub struct Services {
    /// Where streams are read.
    pub events: Arc<dyn EventStore>,
    /// Where events are written.
    pub journal: Addr<JournalActor>,
    /// Where slots are given back.
    pub capacity: Addr<CapacityActor>,
    /// Who carries the calls.
    pub provider: Arc<dyn VoiceProvider>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The task that committed an admission dials only within this.
    pub dial_within: Duration,
    /// A session that has nothing to do leaves after so long without a message.
    pub idle_after: Duration,
    /// For so long after the wall clock has jumped it says nothing of how long a call has lasted.
    pub clock_grace: Duration,
    /// The allowed ways to hang up, in order.
    pub hang_up_ways: Vec<HangUpWay>,
    /// When a hang-up that is not confirmed is reported.
    pub stall_limits: StallLimits,
    /// Whom to tell what others may be waiting for.
    pub supervisor: OnceLock<Recipient<Nudge>>,
    /// Placements that are under way.
    pub dialling: Arc<AtomicUsize>,
}

impl Services {
    /// Counts a placement for as long as the value lives.
    pub(super) fn count_dial(&self) -> Dial {
        self.dialling.fetch_add(1, Ordering::SeqCst);
        Dial(Arc::clone(&self.dialling))
    }

    /// Placements that are under way.
    pub fn dials(&self) -> usize {
        self.dialling.load(Ordering::SeqCst)
    }

    /// Tells the supervisor.
    pub(super) fn nudge(&self, nudge: Nudge) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.do_send(nudge);
        }
    }
}

/// One placement that is under way.
pub(super) struct Dial(Arc<AtomicUsize>);

impl Drop for Dial {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
