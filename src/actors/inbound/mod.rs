//! Inbound calls and webhooks: which call is meant, and what becomes of a call that nobody knows yet.

mod newcomer;
mod ringing;

use std::sync::Arc;

use actix::Addr;
use chrono::{DateTime, Utc};

use super::capacity::CapacityActor;
use super::directory::Directory;
use super::journal::{Commit, JournalActor, JournalError};
use super::keyed::Keyed;
use super::session::{Hear, SessionError};
use crate::domain::call::{Direction, Reference, Source, Status};
use crate::domain::ids::{AgentId, CallId};
use crate::domain::notice::{News, Notice, Route};
use crate::domain::phone::MaskedNumber;
use crate::domain::plan::Plans;
pub use crate::domain::reception::{Found, InboundPolicy, OnFull, Unmanaged};
use crate::sources;
use crate::store::{Conflict, Delivery, DeliveryState, DirectoryCache, ParkedNotice, Store, StoreError, Trace, Write};
use crate::telemetry::Metrics;

use newcomer::{Arrival, Newcomer};
use ringing::Rings;
pub use ringing::{Reply, Ring, Rung};

/// Decisions that are made again because a call became known meanwhile.
const ATTEMPTS: u32 = 4;

/// A webhook that was believed and read.
#[derive(Clone, Debug)]
pub struct Received {
    /// SHA-256 of the raw body, in hex.
    pub body_hash: String,
    /// The provider's word for it.
    pub event_type: String,
    /// What it says.
    pub notice: Notice,
    /// To which request it belongs.
    pub trace: Trace,
}

/// What a webhook came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The contract's word.
    pub word: &'static str,
    /// The call it was about.
    pub call_id: Option<CallId>,
}

/// The event store is away: the provider is to deliver again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the event store is not available: {0}")]
pub struct IntakeError(pub String);

impl From<StoreError> for IntakeError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// Takes in what the provider says. Clones share everything.
#[derive(Clone)]
pub struct Intake {
    /// Where calls are looked up.
    pub store: Store,
    /// Whose agents they are.
    pub cache: DirectoryCache,
    /// The active sessions.
    pub directory: Directory,
    /// Who gives slots.
    pub capacity: Addr<CapacityActor>,
    /// Who stores what changes no call.
    pub journal: Addr<JournalActor>,
    /// The plans on offer.
    pub plans: Arc<Plans>,
    /// What becomes of calls without a slot.
    pub policy: InboundPolicy,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    one_at_a_time: Arc<Keyed<Reference>>,
    rings: Rings,
}

impl Intake {
    /// An intake with nothing under way.
    #[expect(clippy::too_many_arguments, reason = "wiring, in one place; each argument is a room of its own")]
    pub fn new(
        store: Store,
        cache: DirectoryCache,
        directory: Directory,
        capacity: Addr<CapacityActor>,
        journal: Addr<JournalActor>,
        plans: Arc<Plans>,
        policy: InboundPolicy,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (one_at_a_time, rings) = (Arc::default(), Rings::default());
        Self { store, cache, directory, capacity, journal, plans, policy, metrics, one_at_a_time, rings }
    }

    /// Gives a webhook its effect, once. It is answered only after what it says is stored.
    pub async fn receive(&self, received: Received) -> Result<Outcome, IntakeError> {
        self.take_in(received, Found::ByWebhook).await
    }

