//! Everything at one moment, and which step leads where.

use stateright::{Model, Property};

use crate::action::{Action, Kind};
use crate::bounds::Bounds;
use crate::database::Database;
use crate::names::{Call, Node, PerCall, PerNode};
use crate::network::Late;
use crate::properties;
use crate::provider::Line;
use crate::redis::{Meta, Server};
use crate::replica::{Attempt, Replica};

/// Everything at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The truth.
    pub(crate) database: Database,
    /// The Redis server that all began with.
    pub(crate) primary: Server,
    /// Keys of some time ago: a standby that no longer follows, or a file on disk.
    pub(crate) standby: Option<Server>,
    /// The standby takes requests.
    pub(crate) promoted: bool,
    /// The replicas.
    pub(crate) replicas: PerNode<Replica>,
    /// Batches that timed out.
    pub(crate) network: PerNode<Option<Late>>,
    /// The provider.
    pub(crate) lines: PerCall<Line>,
    /// For each admission that was not dialled: whether the grace has passed.
    pub(crate) grace_passed: PerCall<bool>,
    /// How much may still go wrong.
    pub(crate) budget: u8,
}

impl State {
    /// A cluster at rest: the ledger is loaded, and empty.
    pub(crate) fn new(bounds: &Bounds) -> Self {
        Self {
            database: Database::new(),
            primary: Server { meta: (!bounds.new_redis).then(|| Meta::fresh(1)), ..Server::default() },
            standby: None,
            promoted: false,
            replicas: PerNode([Replica::new(); 2]),
            network: PerNode::default(),
            lines: PerCall::default(),
            grace_passed: PerCall::default(),
            budget: bounds.budget,
        }
    }

    /// The Redis server that a replica is connected to.
    pub(crate) fn server_of(&self, node: Node) -> Server {
        match self.standby {
            Some(standby) if self.replicas[node].server == 1 => standby,
            _ => self.primary,
        }
    }

    /// The servers that take requests.
    pub(crate) fn servers(&self) -> impl Iterator<Item = Server> {
        std::iter::once(self.primary).chain(self.standby.filter(|_| self.promoted))
    }

    /// Where a step leads; none where it is impossible or changes nothing.
    pub(crate) fn after(&self, action: Action, bounds: &Bounds) -> Option<Self> {
        let mut next = if let Kind::Fault(fault) = action.kind() {
            if self.budget == 0 || !bounds.faults.contains(&fault) {
                return None;
            }
            let next = self.take(action, bounds)?;
            Self { budget: next.budget - 1, ..next }
        } else {
            self.take(action, bounds)?
        };
        next.forget();
        Some(next)
    }

    /// Forgets what can no longer matter, so that fewer states differ.
    fn forget(&mut self) {
        if self.budget == 0 && !self.promoted {
            self.standby = None;
        }
        for (call, row) in (0_u8..).map(Call).zip(self.database.rows.0) {
            let waits = Node::ALL.into_iter().any(|node| self.replicas[node].attempts[call] == Attempt::Admitted);
            if row.is_over() && !waits {
                self.grace_passed[call] = false;
            }
        }
    }

    fn take(&self, action: Action, bounds: &Bounds) -> Option<Self> {
        match action {
            Action::Ask(node, call) => self.ask(node, call, bounds),
            Action::InsertLease(node, call) => self.insert_lease(node, call),
            Action::Drop(node, call) => self.drop_lease(node, call),
            Action::Submit(node, call) => self.submit(node, call),
            Action::CommitArrives(node, call) => self.commit_arrives(node, call, bounds),
            Action::CommitWrites(node, call) => self.commit_writes(node, call),
            Action::CommitVanishes(node, call) => self.commit_vanishes(node, call),
            Action::Dial(node, call) => self.dial(node, call, bounds),
            Action::FailUndialled(node, call) => self.fail_undialled(node, call, bounds),
            Action::Settle(node, call) => self.settle(node, call, bounds),
            Action::GracePasses(call) => self.grace_passes(call),
            Action::HangUp(call) => self.hang_up(call),
            Action::StoreEnd(node, call) => self.store_end(node, call, bounds),
            Action::Revive(node, call) => self.revive(node, call, bounds),
            Action::Tell(node, call) => self.tell(node, call, bounds),
            Action::Reread(node, call) => self.reread(node, call),
            Action::SweepRowless(node, call) => self.sweep_rowless(node, call, bounds),
            Action::SweepOver(node, call) => self.sweep_over(node, call, bounds),
            Action::SweepLost(node, call) => self.sweep_lost(node, call, bounds),
            Action::Learn(node) => self.learn(node),
            Action::BeginEpoch(node) => self.begin_epoch(node, bounds),
            Action::RedisBack(node) => self.redis_back(node),
            Action::ReadRows(node) => self.read_rows(node, bounds),
            Action::Stage(node) => self.stage(node),
            Action::Rename(node) => self.rename(node, bounds),
            Action::Switch(node) => self.switch(node),
            Action::LateArrives(node) => self.late_arrives(node, bounds),
            Action::LateVanishes(node) => self.late_vanishes(node),
            Action::KeepOldKeys => self.keep_old_keys(bounds),
            Action::AskTimesOut(node, call) => self.ask_times_out(node, call, bounds),
            Action::TellTimesOut(node, call) => self.tell_times_out(node, call),
            Action::RenameTimesOut(node) => self.rename_times_out(node, bounds),
            Action::CommitTimesOut(node, call) => self.commit_times_out(node, call),
            Action::Crash(node) => Some(self.crash(node)),
            Action::Flush => Some(self.flush()),
            Action::RestartEmpty => Some(self.restart_empty()),
            Action::RestartOld => self.restart_old(),
            Action::RoleReturns => self.role_returns(),
            Action::Promote => self.promote(),
            Action::RedisAway(node) => self.redis_away(node),
            Action::BeginNeedlessly(node) => self.begin_needlessly(node),
        }
    }
}

/// The model of a cluster: bounds, and every step that is worth trying within them.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// How far it looks.
    pub(crate) bounds: Bounds,
    /// Every step of these calls.
    pub(crate) actions: Vec<Action>,
}

impl Cluster {
    /// A cluster within these bounds.
    pub(crate) fn new(bounds: Bounds) -> Self {
        let calls: Vec<_> = bounds.calls().collect();
        let mut actions = Action::all(&calls);
        actions.retain(|action| match action.kind() {
            Kind::Fault(fault) => bounds.faults.contains(&fault),
            Kind::Demand | Kind::Progress => true,
        });
        Self { bounds, actions }
    }

    /// Nothing is under way any more: whatever comes next, somebody has to want it, or something has to go wrong.
    pub(crate) fn is_quiet(&self, state: &State) -> bool {
        let progress = self.actions.iter().filter(|action| action.kind() == Kind::Progress);
        progress.into_iter().all(|action| state.after(*action, &self.bounds).is_none())
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.bounds)]
    }

    fn actions(&self, _: &State, actions: &mut Vec<Action>) {
        actions.extend(&self.actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        state.after(action, &self.bounds)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.database.epoch <= self.bounds.epochs
    }
}
