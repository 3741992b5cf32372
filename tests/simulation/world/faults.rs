//! What goes wrong, and for how long.

use super::World;
use super::chance::{HOUR, MINUTE, SECOND};
use super::step::Outside;

/// Something that goes wrong, until it is well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The ledger does not answer.
    RedisAway,
    /// The database does not answer.
    DatabaseAway,
    /// The provider does not answer; calls go on.
    ProviderAway,
    /// Hang-ups are refused.
    Stubborn,
    /// No webhook leaves the provider.
    Mute,
}

impl World {
    /// Something goes wrong.
    pub(super) fn fail(&mut self) {
        if self.evening || self.terms.fault_every == 0 {
            return;
        }
        let next = self.chance.around(self.terms.fault_every);
        self.later(next, Outside::Fault);
        self.go_wrong();
    }

    /// Trouble likes to come when there is much to do.
    pub(super) fn tempt_fate(&mut self) {
        if self.terms.fault_every > 0 && self.chance.one_in(3) {
            let after = self.chance.between(1, 30 * SECOND);
            self.later(after, Outside::Trouble);
        }
    }

    pub(super) fn go_wrong(&mut self) {
        if self.evening {
            return;
        }
        self.tally.faults += 1;
        match self.chance.place(11) {
            0 => self.lose_redis(),
            1 => self.jump(),
            2 => {
                let node = self.chance.place(self.replicas.len());
                self.kill(node);
            }
            3 => (0..self.replicas.len()).for_each(|node| self.kill(node)),
            9 | 10 => {
                let node = self.chance.place(self.replicas.len());
                let length = if self.chance.one_in(2) { 10 * SECOND } else { 4 * MINUTE };
                let length = self.chance.between(SECOND, length);
                self.stall(node, length);
            }
            4 if self.replicas.len() > 1 => self.for_a_while(Fault::RedisAway, 5 * MINUTE),
            4 | 5 => self.for_a_while(Fault::DatabaseAway, 3 * MINUTE),
            6 => self.for_a_while(Fault::ProviderAway, 20 * MINUTE),
            7 => self.for_a_while(Fault::Stubborn, 10 * MINUTE),
            _ => self.for_a_while(Fault::Mute, HOUR),
        }
    }

    fn for_a_while(&mut self, fault: Fault, longest: u64) {
        let after = self.chance.between(SECOND, longest);
        self.note(|| format!("{fault:?} for {} s", after / SECOND));
        self.set(fault, true);
        self.later(after, Outside::Mend(fault));
    }

    /// Well again; where the same went wrong twice, by the first.
    pub(super) fn mend(&mut self, fault: Fault) {
        self.note(|| format!("no longer {fault:?}"));
        self.set(fault, false);
    }

    fn set(&mut self, fault: Fault, wrong: bool) {
        match fault {
            Fault::RedisAway => self.redis.away = wrong,
            Fault::DatabaseAway => self.database.away = wrong,
            Fault::ProviderAway => self.provider.away = wrong,
            Fault::Stubborn => self.provider.stubborn = wrong,
            Fault::Mute => self.provider.mute = wrong,
        }
    }

    /// The ledger restarts with nothing. Replicas look at it twice a second.
    fn lose_redis(&mut self) {
        if self.replicas.len() == 1 {
            return self.kill(0);
        }
        self.note(|| "Redis restarts empty".to_owned());
        self.redis.forget();
        self.judge.dirty = true;
        for node in 0..self.replicas.len() {
            let after = self.chance.between(1, 500);
            self.look_in(node, after);
        }
    }

    /// The wall clock jumps.
    fn jump(&mut self) {
        let by = i64::try_from(self.chance.between(10 * SECOND, HOUR)).unwrap_or(0);
        let by = if self.chance.one_in(2) { by } else { -by };
        self.note(|| format!("the wall clock jumps by {} s", by / 1_000));
        self.agenda.jump(by);
    }

    /// From now on nothing goes wrong, and nobody calls.
    pub(super) fn call_it_a_day(&mut self) {
        self.note(|| "evening: nothing goes wrong any more".to_owned());
        self.evening = true;
        self.terms = self.terms.mended();
        for replica in &mut self.replicas {
            replica.stalled_until = 0;
        }
        for fault in [Fault::RedisAway, Fault::DatabaseAway, Fault::ProviderAway, Fault::Stubborn, Fault::Mute] {
            self.set(fault, false);
        }
    }
}
