//! Who uses the gate: the platform with its businesses, callers, and an operator. And what the provider tells of it.

use callgate::domain::call::{Command, Direction, EndReason, Reference, TerminationReason, Witness};
use callgate::domain::ids::{AgentId, BusinessId, PlanName};
use callgate::domain::notice::{News, Notice};

use super::World;
use super::chance::{Chance, HOUR, MINUTE, Millis, SECOND};
use super::inbound::{LOOKS, TRIES};
use super::provider::name_of;
use super::session::Entry;
use super::step::{Hook, Outside, Task, Wish};
use super::terms::Terms;

/// A tenant.
#[derive(Debug)]
pub(super) struct Business {
    pub(super) id: BusinessId,
    pub(super) plan: PlanName,
    pub(super) agent: AgentId,
    pub(super) limit: u32,
    pub(super) takes_calls: bool,
}

/// The directory.
#[derive(Debug)]
pub(super) struct Platform {
    pub(super) businesses: Vec<Business>,
    keys: u64,
}

impl Platform {
    pub(super) fn new(terms: &Terms, chance: &mut Chance) -> Self {
        let businesses = (0..terms.businesses).map(|number| Business {
            id: format!("business-{number}").parse().expect("a short name"),
            plan: ["PAYG", "PRO", "ENTERPRISE"][number % 3].parse().expect("a short name"),
            agent: format!("agent-{number}").parse().expect("a short name"),
            limit: u32::try_from(chance.between(1, u64::from(terms.cap))).unwrap_or(1),
            takes_calls: !chance.one_in(8),
        });
        Self { businesses: businesses.collect(), keys: 0 }
    }

    pub(super) fn business_of(&self, agent: &AgentId) -> Option<usize> {
        self.businesses.iter().position(|business| business.agent == *agent)
    }
}

impl World {
    /// More calls at once than there are slots.
    pub(super) fn campaign(&mut self) {
        if self.evening {
            return;
        }
        let size = self.chance.between(2, u64::from(self.terms.cap) + 5);
        for _ in 0..size {
            let business = self.chance.place(self.terms.businesses);
            let key = self.chance.one_in(6).then(|| {
                self.platform.keys += 1;
                self.platform.keys
            });
            let longest = self.chance.one_in(5).then(|| u32::try_from(self.chance.between(20, 600)).unwrap_or(60));
            let wish = Wish { business, key, longest, last: false, call_id: None };
            let after = self.chance.between(1, 30 * SECOND);
            self.tally.asked += 1;
            self.ask_somebody(after, wish.clone());
            if key.is_some() {
                // The client asks again, perhaps another replica, perhaps at the same moment.
                for longest in [0, SECOND, 2 * MINUTE] {
                    let again = after + self.chance.between(0, longest);
                    self.ask_somebody(again, wish.clone());
                }
            }
        }
        self.tempt_fate();
        let next = self.chance.around(self.terms.campaign_every);
        self.later(next, Outside::Campaign);
    }

    fn ask_somebody(&mut self, after: Millis, wish: Wish) {
        if let Some(node) = self.somebody() {
            self.task(node, after, Task::Ask(Box::new(wish)));
        }
    }

    /// Somebody calls in.
    pub(super) fn ring_in(&mut self) {
        if self.evening {
            return;
        }
        let business = self.chance.place(self.terms.businesses);
        let talk = self.provider.prepare(None, business, None);
        if self.chance.one_in(3) {
            // The carrier asks before there is a conversation; now and then none follows.
            let carrier_name = format!("CA{talk}");
            let references = std::iter::once(Reference::call_sid(&carrier_name)).collect();
            self.provider.talks[talk].carrier_name = Some(carrier_name);
            let notice = Notice { references, ..self.notice(talk, News::Started) };
            self.send_webhook(notice, 50);
            if self.chance.one_in(8) {
                return self.next_ring();
            }
        }
        let after = self.chance.between(100, 5 * SECOND);
        self.later(after, Outside::Begin { conversation: talk });
        self.next_ring();
    }

    fn next_ring(&mut self) {
        let next = self.chance.around(self.terms.inbound_every);
        self.later(next, Outside::RingIn);
    }

    /// A conversation begins.
    pub(super) fn begin_talk(&mut self, talk: usize) {
        let (now, wall) = (self.agenda.now, self.agenda.wall());
        self.note(|| format!("conversation {talk} begins"));
        if self.provider.talks[talk].call_id.is_some_and(|call_id| self.judge.disowned.contains(&call_id)) {
            self.provider.talks[talk].disowned = true;
        }
        self.provider.begin(talk, now, wall, &mut self.chance);
        self.judge_beginning(talk);
        let outbound = self.provider.talks[talk].call_id.is_some();
        let length =
            if outbound && self.chance.one_in(12) { self.chance.between(5_000, 30_000) } else { self.chance.talk() };
        self.later(length, Outside::End { conversation: talk });
        if self.chance.percent(self.terms.announced) {
            let delay = self.chance.between(50, 4 * SECOND);
            let notice = self.notice(talk, News::Started);
            self.send_webhook(notice, delay);
        }
    }

