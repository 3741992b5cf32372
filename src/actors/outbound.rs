//! An outbound call's way through the gate: one path for every door.
//!
//! validate, lease, commit, dial, commit, answer. A refusal spawns no actor and waits for no disk.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::capacity::{Acquire, AcquireError, Acquired, Fenced};
use super::gate::{Gate, GateError, InFlight, Refused};
use super::journal::Publish;
use super::lease::Lease;
use super::services::Nudge;
use super::session::{Admit, AdmitError, Admitted, PlacementAnswer};
use super::twins::Patience;
use crate::domain::admission::Request;
use crate::domain::business::Business;
use crate::domain::call::{Command, Direction, EndReason, Profile, Record, Source, Status};
use crate::domain::ids::{AgentId, BusinessId, CallId, PhoneNumberId, PoolId};
use crate::domain::phone::E164;
use crate::ledger::Standing;
use crate::provider::{NotDialled, Placement};
use crate::sources;
use crate::store::{Bulletin, Session, Trace};

/// Calls asked for under one Idempotency-Key at most; each of them certainly dialled nothing.
const MOST_ATTEMPTS: u32 = 10_000;
/// Attempts that are looked up in one query.
const LOOK_UP: u32 = 16;

/// Somebody asks for an outbound call.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// For whom.
    pub business_id: BusinessId,
    /// Who is to talk.
    pub agent_id: AgentId,
    /// From which number.
    pub phone_number_id: PhoneNumberId,
    /// To which number, as it was written.
    pub to_number: String,
    /// The platform's name for whoever asks.
    pub user_id: Option<String>,
    /// Variables of the conversation.
    pub client_data: Map<String, Value>,
    /// When to hang up, in seconds.
    pub max_duration_seconds: Option<u32>,
    /// Seconds to let it ring.
    pub ringing_timeout_seconds: Option<u32>,
    /// Through which door it came.
    pub source: Source,
    /// The Idempotency-Key with the hash of the request's body.
    pub idempotency: Option<IdempotencyKey>,
    /// Whether to answer right after the admission.
    pub respond_async: bool,
    /// To which request it belongs.
    pub trace: Trace,
}

/// An Idempotency-Key and what was asked under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key.
    pub key: String,
    /// SHA-256 of the request's body, in hex.
    pub body_hash: String,
}

/// A call that was asked for, as it is now.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The call.
    pub call_id: CallId,
    /// What it is.
    pub record: Record,
    /// The counts after it was admitted, or as they are now.
    pub standing: Standing,
    /// Whether an earlier request of the same key began it.
    pub replayed: bool,
}

/// What was checked before anything was taken.
struct Checked {
    business: Arc<Business>,
    to_number: E164,
    /// The smaller of what was asked for and what the plan allows.
    max_duration_seconds: Option<u32>,
}

