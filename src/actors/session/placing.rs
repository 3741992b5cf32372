//! The placement: dialled once, by the task that committed the admission; what came of it is stored, however long that takes.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use tokio::sync::oneshot;

use super::log::Entry;
use super::{CallSessionActor, Dialling, SessionError, Wake};
use crate::domain::call::{Command, EndReason, Record, Witness};
use crate::provider::{DialPermit, NotDialled, Placement, PlacementOutcome};
use crate::sources::Moment;
use crate::store::Trace;

/// Between two attempts to store what came of a placement.
const PAUSE: Duration = Duration::from_millis(500);

/// What is answered to whoever asked for the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementAnswer {
    /// The provider has it; it may even be over by now.
    Placed(Box<Record>),
    /// The provider is full.
    RateLimited {
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// What it said.
        detail: String,
    },
    /// The provider refused.
    Refused {
        /// What it said.
        detail: String,
    },
    /// It was not dialled, and will not be.
    NotDialled(NotDialled),
    /// Nobody knows; the slot is kept.
    Uncertain {
        /// What was seen.
        detail: String,
    },
}

impl CallSessionActor {
    /// Dials, if the permit still allows it at the last moment.
    pub(super) fn dial(
        &mut self,
        placement: Placement,
        admitted: Moment,
        answer: oneshot::Sender<PlacementAnswer>,
        ctx: &mut Context<Self>,
    ) {
        let permit = DialPermit::new(admitted, self.services.dial_within);
        let counted = self.services.count_dial();
        self.dial = Some(Dialling { permit: permit.clone(), answer: Some(answer), _counted: counted });
        let provider = Arc::clone(&self.services.provider);
        let dialled = async move { provider.place(placement, permit).await };
        ctx.spawn(dialled.into_actor(self).map(|outcome, act, ctx| {
            if matches!(outcome, PlacementOutcome::RateLimited { .. }) {
                act.services.metrics.elevenlabs_429.inc();
            }
            ctx.notify(Dialled(outcome));
        }));
    }
}

/// What came of the placement.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
struct Dialled(PlacementOutcome);

impl Handler<Dialled> for CallSessionActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Dialled(outcome): Dialled, _: &mut Context<Self>) -> Self::Result {
        let trace = Trace::caused_by("placement");
        let recorded = self.record(Entry::of(command_of(&outcome), trace));
        AtomicResponse::new(Box::pin(recorded.map(move |recorded, act, ctx| {
            let answer = match &recorded {
                Ok(_) => answer_of(&outcome, Record::of(act.log.call())),
                Err(error) => PlacementAnswer::Uncertain { detail: error.to_string() },
            };
            if let Some(sender) = act.dial.as_mut().and_then(|dial| dial.answer.take()) {
                let _ = sender.send(answer);
            }
            if let Err(SessionError::Unavailable(reason)) = recorded {
                tracing::warn!(call_id = %act.log.call_id(), reason, "what came of a placement is not stored yet");
                ctx.notify_later(Dialled(outcome), PAUSE);
            } else {
                act.dial = None;
                // A hang-up may have waited for this.
                ctx.notify(Wake);
            }
        })))
    }
}

/// What the outcome of a placement says of its call.
pub fn command_of(outcome: &PlacementOutcome) -> Command {
    let failed = |reason, detail: &dyn ToString, retry_after_seconds| Command::FailPlacement {
        reason,
        detail: detail.to_string(),
        retry_after_seconds,
    };
    match outcome {
        PlacementOutcome::Placed(references) => {
            Command::ConfirmPlacement { references: references.clone(), witness: Witness::Answer }
        }
        PlacementOutcome::RateLimited { retry_after, detail } => {
            failed(EndReason::Provider429, detail, retry_after.map(|wait| wait.as_secs()))
        }
        PlacementOutcome::Refused { detail } => failed(EndReason::ProviderRefused, detail, None),
        PlacementOutcome::NotDialled(why) => match why {
            NotDialled::Cancelled => failed(EndReason::Cancelled, why, None),
            NotDialled::Expired => failed(EndReason::NotDialled, why, None),
            NotDialled::Unreachable(_) => failed(EndReason::ProviderRefused, why, None),
        },
        PlacementOutcome::Uncertain { doubt, .. } => Command::DoubtPlacement { doubt: *doubt },
    }
}

/// What whoever asked for the call is told, once it is stored.
fn answer_of(outcome: &PlacementOutcome, record: Option<Record>) -> PlacementAnswer {
    match (outcome, record) {
        (PlacementOutcome::Placed(_), Some(record)) => PlacementAnswer::Placed(Box::new(record)),
        (PlacementOutcome::Placed(_), None) => PlacementAnswer::Uncertain { detail: "the call is gone".to_owned() },
        (PlacementOutcome::RateLimited { retry_after, detail }, _) => {
            PlacementAnswer::RateLimited { retry_after: *retry_after, detail: detail.clone() }
        }
        (PlacementOutcome::Refused { detail }, _) => PlacementAnswer::Refused { detail: detail.clone() },
        (PlacementOutcome::NotDialled(why), _) => PlacementAnswer::NotDialled(why.clone()),
        (PlacementOutcome::Uncertain { .. }, Some(record)) if record.started_at.is_some() => {
            // A webhook has settled the doubt meanwhile.
            PlacementAnswer::Placed(Box::new(record))
        }
        (PlacementOutcome::Uncertain { detail, .. }, _) => PlacementAnswer::Uncertain { detail: detail.clone() },
    }
}
