//! Everything that can happen. One step happens as a whole; between any two of them anything else may.

use callgate::domain::admission::Holder;
use callgate::domain::call::Command;
use callgate::domain::ids::{CallId, LeaseId};
use callgate::domain::notice::Notice;
use callgate::provider::PlacementOutcome;
use callgate::store::{Delivery, DeliveryState, Epoch, Sequence};

use super::chance::Millis;
use super::faults::Fault;

/// One step.
#[derive(Debug)]
pub(super) enum Step {
    /// Somebody outside does something.
    Outside(Outside),
    /// A replica goes on with one of its tasks, if it still is the same process.
    Node { node: usize, life: u32, task: Task },
}

/// What happens outside of the gate.
#[derive(Debug)]
pub(super) enum Outside {
    /// A platform wants many calls at once.
    Campaign,
    /// Somebody calls in.
    RingIn,
    /// A conversation begins at the provider.
    Begin { conversation: usize },
    /// A conversation ends by itself.
    End { conversation: usize },
    /// A webhook arrives.
    Deliver(Box<Hook>),
    /// An operator does something.
    Operator,
    /// Something goes wrong, now and then.
    Fault,
    /// Something goes wrong just now.
    Trouble,
    /// What went wrong is well again.
    Mend(Fault),
    /// A replica starts.
    Start { node: usize },
    /// A commit that nobody heard of any more is carried out.
    LateCommit,
    /// It is time for a sweep.
    LedgerTick,
    /// It is time for a sweep of all views.
    FullTick,
    /// The day is over: from now on nothing goes wrong.
    Evening,
}

/// What a replica does.
#[derive(Debug)]
pub(super) enum Task {
    /// A client asks for a call.
    Ask(Box<Wish>),
    /// A slot was given; its admission is stored.
    Admit(Box<Admission>),
    /// The admission is stored; the provider is asked.
    Dial(CallId),
    /// What came of the placement.
    Dialled(CallId, Box<PlacementOutcome>),
    /// An admission whose commit is in doubt.
    Resolve(CallId, Option<Epoch>),
    /// A webhook is read.
    Receive(Box<Hook>),
    /// A webhook is told to its call.
    Tell(Box<Hook>, CallId),
    /// A webhook that changes no call is filed.
    File(Box<Hook>, DeliveryState),
    /// A call that nobody knows asks for a slot.
    Welcome(Box<Newcomer>),
    /// What becomes of it is stored.
    Receiving(Box<Newcomer>, Box<Reception>),
    /// A webhook that had waited is heard.
    Hear(CallId, Box<Notice>, i64),
    /// Webhooks that wait are looked at again.
    Revisit,
    /// An attempt to hang up.
    HangUp(CallId),
    /// What an attempt found out is stored.
    HungUp(CallId, Box<Command>),
    /// The call has lasted as long as it may.
    DurationOver(CallId),
    /// The next attempt.
    HangUpAgain(CallId),
    /// What waits for the ledger goes out.
    Flush,
    /// Where is the ledger?
    Look,
    /// Who holds a slot, for a new ledger?
    Rows(Epoch),
    /// The new ledger is loaded.
    Load(Epoch, Vec<(Holder, Sequence)>),
    /// What the log said meanwhile.
    Meanwhile(Epoch, Vec<CallId>),
    /// The terms of the pool are compared.
    Terms,
    /// A slot was put back: the call may have ended meanwhile.
    CheckPut(CallId),
    /// A sweep goes on.
    Sweep,
    /// Somebody looks after the calls in doubt.
    FollowUp,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) business: usize,
    pub(super) key: Option<u64>,
    /// Seconds that it may last.
    pub(super) longest: Option<u32>,
    /// A ledger that was rebuilt is asked once more.
    pub(super) last: bool,
    pub(super) call_id: Option<CallId>,
}

/// A slot on its way to a commit.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) wish: Wish,
    pub(super) call_id: CallId,
    pub(super) lease: LeaseId,
    pub(super) epoch: Epoch,
}

/// One webhook on its way.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) body: u64,
    pub(super) notice: Notice,
    /// Deliveries that the provider still tries.
    pub(super) tries: u32,
    /// Looks that the gate still takes.
    pub(super) looks: u32,
}

impl Hook {
    pub(super) fn body_hash(&self) -> String {
        format!("{:x}", self.body)
    }
}

/// A call that nobody knows.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) notice: Notice,
    /// The webhook that said so; none for the sweep, or where it had waited.
    pub(super) hook: Option<Box<Hook>>,
    pub(super) settles: Vec<i64>,
    pub(super) by_sweep: bool,
    pub(super) attempt: u32,
    pub(super) patience: u32,
}

/// What was decided of it.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) call_id: CallId,
    pub(super) command: Command,
    pub(super) delivery: Option<Delivery>,
    pub(super) lease: Option<(LeaseId, Epoch)>,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) monotonic: Millis,
    pub(super) wall: chrono::DateTime<chrono::Utc>,
}
