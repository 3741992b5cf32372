//! How the home of the ledger moves, and how the Redis ledger is loaded anew.

use crate::bounds::{Bounds, Mechanism};
use crate::database::Home;
use crate::names::Node;
use crate::network::{Content, Destination};
use crate::redis::Staged;
use crate::replica::Rebuild;
use crate::state::State;

impl State {
    pub(crate) fn learn(&self, node: Node) -> Option<Self> {
        let (epoch, home) = (self.database.epoch, self.database.home);
        let replica = &self.replicas[node];
        if (replica.epoch, replica.home) == (epoch, home) {
            return None;
        }
        let mut next = *self;
        next.replicas[node].epoch = epoch;
        next.replicas[node].home = home;
        Some(next)
    }

    /// It knows the present epoch, and is not at a rebuild itself.
    fn may_begin(&self, node: Node, home: Home) -> bool {
        let replica = &self.replicas[node];
        let up_to_date = replica.epoch == self.database.epoch && self.database.home == home && replica.home == home;
        up_to_date && replica.rebuilds().is_none()
    }

    fn begin(&self, node: Node) -> Self {
        let mut next = *self;
        let epoch = next.database.begin_epoch(Home::Redis);
        let replica = &mut next.replicas[node];
        replica.epoch = epoch;
        replica.home = Home::Redis;
        replica.rebuild = match replica.rebuild {
            Rebuild::ReadEarly(rows) => Rebuild::Read(epoch, rows),
            _ => Rebuild::Begun(epoch),
        };
        next
    }

    /// The ledger is not ready, and nobody is at it.
    fn is_needed(&self, node: Node, bounds: &Bounds) -> bool {
        let (other, epoch) = (&self.replicas[node.other()], self.database.epoch);
        let under_way = other.rebuilds() == Some(epoch) && other.server == self.replicas[node].server;
        !under_way && !self.server_of(node).is_ready(epoch, bounds)
    }

    /// Without `RowsAfterEpoch` the rows have to be there before an epoch begins.
    fn has_read(&self, node: Node, bounds: &Bounds) -> bool {
        bounds.has(Mechanism::RowsAfterEpoch) || self.replicas[node].rebuild != Rebuild::None
    }

    pub(crate) fn begin_epoch(&self, node: Node, bounds: &Bounds) -> Option<Self> {
        let begins = self.may_begin(node, Home::Redis) && self.is_needed(node, bounds) && self.has_read(node, bounds);
        begins.then(|| self.begin(node))
    }

    pub(crate) fn begin_needlessly(&self, node: Node) -> Option<Self> {
        self.may_begin(node, Home::Redis).then(|| self.begin(node))
    }

    pub(crate) fn redis_back(&self, node: Node) -> Option<Self> {
        self.may_begin(node, Home::Database).then(|| self.begin(node))
    }

    pub(crate) fn redis_away(&self, node: Node) -> Option<Self> {
        if !self.may_begin(node, Home::Redis) {
            return None;
        }
        let mut next = *self;
        let epoch = next.database.begin_epoch(Home::Database);
        next.replicas[node].epoch = epoch;
        next.replicas[node].home = Home::Database;
        Some(next)
    }

    pub(crate) fn read_rows(&self, node: Node, bounds: &Bounds) -> Option<Self> {
        let rows = self.database.slots();
        let early = !bounds.has(Mechanism::RowsAfterEpoch);
        let rebuild = match self.replicas[node].rebuild {
            Rebuild::Begun(epoch) => Rebuild::Read(epoch, rows),
            Rebuild::None if early && self.is_needed(node, bounds) => Rebuild::ReadEarly(rows),
            _ => return None,
        };
        let mut next = *self;
        next.replicas[node].rebuild = rebuild;
        Some(next)
    }

    pub(crate) fn stage(&self, node: Node) -> Option<Self> {
        let Rebuild::Read(epoch, rows) = self.replicas[node].rebuild else {
            return None;
        };
        let mut next = *self;
        next.replicas[node].rebuild = Rebuild::Staged(epoch, rows);
        let server = match &mut next.standby {
            Some(standby) if self.replicas[node].server == 1 => standby,
            _ => &mut next.primary,
        };
        server.staged[node] = Some(Staged { epoch, rows });
        Some(next)
    }

    /// Done or refused, the rebuild is over; where the ledger is still not ready, another epoch begins.
    pub(crate) fn rename(&self, node: Node, bounds: &Bounds) -> Option<Self> {
        let Rebuild::Staged(epoch, rows) = self.replicas[node].rebuild else {
            return None;
        };
        let mut next = *self;
        next.replicas[node].rebuild = Rebuild::None;
        next.carry_out_rename(self.replicas[node].server, Staged { epoch, rows }, bounds);
        Some(next)
    }

    /// The script of the last step arrives at a server.
    pub(crate) fn carry_out_rename(&mut self, server: u8, staged: Staged, bounds: &Bounds) {
        match &mut self.standby {
            Some(standby) if server == 1 => standby.rename(staged, bounds),
            _ => self.primary.rename(staged, bounds),
        };
    }

    pub(crate) fn rename_times_out(&self, node: Node, bounds: &Bounds) -> Option<Self> {
        let Rebuild::Staged(epoch, rows) = self.replicas[node].rebuild else {
            return None;
        };
        let mut next = self.with_late(node, Content::Rename(Staged { epoch, rows }))?;
        if let Some(late) = &mut next.network[node] {
            late.to = Destination::Server(self.replicas[node].server);
        }
        if bounds.has(Mechanism::RenameOnce) {
            next.replicas[node].rebuild = Rebuild::None;
        }
        Some(next)
    }
}