    /// A conversation ends by itself.
    pub(super) fn end_talk_by_itself(&mut self, talk: usize) {
        let (now, wall) = (self.agenda.now, self.agenda.wall());
        if self.provider.end(talk, now, wall, &mut self.chance) {
            self.note(|| format!("conversation {talk} ends"));
            let reason = if self.chance.one_in(12) { EndReason::NoAnswer } else { EndReason::Completed };
            self.announce_end(talk, reason);
        }
    }

    pub(super) fn announce_end(&mut self, talk: usize, reason: EndReason) {
        let delay = self.chance.between(SECOND, 90 * SECOND);
        let notice =
            Notice { occurred_at: self.provider.talks[talk].ended_at, ..self.notice(talk, News::Ended { reason }) };
        self.send_webhook(notice, delay);
    }

    fn notice(&mut self, talk: usize, news: News) -> Notice {
        let entry = &self.provider.talks[talk];
        let (call_id, outbound) = (entry.call_id, entry.call_id.is_some());
        let agent = self.platform.businesses[entry.business].agent.clone();
        let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
        let carrier_name = entry.carrier_name.clone();
        let mut references = vec![Reference::conversation(name_of(talk))];
        if let Some(carrier_name) = carrier_name
            && (!outbound || self.chance.one_in(2))
        {
            references.push(Reference::call_sid(carrier_name));
        }
        Notice {
            news,
            call_id: call_id.filter(|_| self.chance.one_in(2)),
            references: references.into_iter().collect(),
            agent_id: (!self.chance.one_in(10)).then_some(agent),
            direction: self.chance.one_in(2).then_some(direction),
            counterpart: None,
            occurred_at: None,
        }
    }

    /// Sends a webhook: it may be lost, late, or come again.
    fn send_webhook(&mut self, notice: Notice, delay: Millis) {
        self.tally.webhooks += 1;
        if self.provider.mute || self.chance.percent(self.terms.lost) {
            return;
        }
        let late = self.chance.percent(self.terms.late);
        let delay = if late { self.chance.between(MINUTE, HOUR) } else { delay };
        let hook = Hook { body: self.chance.number(), notice, tries: TRIES, looks: LOOKS };
        if self.chance.percent(self.terms.again) {
            let again = delay.saturating_add(self.chance.between(0, 2 * MINUTE));
            self.later(again, Outside::Deliver(Box::new(hook.clone())));
        }
        self.later(delay, Outside::Deliver(Box::new(hook)));
    }

    /// An operator changes something, or ends a call.
    pub(super) fn operate(&mut self) {
        if self.evening {
            return;
        }
        let next = self.chance.around(self.terms.operator_every);
        self.later(next, Outside::Operator);
        let Some(node) = self.somebody() else { return };
        if self.database.away {
            return;
        }
        match self.chance.place(5) {
            0 | 1 => self.change_cap(),
            2 => self.change_limit(),
            3 => self.end_some_call(node, false),
            _ => {
                let forced = self.chance.one_in(3);
                self.end_some_call(node, forced);
            }
        }
    }

    fn change_cap(&mut self) {
        let (from, to) = (u64::from(self.terms.cap).saturating_sub(2).max(1), u64::from(self.terms.cap) + 2);
        let cap = u32::try_from(self.chance.between(from, to)).unwrap_or(1);
        self.note(|| format!("the cap is {cap}"));
        self.database.pool.cap = cap;
        self.judge.allow(cap);
        self.judge.dirty = true;
        for node in 0..self.replicas.len() {
            let after = self.chance.between(1, SECOND);
            self.task(node, after, Task::Terms);
        }
    }

    fn change_limit(&mut self) {
        let business = self.chance.place(self.terms.businesses);
        let limit = u32::try_from(self.chance.between(1, u64::from(self.terms.cap))).unwrap_or(1);
        self.note(|| format!("the limit of business {business} is {limit}"));
        self.platform.businesses[business].limit = limit;
        self.judge.limits[business] = self.judge.limits[business].max(limit);
    }

    /// Somebody with the right to do so hangs up, or says that a call is over.
    fn end_some_call(&mut self, node: usize, forced: bool) {
        let live: Vec<_> = self.database.store.live_sessions().map(|row| row.call_id).collect();
        if live.is_empty() {
            return;
        }
        let call_id = live[self.chance.place(live.len())];
        let command = if forced {
            Command::End {
                reason: EndReason::Operator,
                at: None,
                references: callgate::domain::call::References::none(),
                witness: Witness::Operator,
                note: Some("over".to_owned()),
            }
        } else {
            Command::RequestTermination { reason: TerminationReason::Operator }
        };
        self.note(|| format!("an operator ends {call_id}, forced: {forced}"));
        if self.record(node, call_id, &Entry::of(command)).is_ok() && forced {
            self.disown(call_id);
        }
    }

    /// What an operator says to be over does not count against the cap, even if it is not over.
    fn disown(&mut self, call_id: callgate::domain::ids::CallId) {
        let of_call = self.provider.talks.iter_mut().filter(|talk| talk.call_id == Some(call_id));
        of_call.for_each(|talk| talk.disowned = true);
        self.judge.disowned.insert(call_id);
    }
}
