//! The database: the real verdicts, and what can become of a commit.

use callgate::domain::call::{Record, Reference};
use callgate::domain::ids::{CallId, PoolId};
use callgate::domain::pool::Pool;
use callgate::store::{Conflict, Epoch, MemoryStore, Write, Written};
use chrono::{DateTime, Utc};

use super::chance::Millis;
use super::judge::Invariant;

/// What becomes of a commit, whatever the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is carried out, and answered.
    Answered,
    /// It is carried out; the answer is lost.
    AnswerLost,
    /// It is never carried out, and nobody says so.
    Vanished,
    /// It is carried out later; the answer is lost. Until then it keeps its locks.
    Late,
}

/// What whoever committed learns.
#[derive(Debug)]
pub(super) enum Committed {
    Stored(Written),
    Lost(Conflict),
    NotStored,
    Unknown,
}

/// The truth.
pub(super) struct Database {
    pub(super) store: MemoryStore,
    pub(super) pool: Pool,
    pub(super) away: bool,
    /// Commits on their way.
    late: Vec<Write>,
    /// The latest epoch was begun by nobody who has loaded it yet, since then.
    pub(super) loading_since: Option<Millis>,
    /// Admissions commit under any epoch: a sabotage.
    pub(super) any_epoch: bool,
    /// What the latest commit broke.
    pub(super) broken: Option<(Invariant, String)>,
    /// Slots that are held, by the rows.
    pub(super) held: u32,
}

impl Database {
    pub(super) fn new(cap: u32) -> Self {
        let pool = Pool { id: PoolId::default_pool(), cap, paused: false, reserves: std::collections::BTreeMap::new() };
        Self {
            store: MemoryStore::new(),
            pool,
            away: false,
            late: Vec::new(),
            loading_since: None,
            any_epoch: false,
            broken: None,
            held: 0,
        }
    }

    pub(super) fn commit(&mut self, write: Write, fate: Fate, now: DateTime<Utc>) -> Committed {
        // Whoever wants what another transaction has locked waits for it, and gives up.
        if self.away || self.late.iter().any(|other| collide(other, &write)) {
            return Committed::NotStored;
        }
        match fate {
            Fate::Answered => match self.carry_out(write, now) {
                Ok(written) => Committed::Stored(written),
                Err(conflict) => Committed::Lost(conflict),
            },
            Fate::AnswerLost => {
                let _ = self.carry_out(write, now);
                Committed::Unknown
            }
            Fate::Vanished => Committed::Unknown,
            Fate::Late => {
                self.late.push(write);
                Committed::Unknown
            }
        }
    }

    /// Carries out the oldest commit that is on its way.
    pub(super) fn catch_up(&mut self, now: DateTime<Utc>) {
        if !self.late.is_empty() {
            let write = self.late.remove(0);
            let _ = self.carry_out(write, now);
        }
    }

    fn carry_out(&mut self, mut write: Write, now: DateTime<Utc>) -> Result<Written, Conflict> {
        if self.any_epoch
            && let Write::Append(append) = &mut write
            && append.epoch.is_some()
        {
            append.epoch = Some(self.store.epoch());
        }
        let batch = [write];
        let result = self.store.commit(&batch, now).remove(0);
        if let (Ok(_), [Write::Append(append)]) = (&result, &batch) {
            self.check_log(append.call_id);
        }
        result
    }

    /// I6: the log is the truth.
    fn check_log(&mut self, call_id: CallId) {
        let replayed = Record::of(&self.store.replay(call_id));
        let stored = self.store.session(call_id).map(|session| &session.record);
        if replayed.as_ref() != stored {
            self.broken =
                Some((Invariant::LogIsTheTruth, format!("{call_id}: the log says {replayed:?}, the row {stored:?}")));
        }
        let held = self.store.live_sessions().filter(|row| row.record.slot == callgate::domain::call::SlotState::Held);
        self.held = u32::try_from(held.count()).unwrap_or(u32::MAX);
    }

    /// Begins the next epoch after `after`, unless an admission is on its way, or somebody else was first.
    pub(super) fn begin_epoch(&mut self, after: Epoch, now: Millis) -> Option<Epoch> {
        let fenced = |write: &Write| matches!(write, Write::Append(append) if append.epoch.is_some());
        if self.away || self.store.epoch() != after || self.late.iter().any(fenced) {
            return None;
        }
        self.loading_since = Some(now);
        Some(self.store.begin_epoch())
    }
}

/// Whether one must wait for the locks of the other.
fn collide(one: &Write, other: &Write) -> bool {
    let call = |write: &Write| match write {
        Write::Append(append) => Some(append.call_id),
        _ => None,
    };
    let (one_call, other_call) = (call(one), call(other));
    if one_call.is_some() && one_call == other_call {
        return true;
    }
    let names = names_of(one);
    names_of(other).iter().any(|name| names.contains(name))
}

fn names_of(write: &Write) -> Vec<&Reference> {
    match write {
        Write::Append(append) => {
            let learned = append.events.iter().filter_map(|event| event.kind.references());
            let filed = append.delivery.iter().map(|delivery| &delivery.notice.references);
            learned.chain(filed).flat_map(callgate::domain::call::References::iter).collect()
        }
        Write::File(delivery) => delivery.notice.references.iter().collect(),
        Write::Settle { .. } | Write::Note(_) => Vec::new(),
    }
}
