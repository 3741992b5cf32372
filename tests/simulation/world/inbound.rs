//! A webhook's way: known, an early end, a start that may be ours, or a call that nobody knows.

use callgate::domain::ids::CallId;
use callgate::domain::notice::{News, Notice, Route};
use callgate::store::{Conflict, Delivery, DeliveryState, Write};

use super::World;
use super::chance::{MINUTE, SECOND};
use super::database::Committed;
use super::session::{Entry, Failure};
use super::step::{Hook, Newcomer, Outside, Task};

/// Decisions that are made again because a call became known meanwhile.
pub(super) const LOOKS: u32 = 4;
/// Deliveries that the provider tries.
pub(super) const TRIES: u32 = 4;

impl World {
    /// A webhook arrives at one replica; where nobody takes it, the provider tries again, for a while.
    pub(super) fn deliver(&mut self, hook: Hook) {
        match self.somebody() {
            Some(node) if !self.database.away => self.receive(node, hook),
            _ => self.deliver_again(hook),
        }
    }

    /// It was answered 503.
    fn deliver_again(&mut self, mut hook: Hook) {
        if hook.tries == 0 {
            return;
        }
        hook.tries -= 1;
        hook.looks = LOOKS;
        let after = self.chance.between(5 * SECOND, 10 * MINUTE);
        self.later(after, Outside::Deliver(Box::new(hook)));
    }

    /// Finds out which call it is about.
    pub(super) fn receive(&mut self, node: usize, mut hook: Hook) {
        if self.database.away || hook.looks == 0 {
            return self.deliver_again(hook);
        }
        hook.looks -= 1;
        if self.database.store.was_delivered(&hook.body_hash()) {
            return;
        }
        if let Some(call_id) = self.known(&hook.notice) {
            return self.soon(node, Task::Tell(Box::new(hook), call_id));
        }
        match self.route(&hook.notice) {
            Route::KeepForItsStart => self.soon(node, Task::File(Box::new(hook), DeliveryState::Early)),
            Route::File => self.soon(node, Task::File(Box::new(hook), DeliveryState::Settled)),
            Route::Park => self.soon(node, Task::File(Box::new(hook), DeliveryState::Parked)),
            Route::Welcome => {
                let notice = hook.notice.clone();
                self.welcome_soon(node, notice, Some(Box::new(hook)), Vec::new(), false);
            }
        }
    }

    pub(super) fn welcome_soon(
        &mut self,
        node: usize,
        notice: Notice,
        hook: Option<Box<Hook>>,
        settles: Vec<i64>,
        by_sweep: bool,
    ) {
        let newcomer = Newcomer { notice, hook, settles, by_sweep, attempt: 1, patience: 30 };
        self.soon(node, Task::Welcome(Box::new(newcomer)));
    }

    /// The call that a notice is about, by the echo of our id or by one of its names.
    pub(super) fn known(&self, notice: &Notice) -> Option<CallId> {
        let store = &self.database.store;
        let echoed = notice.call_id.filter(|id| store.session(*id).is_some_and(|row| row.record.profile.is_some()));
        echoed.or_else(|| store.call_of(&notice.references))
    }

    fn route(&self, notice: &Notice) -> Route {
        notice.route(self.has_ended(notice), self.may_be_ours(notice))
    }

    fn has_ended(&self, notice: &Notice) -> bool {
        let parked = self.database.store.parked_for(&notice.references);
        parked.iter().any(|parked| matches!(parked.notice.news, News::Ended { .. }))
    }

    pub(super) fn may_be_ours(&self, notice: &Notice) -> bool {
        self.database.store.live_sessions().any(|row| notice.may_be(&row.record))
    }

    /// The inbox row of a webhook.
    pub(super) fn delivery(&self, hook: &Hook, state: DeliveryState) -> Delivery {
        Delivery {
            body_hash: hook.body_hash(),
            event_type: String::new(),
            notice: hook.notice.clone(),
            state,
            outcome: "ignored",
            call_id: None,
            received_at: self.agenda.wall(),
        }
    }

    /// Its call hears it.
    pub(super) fn tell_call(&mut self, node: usize, hook: Hook, call_id: CallId) {
        let delivery = self.delivery(&hook, DeliveryState::Settled);
        let entry = Entry { delivery: Some(delivery), ..Entry::of(hook.notice.clone().command()) };
        match self.record(node, call_id, &entry) {
            Ok(_) | Err(Failure::Conflict(Conflict::DuplicateDelivery)) => {}
            Err(_) => self.deliver_again(hook),
        }
    }

    /// It changes no call, for now; unless its call has become known meanwhile.
    pub(super) fn file(&mut self, node: usize, hook: Hook, state: DeliveryState) {
        let delivery = self.delivery(&hook, state);
        match self.commit(Write::File(delivery)) {
            Committed::Stored(_) | Committed::Lost(Conflict::DuplicateDelivery) => {
                self.note(|| format!("a webhook is filed as {state:?}"));
                self.count(match state {
                    DeliveryState::Settled => "start after its end",
                    DeliveryState::Parked => "parked start",
                    DeliveryState::Early => "early end",
                });
            }
            Committed::Lost(_) => self.soon(node, Task::Receive(Box::new(hook))),
            Committed::NotStored | Committed::Unknown => self.deliver_again(hook),
        }
    }

    /// Webhooks that wait may go on: soon, and once for all who say so.
    pub(super) fn revisit_soon(&mut self, node: usize) {
        if !std::mem::replace(&mut self.replicas[node].revisiting, true) {
            self.soon(node, Task::Revisit);
        }
    }

    /// Looks again at the webhooks that wait for their call.
    pub(super) fn revisit(&mut self, node: usize) {
        self.replicas[node].revisiting = false;
        if self.database.away {
            return;
        }
        for parked in self.database.store.parked() {
            if let Some(call_id) = self.known(&parked.notice) {
                self.soon(node, Task::Hear(call_id, Box::new(parked.notice), parked.id));
            } else if parked.notice.news == News::Started && !self.may_be_ours(&parked.notice) {
                if self.has_ended(&parked.notice) {
                    let _ = self.commit(Write::Settle { id: parked.id, outcome: "ignored" });
                } else {
                    self.welcome_soon(node, parked.notice, None, vec![parked.id], false);
                }
            }
        }
    }
}
