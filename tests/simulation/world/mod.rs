//! A simulated day of a gate: replicas, ledger, database and provider in virtual time, moved on step by step by one seed.
//!
//! What decides is the gate's own: the call, the admission rule and its ledger, what wins in a commit, what a sweep
//! concludes, where a webhook goes, what a session does next. What is only simulated is what carries the messages: the
//! actors, the servers, the network, and the provider. `docs/PROOF.md` says what that leaves out.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `chance`, `terms` | what the seed makes of a day |
//! | `step`, `agenda` | what can happen, and what is due when |
//! | `database`, `redis`, `provider` | the rest of the world |
//! | `replica`, `capacity`, `session`, `hanging_up` | one process of the gate |
//! | `outbound`, `inbound`, `newcomer` | calls on their way through it |
//! | `sweep`, `corrections` | the sweep |
//! | `people`, `faults` | what is done to it |
//! | `judge` | what must always hold |
//! | `day`, `diary` | from midnight to the end, and the account of it |

mod agenda;
mod capacity;
mod chance;
mod corrections;
mod database;
mod day;
mod diary;
mod faults;
mod hanging_up;
mod inbound;
mod judge;
mod newcomer;
mod outbound;
mod people;
mod provider;
mod redis;
mod replica;
mod session;
mod step;
mod sweep;
mod terms;

use self::agenda::Agenda;
use self::chance::{Chance, Millis};
use self::database::Database;
use self::diary::Diary;
use self::judge::Judge;
use self::people::Platform;
use self::provider::Provider;
use self::redis::Redis;
use self::replica::Replica;
use self::step::{Outside, Step, Task};
use self::terms::Terms;

pub(crate) use self::day::{Day, live_through};
pub(crate) use self::diary::{Tally, Telling};
pub(crate) use self::judge::Invariant;
pub(crate) use self::terms::Sabotage;

/// Everything at one moment.
struct World {
    agenda: Agenda,
    chance: Chance,
    terms: Terms,
    sabotage: Sabotage,
    database: Database,
    redis: Redis,
    provider: Provider,
    replicas: Vec<Replica>,
    platform: Platform,
    judge: Judge,
    diary: Diary,
    tally: Tally,
    /// Who sweeps on the intervals.
    sweeper: usize,
    /// Whose turn it is to look after doubts, and until when.
    doubts: (usize, Millis),
    /// The same, for a pool that is full.
    demand: (usize, Millis),
    /// Nothing goes wrong any more, and nobody calls.
    evening: bool,
}

impl World {
    /// Something happens outside, later.
    fn later(&mut self, after: Millis, what: Outside) {
        self.agenda.add(after, Step::Outside(what), &mut self.chance);
    }

    /// A replica goes on, later, if it is still the same process.
    fn task(&mut self, node: usize, after: Millis, task: Task) {
        let life = self.replicas[node].life;
        self.agenda.add(after, Step::Node { node, life, task }, &mut self.chance);
    }

    /// As `task`, as soon as it can be.
    fn soon(&mut self, node: usize, task: Task) {
        let after = self.chance.between(1, 30);
        self.task(node, after, task);
    }

    /// A replica that is up; none where all are down.
    fn somebody(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.replicas.len()).filter(|node| self.replicas[*node].up).collect();
        up.get(self.chance.place(up.len())).copied()
    }

    /// Something happened that does not happen often: the account shows that it does.
    fn count(&mut self, what: &'static str) {
        *self.tally.rare.entry(what).or_default() += 1;
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        self.diary.note(line);
    }
}