impl Gate {
    /// Places a call. The work goes on where the caller leaves, and counts as in flight until it is done.
    pub async fn place_call(&self, request: CallRequest, entered: InFlight) -> Result<Placed, GateError> {
        let gate = self.clone();
        let work = actix::spawn(async move {
            let _entered = entered;
            gate.place(request).await
        });
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "placing a call crashed");
            Err(GateError::OutcomeUnknown { call_id: None, detail: "the request crashed".to_owned() })
        })
    }

    async fn place(&self, request: CallRequest) -> Result<Placed, GateError> {
        let mut patience = Patience::new();
        loop {
            if let Some(placed) = self.place_unless_twin(&request).await? {
                return Ok(placed);
            }
            if !patience.wait().await {
                return Err(GateError::Overloaded);
            }
        }
    }

    /// None where the same key is being admitted at another replica: what that makes of it is the answer here too.
    async fn place_unless_twin(&self, request: &CallRequest) -> Result<Option<Placed>, GateError> {
        // What was made under a key stays made, whatever has become of the business since.
        let (call_id, turn) = match &request.idempotency {
            None => (sources::new_call_id(), None),
            Some(key) => match self.attempt(&request.business_id, key).await? {
                Attempt::Next(call_id, turn) => (call_id, Some(turn)),
                Attempt::Made(session) => return self.replay(session).await.map(Some),
            },
        };
        let checked = self.check(request).await?;
        let Some((admitted, standing)) = self.admit(call_id, request, &checked).await? else { return Ok(None) };
        drop(turn);
        self.metrics().record_admission(checked.business.plan.as_str(), Direction::Outbound.as_str());
        let placed = |record| Placed { call_id, record, standing, replayed: false };
        if request.respond_async {
            return Ok(Some(placed(admitted.record)));
        }
        let answer = self.answer(call_id, admitted.placement).await?;
        Ok(Some(placed(answer)))
    }

    async fn check(&self, request: &CallRequest) -> Result<Checked, GateError> {
        let refuse = |refusal| Err(GateError::Refused(refusal));
        let business = self.cache().business(&request.business_id).await?;
        let country = business.as_ref().and_then(|business| business.country.clone());
        let Ok(to_number) = E164::parse(&request.to_number, country.as_deref()) else {
            return refuse(Refused::InvalidNumber);
        };
        let Some(business) = business else { return refuse(Refused::UnknownBusiness) };
        if !business.subscription.permits_calls() {
            return refuse(Refused::SubscriptionInactive(business.subscription));
        }
        if business.limit(self.plans(), u32::MAX) == 0 {
            return refuse(Refused::CallsDisabled);
        }
        if self.cache().agent(&request.agent_id).await?.is_some_and(|agent| agent.business_id != business.id) {
            return refuse(Refused::OthersAgent);
        }
        let number = self.cache().phone_number(&request.phone_number_id).await?;
        if number.is_some_and(|number| number.business_id != business.id) {
            return refuse(Refused::OthersNumber);
        }
        if self.cache().is_do_not_call(&business.id, &to_number).await? {
            return refuse(Refused::DoNotCall);
        }
        let max_duration_seconds = self.plans().longest_call(&business.plan, request.max_duration_seconds);
        Ok(Checked { business, to_number, max_duration_seconds })
    }

    /// Which call a key stands for: the first whose stream is absent, or that was made and may not be made again.
    async fn attempt(&self, business: &BusinessId, key: &IdempotencyKey) -> Result<Attempt, GateError> {
        let turn = self.turns().lock((business.clone(), key.key.clone())).await;
        let mut first = 1;
        while first <= MOST_ATTEMPTS {
            let ids: Vec<CallId> =
                (first..first + LOOK_UP).map(|attempt| CallId::of_attempt(business, &key.key, attempt)).collect();
            let sessions = self.store().sessions_of(&ids).await?;
            for call_id in ids {
                let Some(session) = sessions.iter().find(|session| session.call_id == call_id) else {
                    return Ok(Attempt::Next(call_id, turn));
                };
                let asked = session.record.profile.as_ref().and_then(|profile| profile.request_hash.as_ref());
                if asked.is_some_and(|asked| *asked != key.body_hash) {
                    return Err(GateError::Refused(Refused::IdempotencyKeyReused));
                }
                if !session.record.end_reason.is_some_and(EndReason::frees_idempotency_key)
                    || session.record.status.is_live()
                {
                    return Ok(Attempt::Made(Box::new(session.clone())));
                }
            }
            first += LOOK_UP;
        }
        Err(GateError::Overloaded)
    }

    async fn replay(&self, session: Box<Session>) -> Result<Placed, GateError> {
        let Session { call_id, record, .. } = *session;
        match (record.status, record.end_reason) {
            (Status::Uncertain, _) => Err(GateError::OutcomeUnknown {
                call_id: Some(call_id),
                detail: "it is still unknown whether the provider dialled".to_owned(),
            }),
            (Status::Failed, Some(EndReason::ProviderRefused)) => {
                Err(GateError::ProviderRefused { call_id, detail: record.detail.unwrap_or_default() })
            }
            _ => {
                let standing = self.standing_of(&record).await;
                Ok(Placed { call_id, record, standing, replayed: true })
            }
        }
        .map_err(GateError::replayed)
    }

    async fn admit(
        &self,
        call_id: CallId,
        request: &CallRequest,
        checked: &Checked,
    ) -> Result<Option<(Admitted, Standing)>, GateError> {
        // A ledger that was rebuilt between lease and commit is asked once more.
        for last in [false, true] {
            let Some(lease) = self.lease(call_id, &checked.business).await? else { return Ok(None) };
            let (standing, epoch) = (lease.standing(), lease.epoch());
            let session = self.directory().begin(call_id);
            let sent = session.send(admission(call_id, request, checked, lease)).await;
            return match sent.unwrap_or_else(|error| Err(AdmitError::Unavailable(error.to_string()))) {
                Ok(admitted) => Ok(Some((admitted, standing))),
                Err(AdmitError::StaleEpoch) => {
                    self.capacity().do_send(Fenced(epoch));
                    if last { Err(GateError::Recovering) } else { continue }
                }
                Err(AdmitError::Exists) => Ok(None),
                Err(AdmitError::Conflict(conflict)) => Err(GateError::EventStore(conflict.to_string())),
                Err(AdmitError::Unavailable(reason)) => Err(GateError::EventStore(reason)),
            };
        }
        Err(GateError::Recovering)
    }

    /// None where another admission of the same id is under way.
    async fn lease(&self, call_id: CallId, business: &Business) -> Result<Option<Lease>, GateError> {
        let request = Request {
            call_id,
            business_id: business.id.clone(),
            plan: business.plan.clone(),
            business_limit: business.limit(self.plans(), u32::MAX),
        };
        let error = match self.capacity().send(Acquire(request)).await {
            Ok(Ok(Acquired::Granted(lease))) => return Ok(Some(lease)),
            Ok(Ok(Acquired::Held)) => return Ok(None),
            Ok(Err(AcquireError::Rejected(why, standing))) => GateError::NoSlot(why, standing),
            Ok(Err(AcquireError::Recovering)) | Err(_) => GateError::Recovering,
            Ok(Err(AcquireError::Unavailable)) => GateError::LedgerAway,
        };
        if matches!(error, GateError::NoSlot(why, _) if why.is_for_want_of_a_slot()) {
            self.supervisor().do_send(Nudge::Full);
        }
        let reason = error.code();
        self.metrics().record_rejection(reason, business.plan.as_str());
        self.journal().do_send(Publish(Bulletin::AdmissionRejected {
            business_id: business.id.clone(),
            plan: business.plan.clone(),
            direction: Direction::Outbound,
            reason: reason.to_owned(),
        }));
        Err(error)
    }

    async fn answer(
        &self,
        call_id: CallId,
        placement: oneshot::Receiver<PlacementAnswer>,
    ) -> Result<Record, GateError> {
        let unknown = |detail| GateError::OutcomeUnknown { call_id: Some(call_id), detail };
        match placement.await {
            Ok(PlacementAnswer::Placed(record)) => Ok(*record),
            Ok(PlacementAnswer::RateLimited { retry_after, detail }) => {
                Err(GateError::ProviderFull { call_id, retry_after, detail })
            }
            Ok(PlacementAnswer::Refused { detail }) => Err(GateError::ProviderRefused { call_id, detail }),
            Ok(PlacementAnswer::NotDialled(NotDialled::Unreachable(detail))) => {
                Err(GateError::ProviderRefused { call_id, detail })
            }
            Ok(PlacementAnswer::NotDialled(NotDialled::Cancelled)) => self
                .store()
                .session(call_id)
                .await?
                .map(|session| session.record)
                .ok_or_else(|| unknown("the call was cancelled".to_owned())),
            Ok(PlacementAnswer::NotDialled(NotDialled::Expired)) => Err(GateError::NotDialled { call_id }),
            Ok(PlacementAnswer::Uncertain { detail }) => Err(unknown(detail)),
            Err(_) => Err(unknown("the session crashed".to_owned())),
        }
    }
}

