//! One day, from midnight until hours after its evening: step after step, with the judge looking on.

use std::fmt;

use clap::ValueEnum;

use super::World;
use super::agenda::Agenda;
use super::chance::{Chance, HOUR, Millis};
use super::database::Database;
use super::diary::{Diary, Tally, Telling};
use super::judge::{Invariant, Judge};
use super::people::Platform;
use super::provider::Provider;
use super::redis::Redis;
use super::replica::Replica;
use super::step::{Outside, Step, Task};
use super::terms::{FULL_INTERVAL, LEDGER_INTERVAL, Sabotage, Terms};

/// All calls are over, and all sweeps are done, this long after the evening.
const NIGHT: Millis = 3 * HOUR;

/// A day to be lived through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    /// What makes it what it is.
    pub(crate) seed: u64,
    /// How long things go wrong.
    pub(crate) hours: u64,
    /// What it goes without.
    pub(crate) sabotage: Sabotage,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How often what happened.
    pub(crate) tally: Tally,
    /// Two days that differ in one step differ here.
    pub(crate) hash: u64,
    /// What did not hold.
    pub(crate) violation: Option<Violation>,
}

/// Something that did not hold, and how it came to that.
#[derive(Debug)]
pub(crate) struct Violation {
    day: Day,
    /// What.
    pub(crate) invariant: Invariant,
    what: String,
    step: u64,
    at: Millis,
    story: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Day { seed, hours, sabotage } = self.day;
        let (step, at) = (self.step, self.at);
        writeln!(
            f,
            "seed {seed}, step {step}, {:02}:{:02}:{:02}.{:03}",
            at / HOUR,
            at / 60_000 % 60,
            at / 1_000 % 60,
            at % 1_000
        )?;
        writeln!(f, "{}: {}", self.invariant, self.what)?;
        for line in &self.story {
            writeln!(f, "  {line}")?;
        }
        write!(f, "again: cargo run --release --example soak -- --hours {hours} --seed {seed} --trace")?;
        match sabotage.to_possible_value() {
            Some(name) if sabotage != Sabotage::Nothing => write!(f, " --sabotage {}", name.get_name()),
            _ => Ok(()),
        }
    }
}

/// Lives through a day. Where something does not hold, it is lived through once more, to tell how it came to that.
pub(crate) fn live_through(day: Day, telling: Telling) -> Outcome {
    let outcome = World::new(day, telling).run(day);
    if outcome.violation.is_some() && telling == Telling::Nothing {
        return World::new(day, Telling::TheLast).run(day);
    }
    outcome
}

impl World {
    fn new(day: Day, telling: Telling) -> Self {
        let mut chance = Chance::of(day.seed);
        let terms = Terms::drawn(&mut chance);
        let platform = Platform::new(&terms, &mut chance);
        let limits: Vec<u32> = platform.businesses.iter().map(|business| business.limit).collect();
        let mut world = Self {
            agenda: Agenda::new(),
            sabotage: day.sabotage,
            database: Database::new(terms.cap),
            redis: Redis::new(),
            provider: Provider::default(),
            replicas: (0..terms.replicas).map(|_| Replica::default()).collect(),
            platform,
            judge: Judge::new(terms.cap, &limits),
            diary: Diary::new(telling),
            tally: Tally::default(),
            sweeper: 0,
            doubts: (0, 0),
            demand: (0, 0),
            evening: false,
            chance,
            terms,
        };
        world.database.any_epoch = day.sabotage == Sabotage::AnyEpoch;
        world.redis.counts_releases = day.sabotage == Sabotage::ReleaseTwice;
        world.begin(day.hours);
        world
    }

    fn begin(&mut self, hours: u64) {
        let terms = self.terms.clone();
        self.note(|| format!("{terms:?}"));
        for node in 0..self.replicas.len() {
            let after = self.chance.between(1, 2_000);
            self.later(after, Outside::Start { node });
        }
        let (fault, campaign) = (self.terms.fault_every, self.terms.campaign_every);
        for (mean, what) in [
            (campaign, Outside::Campaign),
            (self.terms.inbound_every, Outside::RingIn),
            (self.terms.operator_every, Outside::Operator),
            (fault, Outside::Fault),
        ] {
            let after = self.chance.around(mean);
            self.later(after, what);
        }
        self.later(LEDGER_INTERVAL, Outside::LedgerTick);
        self.later(FULL_INTERVAL, Outside::FullTick);
        self.later(hours * HOUR, Outside::Evening);
    }

