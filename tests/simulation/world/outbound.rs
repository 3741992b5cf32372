//! An outbound call's way: lease, commit, dial, commit. A crash may come between any two.

use callgate::actors::session::command_of;
use callgate::domain::admission::Request;
use callgate::domain::call::{Command, Context, Direction, EndReason, Profile, Source, Standing, decide};
use callgate::domain::ids::{CallId, PoolId};
use callgate::ledger::Instruction;
use callgate::provider::{NotDialled, PlacementOutcome};
use callgate::store::Conflict;

use super::World;
use super::capacity::Acquired;
use super::chance::{MINUTE, SECOND};
use super::replica::Dialling;
use super::session::{Appended, Entry, Failure};
use super::step::{Admission, Outside, Task, Wish};
use super::terms::{DIAL_WITHIN, Sabotage};

/// Attempts under one key at most.
const MOST_ATTEMPTS: u32 = 8;

impl World {
    /// A client asks for a call: it gets a slot, or is refused.
    pub(super) fn ask_for_call(&mut self, node: usize, wish: Wish) {
        if self.database.away {
            return;
        }
        let call_id = match (wish.call_id, wish.key) {
            (Some(call_id), _) => call_id,
            (None, None) => CallId::new(self.chance.uuid()),
            (None, Some(key)) => match self.attempt_under(wish.business, key) {
                Some(call_id) => call_id,
                None => return,
            },
        };
        if let Some(key) = wish.key {
            self.judge.keys.insert(call_id, key);
        }
        let request = self.request(call_id, wish.business);
        match self.acquire(node, request) {
            Acquired::Granted(lease, epoch) => {
                let after = if self.chance.one_in(40) {
                    self.chance.between(SECOND, 20 * SECOND)
                } else {
                    self.chance.around(15)
                };
                self.task(node, after, Task::Admit(Box::new(Admission { wish, call_id, lease, epoch })));
            }
            // Another replica is at the same key: what that makes of it is the answer here too.
            Acquired::Held => self.count("twin"),
            Acquired::None(_) => {}
        }
    }

    /// The first attempt under a key that was not made, or certainly dialled nothing; none where one was made.
    fn attempt_under(&self, business: usize, key: u64) -> Option<CallId> {
        let business = &self.platform.businesses[business];
        for attempt in 1..=MOST_ATTEMPTS {
            let call_id = CallId::of_attempt(&business.id, &format!("key {key}"), attempt);
            let Some(row) = self.database.store.session(call_id) else { return Some(call_id) };
            let dead = row.record.end_reason.is_some_and(EndReason::frees_idempotency_key);
            if !dead || row.record.status.is_live() {
                return None;
            }
        }
        None
    }

    pub(super) fn request(&self, call_id: CallId, business: usize) -> Request {
        let business = &self.platform.businesses[business];
        Request {
            call_id,
            business_id: business.id.clone(),
            plan: business.plan.clone(),
            business_limit: business.limit,
        }
    }