/// The first message of a call: its admission, and what to dial once that is stored.
fn admission(call_id: CallId, request: &CallRequest, checked: &Checked, lease: Lease) -> Admit {
    let profile = Profile {
        pool: PoolId::default_pool(),
        business_id: checked.business.id.clone(),
        plan: checked.business.plan.clone(),
        direction: Direction::Outbound,
        source: request.source.clone(),
        agent_id: request.agent_id.clone(),
        phone_number_id: Some(request.phone_number_id.clone()),
        counterpart: Some(checked.to_number.masked()),
        user_id: request.user_id.clone(),
        request_hash: request.idempotency.as_ref().map(|key| key.body_hash.clone()),
        max_duration_seconds: checked.max_duration_seconds,
    };
    Admit {
        command: Command::Request { profile, epoch: lease.epoch().0, business_limit: lease.standing().business_limit },
        lease: Some(lease),
        placement: Some(Placement {
            call_id,
            business_id: checked.business.id.clone(),
            agent_id: request.agent_id.clone(),
            phone_number_id: request.phone_number_id.clone(),
            to_number: checked.to_number.clone(),
            user_id: request.user_id.clone(),
            client_data: request.client_data.clone(),
            ringing_timeout_seconds: request.ringing_timeout_seconds,
        }),
        delivery: None,
        settles: Vec::new(),
        trace: request.trace.clone(),
    }
}

/// What an Idempotency-Key stands for.
enum Attempt {
    /// A call that is still to be made; others with the same key wait until it is admitted or refused.
    Next(CallId, OwnedMutexGuard<()>),
    /// A call that was made.
    Made(Box<Session>),
}
