//! An inbound call that nobody knows yet: whose it is, whether it has a slot, and what becomes of it.

use super::{Intake, IntakeError, Outcome};
use crate::actors::capacity::{Acquire, AcquireError, Acquired, Fenced};
use crate::actors::journal::Publish;
use crate::actors::lease::Lease;
use crate::actors::services::Nudge;
use crate::actors::session::{Admit, AdmitError, Admitted};
use crate::actors::twins::Patience;
use crate::domain::admission::Request;
use crate::domain::call::{Command, Direction, InboundDecision, Profile, Source};
use crate::domain::ids::{AgentId, BusinessId, CallId, PlanName, PoolId};
use crate::domain::notice::Notice;
use crate::domain::reception::{Found, NoSlot};
use crate::sources;
use crate::store::{Bulletin, Conflict, Delivery, Trace};

/// Attempts whose ids are derived. Each ended in doubt and was called off; then any id will do.
const DERIVED: u32 = 8;

/// An inbound call that nobody knows yet.
pub(super) struct Newcomer<'a> {
    pub(super) notice: &'a Notice,
    pub(super) source: Source,
    pub(super) delivery: Option<Delivery>,
    pub(super) settles: Vec<i64>,
    pub(super) trace: Trace,
    pub(super) found: Found,
}

/// Whose an inbound call is.
struct Callee {
    business_id: BusinessId,
    plan: PlanName,
    limit: u32,
    takes_calls: bool,
}

/// What happened to a newcomer.
pub(super) enum Arrival {
    Settled(Outcome),
    /// It is this call after all.
    KnownAs(CallId),
    /// The ledger was rebuilt meanwhile: nothing has happened yet.
    Outdated,
}

/// What came of one attempt to admit a newcomer.
enum Attempt {
    Arrived(Arrival),
    /// The id has a slot, or a stream: another replica is at it, or an admission of it was in doubt.
    Taken,
}

/// What becomes of an id that is taken.
enum Taken {
    /// This call has it.
    By(CallId),
    /// Nobody yet: another replica may be about to store it.
    Soon,
    /// Nobody ever: its admission was called off.
    ForNothing,
}

impl Newcomer<'_> {
    /// The id of the call. Replicas that hear of it at once derive the same one, so that it never competes with itself
    /// for a slot; the carrier's name comes first, because the initiation webhook knows no other.
    fn call_id(&self, attempt: u32) -> CallId {
        match self.notice.first_name() {
            Some(name) if attempt <= DERIVED => CallId::of_newcomer(name.kind.as_str(), &name.value, attempt),
            _ => sources::new_call_id(),
        }
    }
}

impl Intake {
    pub(super) async fn welcome(&self, newcomer: Newcomer<'_>) -> Result<Arrival, IntakeError> {
        let agent_id = newcomer.notice.agent_id.clone().unwrap_or_else(unknown_agent);
        let callee = self.callee(&agent_id).await?;
        let (mut attempt, mut patience) = (1, Patience::new());
        loop {
            let call_id = newcomer.call_id(attempt);
            if let Attempt::Arrived(arrival) = self.attempt(call_id, &newcomer, &agent_id, &callee).await? {
                return Ok(arrival);
            }
            match self.taken(call_id, newcomer.notice).await? {
                Taken::By(owner) => return Ok(Arrival::KnownAs(owner)),
                Taken::Soon if patience.wait().await => {}
                Taken::Soon => {
                    let reason = "another replica is admitting the call, and has not stored it yet";
                    return Err(IntakeError(reason.to_owned()));
                }
                Taken::ForNothing => attempt += 1,
            }
        }
    }

    async fn taken(&self, call_id: CallId, notice: &Notice) -> Result<Taken, IntakeError> {
        // Row and names are stored together: the row is read first, so that no call is missed between the two.
        let has_a_stream = self.store.session(call_id).await?.is_some();
        Ok(match self.known(notice).await? {
            Some(owner) => Taken::By(owner),
            None if has_a_stream => Taken::ForNothing,
            None => Taken::Soon,
        })
    }

