//! A replica and its ledger: slots asked for, the log told to it, and where it is.

use std::collections::HashSet;

use callgate::domain::admission::{Request, Verdict};
use callgate::domain::call::Slot;
use callgate::domain::ids::{CallId, LeaseId};
use callgate::domain::reception::NoSlot;
use callgate::ledger::{Answer, Instruction, LedgerError};
use callgate::store::Epoch;

use super::World;
use super::chance::SECOND;
use super::step::Task;

/// A ledger that is being loaded is waited for so long.
const LOADING: u64 = 3 * SECOND;

fn brief(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Acquire(request, lease) => format!("acquire {} by {}", request.call_id, lease.0 % 1_000),
        Instruction::GiveBack(call_id, lease) => format!("give back {call_id} by {}", lease.0 % 1_000),
        Instruction::Release { call_id, as_of } => format!("release {call_id} as of {}", as_of.0),
        Instruction::Put { holder, as_of } => format!("put {} as of {}", holder.call_id, as_of.0),
        Instruction::Configure(pool) => format!("cap {}", pool.cap),
    }
}

/// What came of asking for a slot.
pub(super) enum Acquired {
    Granted(LeaseId, Epoch),
    Held,
    None(NoSlot),
}

impl World {
    /// Asks for a slot, after all that this replica has to say to the ledger.
    pub(super) fn acquire(&mut self, node: usize, request: Request) -> Acquired {
        let Some(epoch) = self.replicas[node].epoch else { return Acquired::None(NoSlot::Recovering) };
        let (call_id, lease) = (request.call_id, LeaseId(self.chance.number()));
        let acquire = Instruction::Acquire(request, lease);
        match self.send(node, epoch, Some(acquire)) {
            Ok(Some(Answer::Acquired(Verdict::Granted, _))) => Acquired::Granted(lease, epoch),
            Ok(Some(Answer::Acquired(Verdict::Held, _))) => Acquired::Held,
            Ok(Some(Answer::Acquired(Verdict::Rejected(why), _))) => {
                self.tally.refused += 1;
                if why.is_for_want_of_a_slot() {
                    self.look_on_demand(node);
                }
                Acquired::None(NoSlot::Rejected(why))
            }
            Err(LedgerError::NotReady { .. }) => Acquired::None(NoSlot::Recovering),
            _ => {
                // It may have been granted.
                self.count("slot in doubt");
                self.tell(node, Instruction::GiveBack(call_id, lease));
                Acquired::None(NoSlot::Unavailable)
            }
        }
    }

    /// Says something to the ledger, some time.
    pub(super) fn tell(&mut self, node: usize, instruction: Instruction) {
        let replica = &mut self.replicas[node];
        replica.untold.push(instruction);
        if !std::mem::replace(&mut replica.flushing, true) {
            self.soon(node, Task::Flush);
        }
    }

    /// Sends what waits. It waits on where nobody answers.
    pub(super) fn flush(&mut self, node: usize) {
        self.replicas[node].flushing = false;
        if let Some(epoch) = self.replicas[node].epoch {
            let _ = self.send(node, epoch, None);
        }
        if !self.replicas[node].untold.is_empty() {
            self.replicas[node].flushing = true;
            self.task(node, 500, Task::Flush);
        }
    }

    /// One batch: what waits, and a question.
    fn send(
        &mut self,
        node: usize,
        epoch: Epoch,
        question: Option<Instruction>,
    ) -> Result<Option<Answer>, LedgerError> {
        let mut batch = self.replicas[node].untold.clone();
        let asked = question.is_some();
        batch.extend(question);
        let in_doubt = self.chance.one_in(self.terms.batch_in_doubt);
        self.judge.dirty = true;
        if in_doubt && self.chance.one_in(2) {
            // It never arrived.
            return Err(LedgerError::Away("no answer".to_owned()));
        }
        let answers = self.redis.apply(epoch, &batch);
        if answers.is_ok() {
            for (instruction, answer) in batch.iter().zip(answers.iter().flatten()) {
                self.diary.note(|| format!("replica {node} to the ledger: {}: {answer:?}", brief(instruction)));
            }
            self.check_releases(&batch);
        }
        if in_doubt {
            return Err(LedgerError::Away("no answer".to_owned()));
        }
        match answers {
            Ok(answers) => {
                self.replicas[node].untold.clear();
                Ok(answers.last().copied().filter(|_| asked))
            }
            Err(error) => {
                self.lose(node);
                Err(error)
            }
        }
    }

    /// I3: once its release has arrived, a call that is over holds nothing.
    fn check_releases(&mut self, batch: &[Instruction]) {
        for instruction in batch {
            let Instruction::Release { call_id, .. } = instruction else { continue };
            let row = self.database.store.session(*call_id);
            let over = row.is_some_and(|row| row.holder().is_none());
            // An id that was called off may be tried again in the same batch.
            let asked =
                |other: &Instruction| matches!(other, Instruction::Acquire(asked, _) if asked.call_id == *call_id);
            if over && !batch.iter().any(asked) && self.redis.holds(*call_id) {
                self.judge.find(super::Invariant::NoLeak, || format!("{call_id} was released, and holds a slot"));
            }
        }
    }