    fn run(mut self, day: Day) -> Outcome {
        let evening = day.hours * HOUR;
        let mut hash = day.seed;
        while let Some((step, tie)) = self.agenda.next() {
            if self.agenda.now > evening + NIGHT + self.agenda.set_back() {
                self.judge_evening();
                break;
            }
            self.tally.steps += 1;
            self.diary.turn(self.tally.steps, self.agenda.now);
            hash = (hash ^ tie ^ self.agenda.now).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            self.take(step);
            self.look_on();
            if self.judge.found.is_some() {
                break;
            }
        }
        let (step, at) = (self.tally.steps, self.agenda.now);
        let found = self.judge.found.take();
        let story = self.diary.into_lines();
        let violation = found.map(|(invariant, what)| Violation { day, invariant, what, step, at, story });
        Outcome { tally: self.tally, hash, violation }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Outside(what) => self.happen(what),
            Step::Node { node, life, task } => {
                if !self.replicas[node].up || self.replicas[node].life != life {
                    return;
                }
                let stalled_until = self.replicas[node].stalled_until;
                if self.agenda.now < stalled_until {
                    let after = stalled_until - self.agenda.now + self.chance.between(0, 50);
                    return self.task(node, after, task);
                }
                self.go_on(node, task);
                if self.chance.one_in(self.terms.crash) {
                    self.kill(node);
                }
            }
        }
    }

    fn happen(&mut self, what: Outside) {
        match what {
            Outside::Campaign => self.campaign(),
            Outside::RingIn => self.ring_in(),
            Outside::Begin { conversation } => self.begin_talk(conversation),
            Outside::End { conversation } => self.end_talk_by_itself(conversation),
            Outside::Deliver(hook) => self.deliver(*hook),
            Outside::Operator => self.operate(),
            Outside::Fault => self.fail(),
            Outside::Trouble => self.go_wrong(),
            Outside::Mend(fault) => self.mend(fault),
            Outside::Start { node } => self.start(node),
            Outside::LateCommit => {
                self.judge.dirty = true;
                self.database.catch_up(self.agenda.wall());
            }
            Outside::LedgerTick => self.tick(super::sweep::Scope::Ledger, LEDGER_INTERVAL),
            Outside::FullTick => self.tick(super::sweep::Scope::Full, FULL_INTERVAL),
            Outside::Evening => self.call_it_a_day(),
        }
    }

    fn go_on(&mut self, node: usize, task: Task) {
        match task {
            Task::Ask(wish) => self.ask_for_call(node, *wish),
            Task::Admit(admission) => self.admit(node, *admission),
            Task::Dial(call_id) => self.dial(node, call_id),
            Task::Dialled(call_id, outcome) => self.dialled(node, call_id, *outcome),
            Task::Resolve(call_id, epoch) => self.resolve(node, call_id, epoch),
            Task::Receive(hook) => self.receive(node, *hook),
            Task::Tell(hook, call_id) => self.tell_call(node, *hook, call_id),
            Task::File(hook, state) => self.file(node, *hook, state),
            Task::Welcome(newcomer) => self.welcome(node, *newcomer),
            Task::Receiving(newcomer, reception) => self.receive_newcomer(node, *newcomer, *reception),
            Task::Hear(call_id, notice, id) => self.hear_parked(node, call_id, *notice, id),
            Task::Revisit => self.revisit(node),
            Task::HangUp(call_id) => self.attempt_hang_up(node, call_id),
            Task::HungUp(call_id, command) => self.hung_up(node, call_id, *command),
            Task::DurationOver(call_id) => self.end_duration(node, call_id),
            Task::HangUpAgain(call_id) => self.hang_up_again(node, call_id),
            Task::Flush => self.flush(node),
            Task::Look => self.look(node),
            Task::Rows(epoch) => self.read_rows(node, epoch),
            Task::Load(epoch, holders) => self.load(node, epoch, holders),
            Task::Meanwhile(epoch, before) => self.catch_up(node, epoch, before),
            Task::Terms => self.compare_terms(node),
            Task::CheckPut(call_id) => self.check_put(node, call_id),
            Task::Sweep => self.sweep_on(node),
            Task::FollowUp => self.look_at_doubts(node),
        }
    }

    /// It is time for a sweep, by the replica that sweeps; where that cannot, another does from now on. Now and then
    /// two do.
    fn tick(&mut self, scope: super::sweep::Scope, interval: Millis) {
        let what = if scope == super::sweep::Scope::Full { Outside::FullTick } else { Outside::LedgerTick };
        self.later(interval, what);
        let now = self.agenda.now;
        let able = |replica: &Replica| replica.up && replica.epoch.is_some() && now >= replica.stalled_until;
        if !able(&self.replicas[self.sweeper])
            && let Some(other) = self.replicas.iter().position(able)
        {
            self.sweeper = other;
        }
        if able(&self.replicas[self.sweeper]) {
            self.begin_sweep(self.sweeper, scope);
        }
        if self.chance.one_in(20)
            && let Some(other) = self.somebody()
        {
            self.begin_sweep(other, scope);
        }
    }
}
