//! What goes wrong, apart from answers that do not come.

use crate::bounds::Bounds;
use crate::names::Node;
use crate::network::{Content, Destination};
use crate::redis::Server;
use crate::replica::Replica;
use crate::state::State;

impl State {
    pub(crate) fn late_arrives(&self, node: Node, bounds: &Bounds) -> Option<Self> {
        let late = self.network[node]?;
        let mut next = *self;
        next.network[node] = None;
        match (late.content, late.to) {
            (Content::Order(order), to) => {
                next.carry_out(to, order, late.epoch, bounds);
            }
            (Content::Rename(staged), Destination::Server(server)) => next.carry_out_rename(server, staged, bounds),
            (Content::Rename(_), Destination::Database) => {}
        }
        Some(next)
    }

    pub(crate) fn late_vanishes(&self, node: Node) -> Option<Self> {
        self.network[node]?;
        let mut next = *self;
        next.network[node] = None;
        Some(next)
    }

    /// The replica starts again at once, and reads the epoch.
    pub(crate) fn crash(&self, node: Node) -> Self {
        let before = &self.replicas[node];
        let mut next = *self;
        next.replicas[node] = Replica {
            epoch: self.database.epoch,
            home: self.database.home,
            server: before.server,
            serials: before.serials,
            ..Replica::new()
        };
        if let Some(late) = &mut next.network[node] {
            late.of_the_dead = true;
        }
        next
    }

    pub(crate) fn flush(&self) -> Self {
        Self { primary: Server::default(), ..*self }
    }

    /// Keys that were kept before are those of another process now.
    pub(crate) fn restart_empty(&self) -> Self {
        Self { standby: self.standby.map(Server::with_new_run), ..self.flush() }
    }

    pub(crate) fn keep_old_keys(&self, bounds: &Bounds) -> Option<Self> {
        let may = bounds.has_old_keys() && self.budget > 0 && self.standby.is_none();
        may.then_some(Self { standby: Some(self.primary), ..*self })
    }

    fn old_keys(&self) -> Option<Server> {
        self.standby.filter(|_| !self.promoted)
    }

    pub(crate) fn restart_old(&self) -> Option<Self> {
        let primary = self.old_keys()?.with_new_run();
        Some(Self { primary, standby: None, ..*self })
    }

    pub(crate) fn role_returns(&self) -> Option<Self> {
        let primary = self.old_keys()?.with_new_history();
        Some(Self { primary, standby: None, ..*self })
    }

    pub(crate) fn promote(&self) -> Option<Self> {
        let standby = self.old_keys()?.with_new_run().with_new_history();
        Some(Self { standby: Some(standby), promoted: true, ..*self })
    }

    pub(crate) fn switch(&self, node: Node) -> Option<Self> {
        if !self.promoted || self.replicas[node].server == 1 {
            return None;
        }
        let mut next = *self;
        next.replicas[node].server = 1;
        Some(next)
    }
}
