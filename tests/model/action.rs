//! Every step that can be taken, and whose step it is.

use crate::bounds::Fault;
use crate::names::{Call, Node};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A lease is asked for, and granted.
    Ask(Node, Call),
    /// Only without `LedgerLock`: the lease that there was room for is inserted.
    InsertLease(Node, Call),
    /// The lease is dropped: its client has gone, or a check refused the call.
    Drop(Node, Call),
    /// The admission is sent to the database.
    Submit(Node, Call),
    /// The database carries the commit out; the sender hears of it, if it still listens.
    CommitArrives(Node, Call),
    /// Only without `EpochLock`: the write that follows the look at the epoch.
    CommitWrites(Node, Call),
    /// A commit that nobody waits for any more is lost.
    CommitVanishes(Node, Call),
    /// The provider is asked to dial, and does.
    Dial(Node, Call),
    /// The window has closed: the task that may no longer dial says so in the log.
    FailUndialled(Node, Call),
    /// A commit in doubt is settled at sequence 1.
    Settle(Node, Call),
    /// The grace passes, for an admission that was not dialled.
    GracePasses(Call),
    /// A live call ends at the provider.
    HangUp(Call),
    /// A webhook or a sweep lets this replica store that the call is over.
    StoreEnd(Node, Call),
    /// A call that was given up is live after all; this replica learns it and stores it.
    Revive(Node, Call),
    /// The replica tells the ledger what it owes it, and is answered.
    Tell(Node, Call),
    /// After a put: the row is read once more.
    Reread(Node, Call),
    /// The sweep abandons a call that has a slot and no row.
    SweepRowless(Node, Call),
    /// The sweep finds a slot of a call that is over.
    SweepOver(Node, Call),
    /// The sweep has seen a ledger without this call, and then its row.
    SweepLost(Node, Call),
    /// The replica reads epoch and home.
    Learn(Node),
    /// The ledger is not ready: the next epoch begins.
    BeginEpoch(Node),
    /// Redis is back: the next epoch begins, with Redis as its home.
    RedisBack(Node),
    /// The rows are read.
    ReadRows(Node),
    /// They are staged.
    Stage(Node),
    /// They are renamed into place, or the script refuses.
    Rename(Node),
    /// The replica finds the promoted server.
    Switch(Node),
    /// A batch that timed out is carried out.
    LateArrives(Node),
    /// A batch that timed out is lost.
    LateVanishes(Node),
    /// From here on the standby, or the file on disk, no longer follows.
    KeepOldKeys,
    /// [`Fault::BatchLost`], for a request for a lease.
    AskTimesOut(Node, Call),
    /// [`Fault::BatchLost`], for anything else that the ledger is told.
    TellTimesOut(Node, Call),
    /// [`Fault::BatchLost`], for the rename.
    RenameTimesOut(Node),
    /// [`Fault::CommitInDoubt`].
    CommitTimesOut(Node, Call),
    /// [`Fault::Crash`].
    Crash(Node),
    /// [`Fault::Flush`].
    Flush,
    /// [`Fault::RestartEmpty`].
    RestartEmpty,
    /// [`Fault::RestartOld`].
    RestartOld,
    /// [`Fault::RoleReturns`].
    RoleReturns,
    /// [`Fault::SplitBrain`].
    Promote,
    /// [`Fault::RedisAway`].
    RedisAway(Node),
    /// [`Fault::NeedlessRebuild`].
    BeginNeedlessly(Node),
}

/// Whose step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody wants something: it may never come.
    Demand,
    /// Something that is under way goes on: it comes, sooner or later.
    Progress,
    /// Something goes wrong.
    Fault(Fault),
}

impl Action {
    /// Whose step it is.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Ask(..) | Self::Revive(..) | Self::SweepLost(..) | Self::KeepOldKeys => Kind::Demand,
            Self::AskTimesOut(..) | Self::TellTimesOut(..) | Self::RenameTimesOut(_) => Kind::Fault(Fault::BatchLost),
            Self::CommitTimesOut(..) => Kind::Fault(Fault::CommitInDoubt),
            Self::Crash(_) => Kind::Fault(Fault::Crash),
            Self::Flush => Kind::Fault(Fault::Flush),
            Self::RestartEmpty => Kind::Fault(Fault::RestartEmpty),
            Self::RestartOld => Kind::Fault(Fault::RestartOld),
            Self::RoleReturns => Kind::Fault(Fault::RoleReturns),
            Self::Promote => Kind::Fault(Fault::SplitBrain),
            Self::RedisAway(_) => Kind::Fault(Fault::RedisAway),
            Self::BeginNeedlessly(_) => Kind::Fault(Fault::NeedlessRebuild),
            _ => Kind::Progress,
        }
    }

    /// Every step there is, possible or not, for these calls.
    pub(crate) fn all(calls: &[Call]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for node in Node::ALL {
            all.extend(Self::OF_A_NODE.map(|action| action(node)));
            all.extend(calls.iter().flat_map(|call| Self::OF_A_NODE_AND_CALL.map(|action| action(node, *call))));
        }
        all.extend(calls.iter().flat_map(|call| [Self::GracePasses(*call), Self::HangUp(*call)]));
        all.extend([
            Self::KeepOldKeys,
            Self::Flush,
            Self::RestartEmpty,
            Self::RestartOld,
            Self::RoleReturns,
            Self::Promote,
        ]);
        all
    }

    const OF_A_NODE: [fn(Node) -> Self; 13] = [
        Self::Learn,
        Self::BeginEpoch,
        Self::RedisBack,
        Self::ReadRows,
        Self::Stage,
        Self::Rename,
        Self::Switch,
        Self::LateArrives,
        Self::LateVanishes,
        Self::RenameTimesOut,
        Self::Crash,
        Self::RedisAway,
        Self::BeginNeedlessly,
    ];

    const OF_A_NODE_AND_CALL: [fn(Node, Call) -> Self; 20] = [
        Self::Ask,
        Self::InsertLease,
        Self::Drop,
        Self::Submit,
        Self::CommitArrives,
        Self::CommitWrites,
        Self::CommitVanishes,
        Self::Dial,
        Self::FailUndialled,
        Self::Settle,
        Self::StoreEnd,
        Self::Revive,
        Self::Tell,
        Self::Reread,
        Self::SweepRowless,
        Self::SweepOver,
        Self::SweepLost,
        Self::AskTimesOut,
        Self::TellTimesOut,
        Self::CommitTimesOut,
    ];
}