    /// An admission was refused as stale.
    pub(super) fn fenced(&mut self, node: usize, epoch: Epoch) {
        if self.replicas[node].epoch == Some(epoch) {
            self.lose(node);
        }
    }

    /// The ledger is not where, or what, it was.
    fn lose(&mut self, node: usize) {
        self.replicas[node].epoch = None;
        self.look_in(node, 50);
    }

    /// Looks for the ledger after a moment, unless a look or a rebuild is under way.
    pub(super) fn look_in(&mut self, node: usize, after: u64) {
        if !std::mem::replace(&mut self.replicas[node].looking, true) {
            self.task(node, after, Task::Look);
        }
    }

    /// Finds out where the ledger is, at once.
    pub(super) fn look(&mut self, node: usize) {
        self.replicas[node].looking = false;
        let seen = self.redis.look();
        let (present, now) = (self.database.store.epoch(), self.agenda.now);
        if self.database.away || seen.is_err() {
            if self.redis.away {
                self.replicas[node].epoch = None;
            }
            return self.look_in(node, 500);
        }
        if seen == Ok(Some(present)) && present != Epoch::default() && self.replicas.len() > 1 {
            return self.serve(node, present);
        }
        if self.replicas.len() == 1 && self.replicas[node].epoch == Some(present) && seen == Ok(Some(present)) {
            return;
        }
        self.replicas[node].epoch = None;
        let loading = self.database.loading_since.is_some_and(|since| now - since < LOADING);
        if loading && self.replicas.len() > 1 {
            return self.look_in(node, 500);
        }
        let Some(epoch) = self.database.begin_epoch(present, now) else { return self.look_in(node, 500) };
        self.judge.dirty = true;
        self.tally.rebuilds += 1;
        self.note(|| format!("replica {node} begins epoch {}", epoch.0));
        self.replicas[node].looking = true;
        let after = self.chance.between(1, 200);
        self.task(node, after, Task::Rows(epoch));
    }

    fn serve(&mut self, node: usize, epoch: Epoch) {
        self.replicas[node].epoch = Some(epoch);
        self.replicas[node].looking = false;
        self.soon(node, Task::Terms);
    }

    /// Reads who holds a slot, after the epoch was begun.
    pub(super) fn read_rows(&mut self, node: usize, epoch: Epoch) {
        if self.database.away {
            self.replicas[node].looking = false;
            return self.look_in(node, 500);
        }
        let rows = self.database.store.live_sessions();
        let holders = rows.filter_map(|row| Some((row.holder()?, row.sequence))).collect();
        let after = self.chance.between(1, 200);
        self.task(node, after, Task::Load(epoch, holders));
    }

    /// Loads the ledger. An answer that is lost is no ledger: the next attempt begins another epoch.
    pub(super) fn load(
        &mut self,
        node: usize,
        epoch: Epoch,
        holders: Vec<(callgate::domain::admission::Holder, callgate::store::Sequence)>,
    ) {
        let before = holders.iter().map(|(holder, _)| holder.call_id).collect();
        let pool = self.database.pool.clone();
        self.judge.dirty = true;
        let loaded = self.redis.load(epoch, pool, holders);
        let heard = loaded.is_ok() && !self.chance.one_in(self.terms.batch_in_doubt);
        if heard {
            return self.soon(node, Task::Meanwhile(epoch, before));
        }
        self.replicas[node].looking = false;
        self.look_in(node, 50);
    }

    /// Tells the ledger what the log said while it was loaded, and serves from it.
    pub(super) fn catch_up(&mut self, node: usize, epoch: Epoch, before: Vec<CallId>) {
        if self.database.away {
            self.replicas[node].looking = false;
            return self.look_in(node, 500);
        }
        let live: Vec<_> = self.database.store.live_sessions().cloned().collect();
        let here: HashSet<CallId> = live.iter().filter(|row| row.holder().is_some()).map(|row| row.call_id).collect();
        let known: HashSet<CallId> = before.iter().copied().collect();
        self.serve(node, epoch);
        for call_id in before.into_iter().filter(|call_id| !here.contains(call_id)) {
            if let Some(row) = self.database.store.session(call_id).filter(|row| row.holder().is_none()) {
                let as_of = row.sequence;
                self.tell(node, Instruction::Release { call_id, as_of });
            }
        }
        for row in live.iter().filter(|row| !known.contains(&row.call_id)) {
            if let Some(holder) = row.holder().filter(|holder| holder.slot == Slot::Overflow) {
                self.tell(node, Instruction::Put { holder, as_of: row.sequence });
            }
        }
    }

    /// Compares the terms of the pool with those that the ledger goes by.
    pub(super) fn compare_terms(&mut self, node: usize) {
        let Some(epoch) = self.replicas[node].epoch else { return };
        if self.database.away || self.redis.away {
            return self.task(node, SECOND, Task::Terms);
        }
        if self.redis.occupied().cap != self.database.pool.cap {
            self.judge.dirty = true;
            let configure = Instruction::Configure(self.database.pool.clone());
            let _ = self.redis.apply(epoch, &[configure]);
        }
    }
}
