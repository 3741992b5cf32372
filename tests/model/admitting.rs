//! From the wish for a slot to the dial: lease, commit, dial, and what to do in doubt.

use crate::bounds::{Bounds, Mechanism};
use crate::database::{Commit, Home, Outcome, Row};
use crate::names::{Call, Lease, Node};
use crate::network::{Content, Late};
use crate::provider::Line;
use crate::redis::{Answer, Order};
use crate::replica::{Attempt, Chore};
use crate::state::State;

impl State {
    fn may_ask(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Lease> {
        let replica = &self.replicas[node];
        let free = replica.attempts[call] == Attempt::Idle && replica.chores[call] == Chore::None;
        let serial = replica.serials[call] + 1;
        (free && serial <= bounds.asks_of(node, call)).then_some(Lease { node, serial })
    }

    /// The lease that the attempt under way has.
    fn lease_of(&self, node: Node, call: Call) -> Lease {
        Lease { node, serial: self.replicas[node].serials[call] }
    }

    pub(crate) fn ask(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let lease = self.may_ask(node, call, bounds)?;
        let mut next = *self;
        let attempt = if self.replicas[node].home == Home::Database && !bounds.has(Mechanism::LedgerLock) {
            let known = self.replicas[node].epoch == self.database.epoch && self.database.home == Home::Database;
            (known && self.database.has_room(call, bounds)).then_some(Attempt::Counted)?
        } else {
            let answer = next.send(node, Order::Acquire(call, lease), bounds);
            (answer == Answer::Granted).then_some(Attempt::Leased { epoch: self.replicas[node].epoch })?
        };
        let replica = &mut next.replicas[node];
        replica.attempts[call] = attempt;
        replica.serials[call] = lease.serial;
        Some(next)
    }

    pub(crate) fn insert_lease(&self, node: Node, call: Call) -> Option<Self> {
        if self.replicas[node].attempts[call] != Attempt::Counted {
            return None;
        }
        let mut next = *self;
        next.database.leases[call] = Some(self.lease_of(node, call));
        next.replicas[node].attempts[call] = Attempt::Leased { epoch: self.replicas[node].epoch };
        Some(next)
    }

    pub(crate) fn ask_times_out(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let lease = self.may_ask(node, call, bounds)?;
        let mut next = self.with_late(node, Content::Order(Order::Acquire(call, lease)))?;
        let replica = &mut next.replicas[node];
        replica.serials[call] = lease.serial;
        replica.chores[call] = Chore::GiveBack(lease.serial);
        Some(next)
    }

    /// The replica no longer waits for what it has just sent.
    pub(crate) fn with_late(&self, node: Node, content: Content) -> Option<Self> {
        if self.network[node].is_some() {
            return None;
        }
        let (to, epoch) = (self.destination(node), self.replicas[node].epoch);
        let mut next = *self;
        next.network[node] = Some(Late { content, epoch, to, of_the_dead: false });
        Some(next)
    }

    pub(crate) fn drop_lease(&self, node: Node, call: Call) -> Option<Self> {
        let Attempt::Leased { .. } = self.replicas[node].attempts[call] else {
            return None;
        };
        let mut next = *self;
        next.end_attempt(node, call, Chore::GiveBack(self.replicas[node].serials[call])).then_some(next)
    }

    /// The attempt is over, and leaves this to do. Not yet, while the ledger is owed something else for the call.
    fn end_attempt(&mut self, node: Node, call: Call, chore: Chore) -> bool {
        let replica = &mut self.replicas[node];
        let free = replica.chores[call] == Chore::None;
        if free {
            replica.attempts[call] = Attempt::Idle;
            replica.chores[call] = chore;
        }
        free
    }

    pub(crate) fn submit(&self, node: Node, call: Call) -> Option<Self> {
        let Attempt::Leased { epoch } = self.replicas[node].attempts[call] else {
            return None;
        };
        if self.database.commits[node][call] != Commit::None {
            return None;
        }
        let mut next = *self;
        next.database.commits[node][call] = Commit::Sent { epoch, lease: self.lease_of(node, call) };
        next.replicas[node].attempts[call] = Attempt::Submitted;
        Some(next)
    }

    pub(crate) fn commit_arrives(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let Commit::Sent { epoch, lease } = self.database.commits[node][call] else {
            return None;
        };
        let mut next = *self;
        if !self.database.accepts(epoch, bounds) {
            return next.hear(node, call, lease, Outcome::Stale).then_some(next);
        }
        if !bounds.has(Mechanism::EpochLock) {
            next.database.commits[node][call] = Commit::Checked { lease };
            return Some(next);
        }
        let outcome = next.database.admit(call, lease);
        next.hear(node, call, lease, outcome).then_some(next)
    }

    pub(crate) fn commit_writes(&self, node: Node, call: Call) -> Option<Self> {
        let Commit::Checked { lease } = self.database.commits[node][call] else {
            return None;
        };
        let mut next = *self;
        let outcome = next.database.admit(call, lease);
        next.hear(node, call, lease, outcome).then_some(next)
    }

    /// The commit is done; its task hears of it, if it still waits.
    fn hear(&mut self, node: Node, call: Call, lease: Lease, outcome: Outcome) -> bool {
        self.database.commits[node][call] = Commit::None;
        let waits = self.replicas[node].attempts[call] == Attempt::Submitted && self.lease_of(node, call) == lease;
        match outcome {
            _ if !waits => true,
            Outcome::Stored => {
                self.replicas[node].attempts[call] = Attempt::Admitted;
                true
            }
            Outcome::Stale | Outcome::Conflict => self.end_attempt(node, call, Chore::GiveBack(lease.serial)),
        }
    }

    pub(crate) fn commit_times_out(&self, node: Node, call: Call) -> Option<Self> {
        if self.replicas[node].attempts[call] != Attempt::Submitted {
            return None;
        }
        let mut next = *self;
        next.replicas[node].attempts[call] = Attempt::InDoubt;
        Some(next)
    }

    pub(crate) fn commit_vanishes(&self, node: Node, call: Call) -> Option<Self> {
        let sent = self.database.commits[node][call] != Commit::None;
        if !sent || self.replicas[node].attempts[call] == Attempt::Submitted {
            return None;
        }
        let mut next = *self;
        next.database.commits[node][call] = Commit::None;
        Some(next)
    }

    pub(crate) fn dial(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let may = match self.replicas[node].attempts[call] {
            Attempt::Admitted => !self.grace_passed[call] || !bounds.has(Mechanism::DialWindow),
            Attempt::InDoubt => !bounds.has(Mechanism::OnlyCommitterDials),
            _ => false,
        };
        if !may || self.lines[call] != Line::Quiet {
            return None;
        }
        let mut next = *self;
        next.lines[call] = Line::Live;
        next.replicas[node].attempts[call] = Attempt::Idle;
        Some(next)
    }

    pub(crate) fn fail_undialled(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let late = self.grace_passed[call] && bounds.has(Mechanism::DialWindow);
        if !late || self.replicas[node].attempts[call] != Attempt::Admitted {
            return None;
        }
        let mut next = *self;
        if self.database.rows[call].is_held() {
            next.database.rows[call] = Row::Over;
        }
        let chore = next.database.rows[call].release();
        next.end_attempt(node, call, chore).then_some(next)
    }

    /// Appends `AdmissionAbandoned` at sequence 1. Where that is taken the log decides.
    pub(crate) fn settle(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        if self.replicas[node].attempts[call] != Attempt::InDoubt {
            return None;
        }
        let own = self.lease_of(node, call);
        let mut next = *self;
        if !bounds.has(Mechanism::AbandonBeforeRelease) {
            return next.end_attempt(node, call, Chore::GiveBack(own.serial)).then_some(next);
        }
        let row = &mut next.database.rows[call];
        match *row {
            Row::Absent => *row = Row::Abandoned,
            Row::Held(lease) if lease == own || !bounds.has(Mechanism::OwnAdmission) => *row = Row::Over,
            _ => {}
        }
        let chore = row.release();
        next.end_attempt(node, call, chore).then_some(next)
    }
}