    /// Stores the admission.
    pub(super) fn admit(&mut self, node: usize, admission: Admission) {
        let Admission { wish, call_id, lease, epoch } = admission;
        let since = self.moment();
        let mut session = self.replicas[node].sessions.remove(&call_id).unwrap_or_default();
        let command = Command::Request {
            profile: Profile { max_duration_seconds: wish.longest, ..self.profile(wish.business, Direction::Outbound) },
            epoch: epoch.0,
            business_limit: self.platform.businesses[wish.business].limit,
        };
        let Ok(events) = decide(&session.call, command.clone(), &Context { now: since.wall }) else {
            self.tell(node, Instruction::GiveBack(call_id, lease));
            return self.keep(node, call_id, session);
        };
        let before = Standing::of(&session.call);
        match self.append(node, call_id, &mut session, &Entry::of(command), events, Some(epoch)) {
            Appended::Stored => {
                self.tally.admitted += 1;
                self.note(|| format!("{call_id} is admitted under epoch {}", epoch.0));
                session.dialling = Some(Dialling { since, cancelled: false });
                let after = if self.chance.one_in(60) {
                    self.chance.between(SECOND, 9 * SECOND)
                } else {
                    self.chance.around(20)
                };
                self.task(node, after, Task::Dial(call_id));
                if self.chance.one_in(self.terms.stall) {
                    let length = self.chance.between(SECOND, 6 * MINUTE);
                    self.stall(node, length);
                }
            }
            Appended::Unknown => {
                session.resolving = true;
                let after = self.chance.between(1, 250);
                self.task(node, after, Task::Resolve(call_id, Some(epoch)));
            }
            Appended::NotStored | Appended::Lost(_) if session.resolving => {}
            Appended::Lost(Conflict::StaleEpoch) => {
                self.count("stale admission");
                self.tell(node, Instruction::GiveBack(call_id, lease));
                self.fenced(node, epoch);
                if !wish.last {
                    let wish = Wish { last: true, call_id: Some(call_id), ..wish };
                    self.task(node, 200, Task::Ask(Box::new(wish)));
                }
            }
            Appended::NotStored | Appended::Lost(_) => self.tell(node, Instruction::GiveBack(call_id, lease)),
        }
        self.settle(node, call_id, &mut session, before);
        self.keep(node, call_id, session);
    }

    pub(super) fn profile(&self, business: usize, direction: Direction) -> Profile {
        let business = &self.platform.businesses[business];
        Profile {
            pool: PoolId::default_pool(),
            business_id: business.id.clone(),
            plan: business.plan.clone(),
            direction,
            source: Source::api(),
            agent_id: business.agent.clone(),
            phone_number_id: None,
            counterpart: None,
            user_id: None,
            request_hash: None,
            max_duration_seconds: None,
        }
    }

    /// Dials, if that is still right.
    pub(super) fn dial(&mut self, node: usize, call_id: CallId) {
        let Some(session) = self.replicas[node].sessions.get(&call_id) else { return };
        let Some(dialling) = session.dialling else { return };
        let business = session.call.profile().map(|profile| profile.business_id.clone());
        let not_dialled = if dialling.cancelled {
            Some(NotDialled::Cancelled)
        } else if self.since(dialling.since) >= DIAL_WITHIN && self.sabotage != Sabotage::DialAnyTime {
            Some(NotDialled::Expired)
        } else {
            None
        };
        if let Some(why) = not_dialled {
            self.count(if why == NotDialled::Expired { "dial too late" } else { "dial cancelled" });
            return self.soon(node, Task::Dialled(call_id, Box::new(PlacementOutcome::NotDialled(why))));
        }
        let business = self.platform.businesses.iter().position(|other| Some(&other.id) == business.as_ref());
        self.judge_dial(call_id);
        let placed = self.provider.place(call_id, business.unwrap_or(0), &self.terms, &mut self.chance);
        self.tally.dialled += 1;
        self.note(|| format!("{call_id} is dialled: {:?}, begins {:?}", placed.outcome, placed.begins));
        if let Some((conversation, after)) = placed.begins {
            self.later(after, Outside::Begin { conversation });
        }
        self.task(node, placed.answer_after, Task::Dialled(call_id, Box::new(placed.outcome)));
    }

    /// Stores what came of it, however long that takes.
    pub(super) fn dialled(&mut self, node: usize, call_id: CallId, outcome: PlacementOutcome) {
        let command = match (&outcome, self.sabotage) {
            (PlacementOutcome::Uncertain { detail, .. }, Sabotage::ReleaseOnAmbiguous) => Command::FailPlacement {
                reason: EndReason::NotDialled,
                detail: detail.clone(),
                retry_after_seconds: None,
            },
            _ => command_of(&outcome),
        };
        let recorded = self.record(node, call_id, &Entry::of(command));
        if matches!(recorded, Err(Failure::Away)) {
            return self.task(node, 500, Task::Dialled(call_id, Box::new(outcome)));
        }
        if let Some(session) = self.replicas[node].sessions.get_mut(&call_id) {
            session.dialling = None;
        }
        self.wake(node, call_id);
    }
}
