//! One process of the gate: what it knows, and loses when it dies.

use std::collections::HashMap;
use std::time::Duration;

use callgate::domain::call::Call;
use callgate::domain::ids::CallId;
use callgate::domain::reconciliation::{Memory, Now};
use callgate::ledger::Instruction;
use callgate::store::{Epoch, Sequence};

use super::World;
use super::chance::{Millis, SECOND};
use super::step::{Moment, Task};
use super::sweep::{Scope, Sweeping};
use super::terms::GRACE;

/// One process.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says that one thing is under way, so that it is not begun twice"
)]
pub(super) struct Replica {
    pub(super) up: bool,
    /// Tells this process from those before it.
    pub(super) life: u32,
    /// The epoch under which it asks for slots; none while it looks for the ledger.
    pub(super) epoch: Option<Epoch>,
    pub(super) looking: bool,
    /// What must reach the ledger some time.
    pub(super) untold: Vec<Instruction>,
    pub(super) flushing: bool,
    pub(super) sessions: HashMap<CallId, Session>,
    pub(super) memory: Memory,
    pub(super) sweep: Option<Sweeping>,
    pub(super) next_sweep: Option<Scope>,
    pub(super) follow_up: bool,
    pub(super) revisiting: bool,
    course: Course,
    /// It is stopped until then; what it was to do waits.
    pub(super) stalled_until: Millis,
}

/// One active session.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) call: Call,
    pub(super) sequence: Sequence,
    pub(super) dialling: Option<Dialling>,
    pub(super) hanging_up: bool,
    pub(super) attempts: u32,
    /// The end of its maximum duration is awaited.
    pub(super) limited: bool,
    pub(super) resolving: bool,
}

/// A placement that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialling {
    pub(super) since: Moment,
    pub(super) cancelled: bool,
}

/// How the wall clock has gone, as this process saw it.
#[derive(Debug, Default)]
struct Course {
    seen: Option<i64>,
    jumped: Option<Millis>,
}

impl Replica {
    /// Dies: nothing is left but the number of its life.
    pub(super) fn die(&mut self) {
        *self = Self { life: self.life + 1, ..Self::default() };
    }
}

impl World {
    pub(super) fn moment(&self) -> Moment {
        Moment { monotonic: self.agenda.now, wall: self.agenda.wall() }
    }

    /// How long ago a moment was, by the clock that says more.
    pub(super) fn since(&self, moment: Moment) -> Millis {
        let by_the_wall = u64::try_from((self.agenda.wall() - moment.wall).num_milliseconds()).unwrap_or(0);
        (self.agenda.now - moment.monotonic).max(by_the_wall)
    }

    /// The time as a sweep on this replica sees it.
    pub(super) fn now_on(&mut self, node: usize) -> Now {
        let (now, offset) = (self.agenda.now, self.agenda.jumped);
        let course = &mut self.replicas[node].course;
        if course.seen.replace(offset).is_some_and(|seen| seen.abs_diff(offset) > 5 * SECOND) {
            course.jumped = Some(now);
        }
        let clock_steady = course.jumped.is_none_or(|jumped| now - jumped >= GRACE);
        Now { at: self.agenda.wall(), monotonic: Duration::from_millis(now), clock_steady }
    }

    /// A process starts.
    pub(super) fn start(&mut self, node: usize) {
        if self.replicas[node].up {
            return;
        }
        self.note(|| format!("replica {node} starts"));
        self.replicas[node].up = true;
        if self.replicas.len() == 1 {
            // Its ledger lives in its memory.
            self.redis.forget();
        }
        self.look(node);
        let after = self.chance.between(1, SECOND);
        self.task(node, after, Task::Revisit);
        self.replicas[node].revisiting = true;
    }

    /// A process is stopped for a while, and goes on where it was.
    pub(super) fn stall(&mut self, node: usize, length: Millis) {
        self.note(|| format!("replica {node} is stopped for {} s", length / SECOND));
        let until = self.agenda.now + length;
        let replica = &mut self.replicas[node];
        replica.stalled_until = replica.stalled_until.max(until);
    }

    /// A process is killed.
    pub(super) fn kill(&mut self, node: usize) {
        if !self.replicas[node].up {
            return;
        }
        self.tally.crashes += 1;
        self.note(|| format!("replica {node} dies"));
        self.replicas[node].die();
        if self.replicas.len() == 1 {
            self.redis.forget();
        }
        self.judge.dirty = true;
        let after = self.chance.between(SECOND, 40 * SECOND);
        self.later(after, super::Outside::Start { node });
    }
}