    async fn take_in(&self, received: Received, found: Found) -> Result<Outcome, IntakeError> {
        // Simultaneous deliveries about one call would each take a slot for a moment.
        let _turn = match received.notice.name() {
            Some(name) => Some(self.one_at_a_time.lock(name.clone()).await),
            None => None,
        };
        if self.store.was_delivered(&received.body_hash).await? {
            let call_id = self.known(&received.notice).await?;
            return Ok(Outcome { word: "duplicate", call_id });
        }
        let delivery = Delivery {
            body_hash: received.body_hash,
            event_type: received.event_type,
            notice: received.notice.clone(),
            state: DeliveryState::Settled,
            outcome: "ignored",
            call_id: None,
            received_at: sources::now(),
        };
        for _ in 0..ATTEMPTS {
            let notice = &received.notice;
            if let Some(call_id) = self.known(notice).await? {
                return self.tell(call_id, notice, Some(delivery), Vec::new(), received.trace).await;
            }
            let arrival = match self.route(notice).await? {
                Route::KeepForItsStart => self.park(&delivery, DeliveryState::Early).await?,
                Route::File => self.file(&delivery, "ignored").await?,
                Route::Park => self.park(&delivery, DeliveryState::Parked).await?,
                Route::Welcome => {
                    let newcomer = Newcomer {
                        notice,
                        source: Source::named("webhook"),
                        delivery: Some(delivery.clone()),
                        settles: Vec::new(),
                        trace: received.trace.clone(),
                        found,
                    };
                    self.welcome(newcomer).await?
                }
            };
            if let Arrival::Settled(outcome) = arrival {
                return Ok(outcome);
            }
        }
        Err(IntakeError(format!("lost {ATTEMPTS} times to others")))
    }

    /// Admits an inbound call before it talks: it has a carrier's name, and no conversation yet.
    pub async fn initiate(&self, received: Received) -> Result<(Outcome, bool), IntakeError> {
        let outcome = self.receive(received).await?;
        let status = match outcome.call_id {
            Some(call_id) => self.store.session(call_id).await?.map(|session| session.record.status),
            None => None,
        };
        Ok((
            outcome,
            status.is_some_and(|status| matches!(status, Status::Active | Status::Placing | Status::Uncertain)),
        ))
    }

    /// Takes in a conversation that is live at the provider and that nobody knows.
    pub(super) async fn adopt(&self, notice: &Notice) -> Result<Outcome, IntakeError> {
        let parked = self.store.parked_for(&notice.references).await?;
        let newcomer = Newcomer {
            notice,
            source: Source::named("sweep"),
            delivery: None,
            settles: parked
                .iter()
                .filter(|parked| parked.notice.news == News::Started)
                .map(|parked| parked.id)
                .collect(),
            trace: Trace::caused_by("sweep"),
            found: Found::BySweep,
        };
        match self.welcome(newcomer).await? {
            Arrival::Settled(outcome) => Ok(outcome),
            Arrival::KnownAs(call_id) => Ok(Outcome { word: "bound", call_id: Some(call_id) }),
            Arrival::Outdated => Err(IntakeError("the ledger is being rebuilt".to_owned())),
        }
    }

