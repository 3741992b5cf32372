//! The beginning of a call: its first events are stored, or certainly are not.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message};
use tokio::sync::oneshot;

use super::log::{Entry, NotAdmitted};
use super::placing::PlacementAnswer;
use super::{CallLog, CallSessionActor, SessionError};
use crate::actors::capacity::Release;
use crate::actors::lease::Lease;
use crate::domain::call::{Command, Record, Settlement};
use crate::provider::Placement;
use crate::sources::Moment;
use crate::store::{Conflict, Delivery, Epoch, Trace};

/// Between two attempts to settle an admission whose commit is in doubt.
const PAUSE: Duration = Duration::from_millis(250);

/// Begins a call.
#[derive(Debug, Message)]
#[rtype(result = "Result<Admitted, AdmitError>")]
pub struct Admit {
    /// `Command::Request` or `Command::Receive`.
    pub command: Command,
    /// The slot; none for an inbound call that has none.
    pub lease: Option<Lease>,
    /// What to dial once the admission is stored.
    pub placement: Option<Placement>,
    /// The webhook that said so.
    pub delivery: Option<Delivery>,
    /// The parked webhook that said so.
    pub settles: Vec<i64>,
    /// To which request it belongs.
    pub trace: Trace,
}

/// The call has begun.
#[derive(Debug)]
pub struct Admitted {
    /// The call.
    pub record: Record,
    /// The contract's word for what became of an inbound call.
    pub outcome: &'static str,
    /// What comes of its placement; closes without a word where the session crashes.
    pub placement: oneshot::Receiver<PlacementAnswer>,
}

/// The call has not begun, as far as anybody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// There is a call of that id.
    #[error("the call exists already")]
    Exists,
    /// The ledger was rebuilt meanwhile: ask for a new lease.
    #[error("the ledger's epoch has changed")]
    StaleEpoch,
    /// One of its references belongs to another call, or the webhook was delivered before.
    #[error(transparent)]
    Conflict(Conflict),
    /// The event store is away.
    #[error("the event store is not available: {0}")]
    Unavailable(String),
}

impl Handler<Admit> for CallSessionActor {
    type Result = AtomicResponse<Self, Result<Admitted, AdmitError>>;

    fn handle(&mut self, admit: Admit, _: &mut Context<Self>) -> Self::Result {
        let Admit { command, lease, placement, delivery, settles, trace } = admit;
        let submitted = Moment::now();
        let admitted = self.with_log(|mut log, services| async move {
            let mut result = log.admit(&services, Entry { command, delivery, settles, trace }, lease).await;
            let parked = result.as_mut().map(|recorded| std::mem::take(&mut recorded.parked)).unwrap_or_default();
            (log, result, parked)
        });
        AtomicResponse::new(Box::pin(admitted.map(move |result, act, ctx| {
            let recorded = result.map_err(|error| act.not_admitted(error, ctx))?;
            let (answer, placed) = oneshot::channel();
            if let Some(placement) = placement {
                act.dial(placement, submitted, answer, ctx);
            }
            let record = Record::of(act.log.call()).expect("an admission makes a call");
            Ok(Admitted { record, outcome: recorded.outcome, placement: placed })
        })))
    }
}

impl CallSessionActor {
    fn not_admitted(&mut self, error: NotAdmitted, ctx: &mut Context<Self>) -> AdmitError {
        ctx.run_later(super::LINGER, Self::leave_if_idle);
        match error {
            NotAdmitted::Exists => AdmitError::Exists,
            NotAdmitted::Conflict(Conflict::StaleEpoch) => AdmitError::StaleEpoch,
            NotAdmitted::Conflict(conflict) => AdmitError::Conflict(conflict),
            NotAdmitted::Unavailable(reason) => AdmitError::Unavailable(reason),
            NotAdmitted::InDoubt(epoch, reason) => {
                tracing::warn!(call_id = %self.log.call_id(), reason, "the commit of an admission is in doubt; its slot stays");
                self.resolving = true;
                ctx.notify(Resolve(epoch));
                AdmitError::Unavailable(reason)
            }
        }
    }
}

/// Settles an admission under this epoch whose commit is in doubt: takes sequence 1 itself, or finds what is there.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
struct Resolve(Option<Epoch>);

impl Handler<Resolve> for CallSessionActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Resolve(epoch): Resolve, _: &mut Context<Self>) -> Self::Result {
        if self.dial.is_some() {
            // It was admitted anew, and is being dialled: there is no doubt any more.
            self.resolving = false;
            return AtomicResponse::new(Box::pin(actix::fut::ready(())));
        }
        let resolved = self.with_log(|mut log, services| async move {
            let result = log.close_doubt(&services, epoch).await;
            (log, result, Vec::new())
        });
        AtomicResponse::new(Box::pin(resolved.map(move |result, act, ctx| {
            act.resolving = result.is_err();
            if let Err(error) = result {
                tracing::warn!(call_id = %act.log.call_id(), %error, "an admission in doubt is not settled yet");
                ctx.notify_later(Resolve(epoch), PAUSE);
            }
        })))
    }
}

impl CallLog {
    async fn close_doubt(&mut self, services: &super::Services, epoch: Option<Epoch>) -> Result<(), SessionError> {
        loop {
            match Settlement::of(self.call(), epoch.map(|epoch| epoch.0)) {
                Settlement::Ask(command) => {
                    let entry = Entry::of(*command, Trace::caused_by("commit_in_doubt"));
                    match self.record(services, entry).await {
                        // The stream is this call's, whatever it says now.
                        Ok(_) | Err(SessionError::Refused(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                Settlement::Release => {
                    services.capacity.do_send(Release { call_id: self.call_id(), as_of: self.sequence() });
                    return Ok(());
                }
                Settlement::Settled => return Ok(()),
            }
        }
    }
}