    async fn attempt(
        &self,
        call_id: CallId,
        newcomer: &Newcomer<'_>,
        agent_id: &AgentId,
        callee: &Callee,
    ) -> Result<Attempt, IntakeError> {
        let Some(Decided { decision, lease, refused }) = self.decide(call_id, callee, newcomer.found).await else {
            return Ok(Attempt::Taken);
        };
        let (admitted_with_slot, epoch) = (lease.is_some(), lease.as_ref().map(Lease::epoch));
        let profile = Profile {
            pool: PoolId::default_pool(),
            business_id: callee.business_id.clone(),
            plan: callee.plan.clone(),
            // Also one that was dialled around the gate: nobody here asked for it.
            direction: Direction::Inbound,
            source: newcomer.source.clone(),
            agent_id: agent_id.clone(),
            phone_number_id: None,
            counterpart: newcomer.notice.counterpart.clone(),
            user_id: None,
            request_hash: None,
            max_duration_seconds: self.plans.longest_call(&callee.plan, None),
        };
        let admit = Admit {
            command: Command::Receive { profile, references: newcomer.notice.references.clone(), decision },
            lease,
            placement: None,
            delivery: newcomer.delivery.clone(),
            settles: newcomer.settles.clone(),
            trace: newcomer.trace.clone(),
        };
        let arrived = |arrival| Ok(Attempt::Arrived(arrival));
        let admitted = self.directory.begin(call_id).send(admit).await;
        match admitted.unwrap_or_else(|error| Err(AdmitError::Unavailable(error.to_string()))) {
            Ok(Admitted { outcome, .. }) => {
                self.count(callee, admitted_with_slot, refused);
                arrived(Arrival::Settled(Outcome { word: outcome, call_id: Some(call_id) }))
            }
            Err(AdmitError::Exists) => Ok(Attempt::Taken),
            Err(AdmitError::Conflict(Conflict::ReferenceTaken(owner))) => arrived(Arrival::KnownAs(owner)),
            Err(AdmitError::Conflict(Conflict::DuplicateDelivery)) => {
                // Another replica was told at the same time, and has stored it.
                let call_id = self.known(newcomer.notice).await?;
                arrived(Arrival::Settled(Outcome { word: "duplicate", call_id }))
            }
            Err(AdmitError::StaleEpoch) => {
                if let Some(epoch) = epoch {
                    self.capacity.do_send(Fenced(epoch));
                }
                arrived(Arrival::Outdated)
            }
            Err(error) => Err(IntakeError(error.to_string())),
        }
    }

    fn count(&self, callee: &Callee, admitted: bool, refused: Option<&'static str>) {
        if admitted {
            self.metrics.record_admission(callee.plan.as_str(), Direction::Inbound.as_str());
        }
        if let Some(reason) = refused {
            self.metrics.record_rejection("capacity_inbound", "inbound");
            self.journal.do_send(Publish(Bulletin::AdmissionRejected {
                business_id: callee.business_id.clone(),
                plan: callee.plan.clone(),
                direction: Direction::Inbound,
                reason: reason.to_owned(),
            }));
        }
    }

    /// Whose agent it is. Without a registration it is nobody's, and only the pool's cap applies.
    async fn callee(&self, agent_id: &AgentId) -> Result<Callee, IntakeError> {
        let unassigned = Callee {
            business_id: BusinessId::unassigned(),
            plan: PlanName::unassigned(),
            limit: u32::MAX,
            takes_calls: true,
        };
        let Some(agent) = self.cache.agent(agent_id).await? else { return Ok(unassigned) };
        let Some(business) = self.cache.business(&agent.business_id).await? else { return Ok(unassigned) };
        Ok(Callee {
            limit: business.limit(&self.plans, u32::MAX),
            takes_calls: business.inbound_enabled && business.subscription.permits_calls(),
            business_id: business.id.clone(),
            plan: business.plan.clone(),
        })
    }

    /// What becomes of a newcomer; none where somebody else is admitting it.
    async fn decide(&self, call_id: CallId, callee: &Callee, found: Found) -> Option<Decided> {
        if let Some(decision) = self.policy.at_the_door(found, callee.takes_calls) {
            return Some(Decided { decision, lease: None, refused: None });
        }
        let request = Request {
            call_id,
            business_id: callee.business_id.clone(),
            plan: callee.plan.clone(),
            business_limit: callee.limit,
        };
        let no_slot = match self.capacity.send(Acquire(request)).await {
            Ok(Ok(Acquired::Granted(lease))) => {
                let decision = InboundDecision::Admit { epoch: lease.epoch().0, business_limit: callee.limit };
                return Some(Decided { decision, lease: Some(lease), refused: None });
            }
            Ok(Ok(Acquired::Held)) => return None,
            Ok(Err(AcquireError::Rejected(why, _))) => {
                if why.is_for_want_of_a_slot() {
                    self.directory.services().nudge(Nudge::Full);
                }
                NoSlot::Rejected(why)
            }
            Ok(Err(AcquireError::Recovering)) => NoSlot::Recovering,
            Ok(Err(AcquireError::Unavailable)) | Err(_) => NoSlot::Unavailable,
        };
        let decision = self.policy.without_a_slot(found, no_slot);
        let is_refused = matches!(decision, InboundDecision::Terminate { .. } | InboundDecision::TurnAway { .. });
        Some(Decided { decision, lease: None, refused: is_refused.then(|| no_slot.code()) })
    }
}

/// What becomes of a newcomer.
struct Decided {
    decision: InboundDecision,
    lease: Option<Lease>,
    /// The error code, where it is hung up for want of a slot.
    refused: Option<&'static str>,
}

fn unknown_agent() -> AgentId {
    "unknown".parse().expect("a fixed, valid agent id")
}