    /// Looks again at the webhooks that wait for their call.
    pub(super) async fn revisit_parked(&self) -> Result<(), IntakeError> {
        let mut failed = None;
        for parked in self.store.parked().await? {
            if let Err(error) = self.revisit(parked).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn revisit(&self, ParkedNotice { id, notice, .. }: ParkedNotice) -> Result<(), IntakeError> {
        let _turn = match notice.name() {
            Some(name) => Some(self.one_at_a_time.lock(name.clone()).await),
            None => None,
        };
        let trace = Trace::caused_by("parked_webhook");
        if let Some(call_id) = self.known(&notice).await? {
            self.tell(call_id, &notice, None, vec![id], trace).await?;
            return Ok(());
        }
        if notice.news != News::Started || self.may_be_ours(&notice).await? {
            return Ok(());
        }
        if self.has_ended(&notice).await? {
            let settled = self.journal.send(Commit(Write::Settle { id, outcome: "ignored" })).await;
            return match settled {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(IntakeError(error.to_string())),
                Err(error) => Err(IntakeError(error.to_string())),
            };
        }
        let newcomer = Newcomer {
            notice: &notice,
            source: Source::named("webhook"),
            delivery: None,
            settles: vec![id],
            trace,
            found: Found::ByWebhook,
        };
        self.welcome(newcomer).await?;
        Ok(())
    }

    /// The call that a notice is about, by the echo of our id or by one of its names.
    async fn known(&self, notice: &Notice) -> Result<Option<CallId>, IntakeError> {
        if let Some(call_id) = notice.call_id
            && self.store.session(call_id).await?.is_some_and(|session| session.record.profile.is_some())
        {
            return Ok(Some(call_id));
        }
        Ok(self.store.call_of(&notice.references).await?)
    }

    /// Whether an end of this call came before its start.
    async fn has_ended(&self, notice: &Notice) -> Result<bool, IntakeError> {
        let parked = self.store.parked_for(&notice.references).await?;
        Ok(parked.iter().any(|parked| matches!(parked.notice.news, News::Ended { .. })))
    }

    /// Whether an unknown start may be that of a call which is just being placed for the same agent.
    pub(super) async fn may_be_ours(&self, notice: &Notice) -> Result<bool, IntakeError> {
        if notice.direction == Some(Direction::Inbound) {
            return Ok(false);
        }
        let unbound = self.store.unbound_sessions().await?;
        Ok(unbound.iter().any(|session| notice.may_be(&session.record)))
    }

    /// Where a message goes whose call nobody knows.
    async fn route(&self, notice: &Notice) -> Result<Route, IntakeError> {
        let started = notice.news == News::Started;
        let has_ended = started && self.has_ended(notice).await?;
        let may_be_ours = started && !has_ended && self.may_be_ours(notice).await?;
        Ok(notice.route(has_ended, may_be_ours))
    }

    async fn tell(
        &self,
        call_id: CallId,
        notice: &Notice,
        delivery: Option<Delivery>,
        settles: Vec<i64>,
        trace: Trace,
    ) -> Result<Outcome, IntakeError> {
        let word = |word| Ok(Outcome { word, call_id: Some(call_id) });
        let hear = Hear { notice: notice.clone(), delivery, settles, trace };
        match self.directory.ask(call_id, hear).await.unwrap_or_else(Err) {
            Ok(outcome) => word(outcome),
            Err(SessionError::Conflict(Conflict::DuplicateDelivery)) => word("duplicate"),
            Err(error) => Err(IntakeError(error.to_string())),
        }
    }

    async fn park(&self, delivery: &Delivery, state: DeliveryState) -> Result<Arrival, IntakeError> {
        let parked = Delivery { state, outcome: "parked", ..delivery.clone() };
        self.file_as(parked, "parked").await
    }

    async fn file(&self, delivery: &Delivery, word: &'static str) -> Result<Arrival, IntakeError> {
        self.file_as(Delivery { outcome: word, ..delivery.clone() }, word).await
    }

    async fn file_as(&self, delivery: Delivery, word: &'static str) -> Result<Arrival, IntakeError> {
        let settled = |word| Ok(Arrival::Settled(Outcome { word, call_id: None }));
        match self.journal.send(Commit(Write::File(delivery))).await {
            Ok(Ok(_)) => settled(word),
            Ok(Err(JournalError::Conflict(Conflict::ReferenceTaken(owner)))) => Ok(Arrival::KnownAs(owner)),
            Ok(Err(JournalError::Conflict(Conflict::DuplicateDelivery))) => settled("duplicate"),
            Ok(Err(error)) => Err(IntakeError(error.to_string())),
            Err(error) => Err(IntakeError(error.to_string())),
        }
    }
}

/// What the initiation webhook says, as a notice.
pub fn initiation_notice(
    agent_id: AgentId,
    call_sid: &str,
    caller: Option<&str>,
    occurred_at: DateTime<Utc>,
) -> Notice {
    Notice {
        news: News::Started,
        call_id: None,
        references: std::iter::once(Reference::carrier_call(call_sid)).collect(),
        agent_id: Some(agent_id),
        direction: Some(Direction::Inbound),
        counterpart: caller.map(MaskedNumber::of),
        occurred_at: Some(occurred_at),
    }
}
