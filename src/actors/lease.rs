//! The lease: a granted slot on its way to a committed admission.

use actix::{Message, Recipient};

use crate::domain::ids::CallId;
use crate::ledger::Standing;
use crate::store::Epoch;

/// A slot that nobody else has, and that no event speaks of yet. Dropped, it gives the slot back.
///
/// Once its admission is handed to the journal the lease is over: from then on the slot follows the log.
#[derive(Debug)]
pub struct Lease {
    call_id: CallId,
    epoch: Epoch,
    standing: Standing,
    capacity: Option<Recipient<GiveBack>>,
}

impl Lease {
    pub(super) fn new(call_id: CallId, epoch: Epoch, standing: Standing, capacity: Recipient<GiveBack>) -> Self {
        Self { call_id, epoch, standing, capacity: Some(capacity) }
    }

    /// The call that has the slot.
    pub fn call_id(&self) -> CallId {
        self.call_id
    }

    /// The epoch under which it was given; the admission must commit under the same.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The counts after it was given.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Hands the slot over to the log. Whoever calls this answers for what becomes of the admission.
    pub fn submit(mut self) {
        self.capacity = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(capacity) = self.capacity.take() {
            capacity.do_send(GiveBack { call_id: self.call_id, epoch: self.epoch });
        }
    }
}

/// A slot comes back whose admission was never handed in.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct GiveBack {
    /// The call that had it.
    pub call_id: CallId,
    /// Under which epoch it was given; under a later one the ledger has forgotten it anyway.
    pub epoch: Epoch,
}
