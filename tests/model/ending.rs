//! How a call ends, how the ledger is told, and what the sweep puts right.

use crate::bounds::{Bounds, Mechanism};
use crate::database::Row;
use crate::names::{Call, Lease, Node};
use crate::network::Content;
use crate::provider::Line;
use crate::redis::{Answer, Order};
use crate::replica::Chore;
use crate::state::State;

impl State {
    pub(crate) fn grace_passes(&self, call: Call) -> Option<Self> {
        let undialled = self.database.rows[call].is_held() && self.lines[call] == Line::Quiet;
        if !undialled || self.grace_passed[call] {
            return None;
        }
        let mut next = *self;
        next.grace_passed[call] = true;
        Some(next)
    }

    pub(crate) fn hang_up(&self, call: Call) -> Option<Self> {
        if !self.lines[call].is_live() {
            return None;
        }
        let mut next = *self;
        next.lines[call] = Line::Ended;
        Some(next)
    }

    /// The provider says over, or knows nothing of an admission that is older than the grace.
    pub(crate) fn store_end(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let undialled = self.lines[call] == Line::Quiet && self.grace_passed[call];
        let row = match self.database.rows[call] {
            Row::Held(_) if undialled || self.lines[call] == Line::Ended => Row::Over,
            Row::Overflow if self.lines[call] == Line::Ended => Row::OverAgain,
            _ => return None,
        };
        let mut next = self.keeping(node, call, row.release(), bounds)?;
        next.database.rows[call] = row;
        Some(next)
    }

    /// Only for calls that are not dialled any more: what the provider does late is its own.
    pub(crate) fn revive(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let given_up = self.database.rows[call] == Row::Over && self.lines[call] == Line::Quiet;
        if !given_up || !bounds.revivals {
            return None;
        }
        let mut next = self.keeping(node, call, Chore::Put(Row::Overflow.sequence()), bounds)?;
        next.database.rows[call] = Row::Overflow;
        next.lines[call] = Line::LiveAfterAll;
        Some(next)
    }

    /// One of the keepers has found something, and owes the ledger this.
    fn keeping(&self, node: Node, call: Call, chore: Chore, bounds: &Bounds) -> Option<Self> {
        if !bounds.keepers.contains(&node) || self.replicas[node].chores[call] != Chore::None {
            return None;
        }
        let mut next = *self;
        next.replicas[node].chores[call] = chore;
        Some(next)
    }

    fn order_of(&self, node: Node, call: Call) -> Option<Order> {
        match self.replicas[node].chores[call] {
            Chore::GiveBack(serial) => Some(Order::GiveBack(call, Lease { node, serial })),
            Chore::Release(as_of) => Some(Order::Release(call, as_of)),
            Chore::Put(as_of) => Some(Order::Put(call, as_of)),
            Chore::None | Chore::Reread => None,
        }
    }

    pub(crate) fn tell(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let order = self.order_of(node, call)?;
        let mut next = *self;
        if next.send(node, order, bounds) == Answer::NotReady {
            return None;
        }
        next.replicas[node].chores[call] = if matches!(order, Order::Put(..)) { Chore::Reread } else { Chore::None };
        Some(next)
    }

    pub(crate) fn tell_times_out(&self, node: Node, call: Call) -> Option<Self> {
        self.with_late(node, Content::Order(self.order_of(node, call)?))
    }

    pub(crate) fn reread(&self, node: Node, call: Call) -> Option<Self> {
        if self.replicas[node].chores[call] != Chore::Reread {
            return None;
        }
        let mut next = *self;
        next.replicas[node].chores[call] = self.database.rows[call].release();
        Some(next)
    }

    pub(crate) fn sweep_rowless(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let rowless = self.database.rows[call] == Row::Absent && self.has_holder(node, call, bounds);
        if !rowless || !bounds.has(Mechanism::SweepRowless) {
            return None;
        }
        let mut next = self.keeping(node, call, Row::Abandoned.release(), bounds)?;
        next.database.rows[call] = Row::Abandoned;
        Some(next)
    }

    pub(crate) fn sweep_over(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let row = self.database.rows[call];
        if !row.is_over() || !self.has_holder(node, call, bounds) || !bounds.has(Mechanism::SweepOver) {
            return None;
        }
        self.keeping(node, call, row.release(), bounds)
    }

    pub(crate) fn sweep_lost(&self, node: Node, call: Call, bounds: &Bounds) -> Option<Self> {
        let row = self.database.rows[call];
        if !bounds.stale_sweeps || !row.has_slot() {
            return None;
        }
        self.keeping(node, call, Chore::Put(row.sequence()), bounds)
    }
}
