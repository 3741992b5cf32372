//! What others ask of the ledger, and what they get.

use actix::{AsyncContext, Context, Handler, Message, ResponseFuture};

use super::{CapacityActor, State};
use crate::actors::lease::{GiveBack, Lease};
use crate::domain::admission::{Holder, Rejection, Request, Verdict};
use crate::domain::ids::CallId;
use crate::domain::pool::Pool;
use crate::ledger::{Answer, Instruction, Standing};
use crate::sources;
use crate::store::{Epoch, Sequence};

/// Asks for a slot.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Acquired, AcquireError>")]
pub struct Acquire(pub Request);

/// A slot there is.
#[derive(Debug)]
pub enum Acquired {
    /// A new one.
    Granted(Lease),
    /// The call has one already: an admission of the same id is under way or done.
    Held,
}

/// No slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcquireError {
    /// By the rule.
    Rejected(Rejection, Standing),
    /// The ledger is being rebuilt, or the provider has not been asked yet.
    Recovering,
    /// The ledger does not answer.
    Unavailable,
}

impl Handler<Acquire> for CapacityActor {
    type Result = ResponseFuture<Result<Acquired, AcquireError>>;

    fn handle(&mut self, Acquire(request): Acquire, ctx: &mut Context<Self>) -> Self::Result {
        let refusal = match self.state {
            State::Serving { surveyed: true, .. } | State::Settling { .. } => None,
            State::Serving { surveyed: false, .. } | State::Recovering => Some(AcquireError::Recovering),
            State::Away { .. } => Some(AcquireError::Unavailable),
        };
        if let Some(refusal) = refusal {
            return Box::pin(std::future::ready(Err(refusal)));
        }
        let (call_id, lease) = (request.call_id, sources::new_lease_id());
        let answer = self.ask(Instruction::Acquire(request, lease), ctx);
        let capacity = ctx.address().recipient();
        Box::pin(async move {
            match answer.await.unwrap_or(Err(AcquireError::Recovering))? {
                (Answer::Acquired(Verdict::Granted, standing), epoch) => {
                    Ok(Acquired::Granted(Lease::new(call_id, lease, epoch, standing, capacity)))
                }
                (Answer::Acquired(Verdict::Held, _), _) => Ok(Acquired::Held),
                (Answer::Acquired(Verdict::Rejected(why), standing), _) => Err(AcquireError::Rejected(why, standing)),
                _ => Err(AcquireError::Unavailable),
            }
        })
    }
}

impl Handler<GiveBack> for CapacityActor {
    type Result = ();

    fn handle(&mut self, GiveBack { call_id, lease }: GiveBack, ctx: &mut Context<Self>) {
        self.tell(Instruction::GiveBack(call_id, lease), ctx);
    }
}

/// A committed state of the call holds nothing: its slot is free.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Release {
    /// The call.
    pub call_id: CallId,
    /// The sequence of the event that says so.
    pub as_of: Sequence,
}

impl Handler<Release> for CapacityActor {
    type Result = ();

    fn handle(&mut self, Release { call_id, as_of }: Release, ctx: &mut Context<Self>) {
        self.tell(Instruction::Release { call_id, as_of }, ctx);
    }
}

/// A live call counts, whatever the rule says: overflow, or a slot that the ledger lost.
///
/// Answers whether the ledger had it otherwise, or not at all; none where the ledger did not answer.
#[derive(Debug, Message)]
#[rtype(result = "Option<bool>")]
pub struct Put {
    /// Who holds what.
    pub holder: Holder,
    /// The sequence of the event that says so.
    pub as_of: Sequence,
}

impl Handler<Put> for CapacityActor {
    type Result = ResponseFuture<Option<bool>>;

    fn handle(&mut self, Put { holder, as_of }: Put, ctx: &mut Context<Self>) -> Self::Result {
        let answer = self.ask_if_heard(Instruction::Put { holder, as_of }, ctx);
        Box::pin(async move {
            match answer.await {
                Ok(Ok((Answer::Put(changed), _))) => Some(changed),
                _ => None,
            }
        })
    }
}

/// The pool's terms have changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Configure(pub Pool);

impl Handler<Configure> for CapacityActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Configure(pool): Configure, ctx: &mut Context<Self>) -> Self::Result {
        let answer = self.ask_if_heard(Instruction::Configure(pool), ctx);
        Box::pin(async move {
            let _ = answer.await;
        })
    }
}

/// Answers once nothing waits for the ledger.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Handler<Flush> for CapacityActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, ctx: &mut Context<Self>) -> Self::Result {
        let (done, idle) = tokio::sync::oneshot::channel();
        self.idle_waiters.push(done);
        self.flush(ctx);
        Box::pin(async move {
            let _ = idle.await;
        })
    }
}

/// The provider has been asked for all its live calls under this epoch: admissions may begin.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Surveyed(pub Epoch);

impl Handler<Surveyed> for CapacityActor {
    type Result = ();

    fn handle(&mut self, Surveyed(asked): Surveyed, _: &mut Context<Self>) {
        if let State::Serving { surveyed, epoch, .. } = &mut self.state {
            *surveyed |= *epoch == asked;
        }
    }
}

/// An admission under this epoch was refused as stale: somebody else has begun another.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Fenced(pub Epoch);

impl Handler<Fenced> for CapacityActor {
    type Result = ();

    fn handle(&mut self, Fenced(epoch): Fenced, ctx: &mut Context<Self>) {
        if matches!(self.state, State::Serving { epoch: present, .. } if present == epoch) {
            tracing::warn!(epoch = epoch.0, "the database knows of a later epoch of the ledger");
            self.state = State::settling();
            self.look(ctx);
        }
    }
}
