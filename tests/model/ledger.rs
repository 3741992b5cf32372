//! The ledger as a replica sees it: wherever its home is.

use crate::bounds::{Bounds, Mechanism};
use crate::database::{Database, Home, Row};
use crate::names::{Call, Node};
use crate::network::Destination;
use crate::redis::{Answer, Order};
use crate::state::State;

impl Database {
    /// The third ledger: one transaction that holds the epoch lock exclusively.
    fn carry_out(&mut self, order: Order, epoch: u8, bounds: &Bounds) -> Answer {
        if self.epoch != epoch || self.home != Home::Database {
            return Answer::NotReady;
        }
        match order {
            Order::Acquire(call, lease) => {
                if self.leases[call] == Some(lease) {
                    return Answer::Granted;
                }
                if !self.has_room(call, bounds) {
                    return Answer::Refused;
                }
                self.leases[call] = Some(lease);
                return Answer::Granted;
            }
            Order::GiveBack(call, lease) => {
                if self.leases[call] == Some(lease) || !bounds.has(Mechanism::LeaseIdentity) {
                    self.leases[call] = None;
                }
            }
            Order::Release(call, _) => self.leases[call] = None,
            Order::Put(..) => {}
        }
        Answer::Done
    }

    /// Whether this call may have a lease here.
    pub(crate) fn has_room(&self, call: Call, bounds: &Bounds) -> bool {
        self.leases[call].is_none() && !self.rows[call].has_slot() && self.occupied() < bounds.cap
    }
}

impl State {
    /// Where a batch of this replica goes.
    pub(crate) fn destination(&self, node: Node) -> Destination {
        match self.replicas[node].home {
            Home::Redis => Destination::Server(self.replicas[node].server),
            Home::Database => Destination::Database,
        }
    }

    /// A batch arrives, from whomever.
    pub(crate) fn carry_out(&mut self, to: Destination, order: Order, epoch: u8, bounds: &Bounds) -> Answer {
        match (to, &mut self.standby) {
            (Destination::Database, _) => self.database.carry_out(order, epoch, bounds),
            (Destination::Server(1), Some(standby)) => standby.carry_out(order, epoch, bounds),
            (Destination::Server(_), _) => self.primary.carry_out(order, epoch, bounds),
        }
    }

    /// A replica sends a batch and is answered. What it sent before, and no longer waits for, is overtaken.
    pub(crate) fn send(&mut self, node: Node, order: Order, bounds: &Bounds) -> Answer {
        let to = self.destination(node);
        let answer = self.carry_out(to, order, self.replicas[node].epoch, bounds);
        if answer != Answer::NotReady && bounds.has(Mechanism::BatchNumbers) && to != Destination::Database {
            self.network[node] = self.network[node].filter(|late| late.to != to || late.of_the_dead);
        }
        answer
    }

    /// Whether the ledger of this replica's home says that the call has a slot.
    pub(crate) fn has_holder(&self, node: Node, call: Call, bounds: &Bounds) -> bool {
        let replica = &self.replicas[node];
        match replica.home {
            Home::Redis => {
                let server = self.server_of(node);
                server.is_ready(replica.epoch, bounds) && server.slots[call].is_some()
            }
            Home::Database => self.database.leases[call].is_some() && self.database.rows[call] == Row::Absent,
        }
    }
}
