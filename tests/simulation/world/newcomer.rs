//! An inbound call that nobody knows yet: whether it has a slot, and what becomes of it.

use callgate::domain::admission::Request;
use callgate::domain::call::{Command, Context, Direction, InboundDecision, Standing, decide};
use callgate::domain::ids::LeaseId;
use callgate::domain::ids::{BusinessId, CallId, PlanName};
use callgate::domain::reception::Found;
use callgate::ledger::Instruction;
use callgate::store::{Conflict, DeliveryState, Epoch};

use super::World;
use super::capacity::Acquired;
use super::session::{Appended, Entry};
use super::step::{Newcomer, Reception, Task};

/// Attempts whose ids are derived.
const DERIVED: u32 = 8;

impl World {
    /// Decides what becomes of it.
    pub(super) fn welcome(&mut self, node: usize, newcomer: Newcomer) {
        if self.database.away {
            return self.turn_away(node, newcomer);
        }
        let call_id = match newcomer.notice.first_name() {
            Some(name) if newcomer.attempt <= DERIVED => {
                CallId::of_newcomer(name.kind.as_str(), &name.value, newcomer.attempt)
            }
            _ => CallId::new(self.chance.uuid()),
        };
        let business = newcomer.notice.agent_id.as_ref().and_then(|agent| self.platform.business_of(agent));
        let found = if newcomer.by_sweep { Found::BySweep } else { Found::ByWebhook };
        let takes_calls = business.is_none_or(|business| self.platform.businesses[business].takes_calls);
        let (decision, lease) = match self.terms.inbound.at_the_door(found, takes_calls) {
            Some(decision) => (decision, None),
            None => match self.ask_for_newcomer(node, call_id, business) {
                Some(decided) => decided,
                None => return self.taken(node, newcomer, call_id),
            },
        };
        let mut profile = self.profile(business.unwrap_or(0), Direction::Inbound);
        if business.is_none() {
            (profile.business_id, profile.plan) = (BusinessId::unassigned(), PlanName::unassigned());
        }
        let command = Command::Receive { profile, references: newcomer.notice.references.clone(), decision };
        let delivery = newcomer.hook.as_ref().map(|hook| self.delivery(hook, DeliveryState::Settled));
        let reception = Reception { call_id, command, delivery, lease };
        self.soon(node, Task::Receiving(Box::new(newcomer), Box::new(reception)));
    }

    /// None where somebody else is admitting it.
    fn ask_for_newcomer(
        &mut self,
        node: usize,
        call_id: CallId,
        business: Option<usize>,
    ) -> Option<(InboundDecision, Option<(LeaseId, Epoch)>)> {
        let request = match business {
            Some(business) => self.request(call_id, business),
            None => Request {
                call_id,
                business_id: BusinessId::unassigned(),
                plan: PlanName::unassigned(),
                business_limit: u32::MAX,
            },
        };
        let business_limit = request.business_limit;
        match self.acquire(node, request) {
            Acquired::Granted(lease, epoch) => {
                Some((InboundDecision::Admit { epoch: epoch.0, business_limit }, Some((lease, epoch))))
            }
            Acquired::Held => None,
            Acquired::None(why) => Some((self.terms.inbound.without_a_slot(Found::ByWebhook, why), None)),
        }
    }

    /// The id has a slot, or a stream: what has become of it?
    fn taken(&mut self, node: usize, mut newcomer: Newcomer, call_id: CallId) {
        if self.database.away {
            return self.turn_away(node, newcomer);
        }
        let has_a_stream = self.database.store.session(call_id).is_some();
        if self.known(&newcomer.notice).is_some() {
            return self.turn_away(node, newcomer);
        }
        if has_a_stream {
            self.count("newcomer again");
            newcomer.attempt += 1;
            return self.soon(node, Task::Welcome(Box::new(newcomer)));
        }
        if newcomer.patience == 0 {
            return self.turn_away(node, newcomer);
        }
        newcomer.patience -= 1;
        self.count("newcomer elsewhere");
        self.task(node, 100, Task::Welcome(Box::new(newcomer)));
    }

    /// It is known after all, or cannot be decided now: the webhook is read again; what had waited waits on.
    fn turn_away(&mut self, node: usize, newcomer: Newcomer) {
        if let Some(hook) = newcomer.hook {
            self.soon(node, Task::Receive(hook));
        }
    }

    /// Stores what was decided.
    pub(super) fn receive_newcomer(&mut self, node: usize, newcomer: Newcomer, reception: Reception) {
        let Reception { call_id, command, delivery, lease } = reception;
        let mut session = self.replicas[node].sessions.remove(&call_id).unwrap_or_default();
        let give_back = |world: &mut Self| {
            if let Some((lease, _)) = lease {
                world.tell(node, Instruction::GiveBack(call_id, lease));
            }
        };
        let epoch = lease.map(|(_, epoch)| epoch);
        let Ok(events) = decide(&session.call, command.clone(), &Context { now: self.agenda.wall() }) else {
            give_back(self);
            self.keep(node, call_id, session);
            return self.taken(node, newcomer, call_id);
        };
        let before = Standing::of(&session.call);
        let entry = Entry { command, delivery, settles: newcomer.settles.clone() };
        let appended = self.append(node, call_id, &mut session, &entry, events, epoch);
        if let Appended::Unknown = appended {
            session.resolving = true;
            let after = self.chance.between(1, 250);
            self.task(node, after, Task::Resolve(call_id, epoch));
        }
        self.settle(node, call_id, &mut session, before);
        self.keep(node, call_id, session);
        match appended {
            Appended::Stored => {
                self.tally.received += 1;
                self.note(|| format!("{call_id} came in, {:?}", newcomer.notice.references));
            }
            Appended::Unknown => self.turn_away(node, newcomer),
            Appended::Lost(Conflict::SequenceMoved) => {
                give_back(self);
                self.taken(node, newcomer, call_id);
            }
            Appended::Lost(conflict) => {
                give_back(self);
                if let (Conflict::StaleEpoch, Some(epoch)) = (conflict, epoch) {
                    self.fenced(node, epoch);
                }
                self.turn_away(node, newcomer);
            }
            Appended::NotStored => {
                give_back(self);
                self.turn_away(node, newcomer);
            }
        }
    }
}
