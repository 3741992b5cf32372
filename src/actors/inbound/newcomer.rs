//! An inbound call that nobody knows yet: whose it is, whether it has a slot, and what becomes of it.

use std::time::Duration;

use super::{Intake, IntakeError, OnFull, Outcome, Unmanaged};
use crate::actors::capacity::{Acquire, AcquireError, Acquired, Fenced};
use crate::actors::journal::Publish;
use crate::actors::lease::Lease;
use crate::actors::session::{Admit, AdmitError, Admitted};
use crate::actors::supervisor::Replicas;
use crate::domain::admission::Request;
use crate::domain::call::{Command, Direction, InboundDecision, Profile, Source, TerminationReason};
use crate::domain::ids::{AgentId, BusinessId, CallId, PlanName, PoolId};
use crate::domain::notice::Notice;
use crate::sources;
use crate::store::{Bulletin, Conflict, Delivery, Trace};

/// Looks for the admission of the same call at another replica, where there is no slot.
const LOOKS: u32 = 6;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// An inbound call that nobody knows yet.
pub(super) struct Newcomer<'a> {
    pub(super) notice: &'a Notice,
    pub(super) source: Source,
    pub(super) delivery: Option<Delivery>,
    pub(super) settles: Vec<i64>,
    pub(super) trace: Trace,
    pub(super) found: Found,
}

/// How a newcomer was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It says so itself.
    ByWebhook,
    /// It was live at the provider, unknown to us.
    BySweep,
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

impl Intake {
    pub(super) async fn welcome(&self, newcomer: Newcomer<'_>) -> Result<Arrival, IntakeError> {
        let call_id = sources::new_call_id();
        let agent_id = newcomer.notice.agent_id.clone().unwrap_or_else(unknown_agent);
        let callee = self.callee(&agent_id).await?;
        let mut decided = self.decide(call_id, &callee, newcomer.found).await;
        if decided.is_full && self.policy.replicas == Replicas::Several {
            if let Some(owner) = self.admitted_elsewhere(newcomer.notice).await? {
                return Ok(Arrival::KnownAs(owner));
            }
            decided = self.decide(call_id, &callee, newcomer.found).await;
        }
        let Decided { decision, lease, refused, .. } = decided;
        let (admitted_with_slot, epoch) = (lease.is_some(), lease.as_ref().map(Lease::epoch));
        let profile = Profile {
            pool: PoolId::default_pool(),
            business_id: callee.business_id.clone(),
            plan: callee.plan.clone(),
            // Also one that was dialled around the gate: nobody here asked for it.
            direction: Direction::Inbound,
            source: newcomer.source,
            agent_id,
            phone_number_id: None,
            counterpart: newcomer.notice.counterpart.clone(),
            user_id: None,
            request_hash: None,
            max_duration_seconds: None,
        };
        let admit = Admit {
            command: Command::Receive { profile, references: newcomer.notice.references.clone(), decision },
            lease,
            placement: None,
            delivery: newcomer.delivery,
            settles: newcomer.settles,
            trace: newcomer.trace,
        };
        let admitted = self.directory.begin(call_id).send(admit).await;
        match admitted.unwrap_or_else(|error| Err(AdmitError::Unavailable(error.to_string()))) {
            Ok(Admitted { outcome, .. }) => {
                self.count(&callee, admitted_with_slot, refused);
                Ok(Arrival::Settled(Outcome { word: outcome, call_id: Some(call_id) }))
            }
            Err(AdmitError::Conflict(Conflict::ReferenceTaken(owner))) => Ok(Arrival::KnownAs(owner)),
            Err(AdmitError::Conflict(Conflict::DuplicateDelivery)) => {
                // Another replica was told at the same time, and has stored it.
                let call_id = self.known(newcomer.notice).await?;
                Ok(Arrival::Settled(Outcome { word: "duplicate", call_id }))
            }
            Err(AdmitError::StaleEpoch) => {
                if let Some(epoch) = epoch {
                    self.capacity.do_send(Fenced(epoch));
                }
                Ok(Arrival::Outdated)
            }
            Err(error) => Err(IntakeError(error.to_string())),
        }
    }

    /// The last slot may be this very call's: then another replica, which was told of it at the same time, is just
    /// storing its admission. Nobody is hung up before that had time to be seen.
    async fn admitted_elsewhere(&self, notice: &Notice) -> Result<Option<CallId>, IntakeError> {
        for _ in 0..LOOKS {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let known = self.known(notice).await?;
            if known.is_some() {
                return Ok(known);
            }
        }
        Ok(None)
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

    /// What becomes of a newcomer.
    async fn decide(&self, call_id: CallId, callee: &Callee, found: Found) -> Decided {
        match (found, self.policy.unmanaged) {
            (Found::BySweep, Unmanaged::Adopt) => return Decided::overflow("UNMANAGED"),
            (Found::BySweep, Unmanaged::Terminate) => return Decided::terminate(TerminationReason::Unmanaged),
            (Found::ByWebhook, _) if !callee.takes_calls => {
                return Decided::terminate(TerminationReason::InboundDisabled);
            }
            (Found::ByWebhook, _) => {}
        }
        let request = Request {
            call_id,
            business_id: callee.business_id.clone(),
            plan: callee.plan.clone(),
            business_limit: callee.limit,
        };
        match self.capacity.send(Acquire(request)).await {
            Ok(Ok(Acquired::Granted(lease))) => Decided {
                decision: InboundDecision::Admit { epoch: lease.epoch().0, business_limit: callee.limit },
                lease: Some(lease),
                refused: None,
                is_full: false,
            },
            Ok(Err(AcquireError::Rejected(why, _))) => {
                let decided = match self.policy.on_full {
                    OnFull::Terminate => {
                        Decided { refused: Some(why.code()), ..Decided::terminate(TerminationReason::Capacity) }
                    }
                    OnFull::Admit => Decided::overflow(why.code()),
                };
                Decided { is_full: true, ..decided }
            }
            // No call is hung up for our trouble.
            Ok(Err(AcquireError::Recovering)) => Decided::overflow("CAPACITY_RECOVERING"),
            Ok(Ok(Acquired::Held) | Err(AcquireError::Unavailable)) | Err(_) => {
                Decided::overflow("CAPACITY_STORE_UNAVAILABLE")
            }
        }
    }
}

/// What becomes of a newcomer.
struct Decided {
    decision: InboundDecision,
    lease: Option<Lease>,
    /// The error code, where it is hung up for want of a slot.
    refused: Option<&'static str>,
    /// The ledger had no slot.
    is_full: bool,
}

impl Decided {
    fn overflow(cause: &str) -> Self {
        Self::without_slot(InboundDecision::Overflow { cause: cause.to_owned() })
    }

    fn terminate(reason: TerminationReason) -> Self {
        Self::without_slot(InboundDecision::Terminate { reason })
    }

    fn without_slot(decision: InboundDecision) -> Self {
        Self { decision, lease: None, refused: None, is_full: false }
    }
}

fn unknown_agent() -> AgentId {
    "unknown".parse().expect("a fixed, valid agent id")
}
