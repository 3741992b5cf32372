//! The sweep: the gate's own planner, asked step by step, with the world going on between any two.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use callgate::domain::call::ReferenceKind;
use callgate::domain::ids::CallId;
use callgate::domain::reconciliation::{
    Correction, Inquiry, Listed, Look, Memory, Now, Planner, Policy, Question, Row, Stranger,
};

use super::World;
use super::chance::Millis;
use super::corrections::notice_of;
use super::step::Task;
use super::terms::{GRACE, ON_DEMAND, Sabotage, policy};

/// Which views are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All three.
    Full,
    /// Ledger against table.
    Ledger,
    /// Table against provider.
    Provider,
    /// Table against provider, where the provider's count says that some call is over.
    Ends,
}

impl Scope {
    fn compares_the_ledger(self) -> bool {
        matches!(self, Self::Full | Self::Ledger)
    }

    fn covers(self, other: Self) -> bool {
        self == Self::Full || self == other || self == Self::Provider && other == Self::Ends
    }
}

/// What a sweep wants of the world. Each is one step.
#[derive(Debug)]
pub(super) enum Query {
    Ledger,
    Count,
    List,
    Table,
    Rows(Vec<CallId>),
    Meet(String),
    Inquire(Box<Inquiry>),
    CarryOut(Correction),
}

/// What it gets.
pub(super) enum Reply {
    Holders(Vec<callgate::domain::admission::Holder>),
    /// How many conversations are live, and how many the table knows of.
    Count {
        live: Option<u64>,
        known: u64,
    },
    Listed(Option<Listed>),
    Rows(Vec<Row>),
    Met(Stranger),
    Look(Look),
    Done,
    /// The sweep is cut short.
    Nothing,
}

/// Where a sweep and the world meet.
#[derive(Clone, Default)]
struct Port(Rc<RefCell<Line>>);

#[derive(Default)]
struct Line {
    query: Option<Query>,
    reply: Option<(Reply, Now)>,
}

impl Port {
    async fn ask(&self, query: Query) -> (Reply, Now) {
        self.0.borrow_mut().query = Some(query);
        poll_fn(|_| match self.0.borrow_mut().reply.take() {
            Some(reply) => Poll::Ready(reply),
            None => Poll::Pending,
        })
        .await
    }

    async fn carry_out(&self, mut corrections: Vec<Correction>) {
        // The planner keeps its findings in no order; a day is to be the same each time.
        corrections.sort_by_key(call_of);
        for correction in corrections {
            self.ask(Query::CarryOut(correction)).await;
        }
    }
}

fn call_of(correction: &Correction) -> Option<CallId> {
    match correction {
        Correction::Release { call_id, .. }
        | Correction::Abandon { call_id }
        | Correction::PutBack { call_id }
        | Correction::Tell { call_id, .. } => Some(*call_id),
        Correction::TakeIn { .. } => None,
    }
}

/// A sweep under way.
pub(super) struct Sweeping {
    port: Port,
    scope: Scope,
    run: Pin<Box<dyn Future<Output = Memory>>>,
}

/// One sweep, from the ledger to the last correction; gives back what it found missing.
async fn sweep(port: Port, policy: Policy, scope: Scope, mut memory: Memory) -> Memory {
    if scope == Scope::Ends && memory.trusts_the_count() {
        let (Reply::Count { live, known }, _) = port.ask(Query::Count).await else { return memory };
        if live.is_some_and(|live| live >= known) {
            return memory;
        }
    }
    let mut planner = Planner::new(&policy, &mut memory);
    if scope.compares_the_ledger() {
        let (Reply::Holders(holders), _) = port.ask(Query::Ledger).await else { return memory };
        planner = planner.with_ledger(holders);
    }
    if scope != Scope::Ledger {
        let (Reply::Listed(listed), _) = port.ask(Query::List).await else { return memory };
        planner = planner.with_provider(listed);
    }
    let (Reply::Rows(rows), now) = port.ask(Query::Table).await else { return memory };
    port.carry_out(planner.table(&rows, &now)).await;
    if scope.compares_the_ledger() {
        let mut surplus = planner.surplus();
        surplus.sort_unstable();
        let (Reply::Rows(rows), now) = port.ask(Query::Rows(surplus)).await else { return memory };
        port.carry_out(planner.left_over(&rows, &now)).await;
    }
    if scope != Scope::Ledger {
        let mut strangers = planner.strangers();
        strangers.sort_unstable();
        for id in strangers {
            let (Reply::Met(stranger), now) = port.ask(Query::Meet(id.clone())).await else { return memory };
            port.carry_out(planner.stranger(&id, stranger, &now).into_iter().collect()).await;
        }
        let (_, now) = port.ask(Query::Rows(Vec::new())).await;
        let mut answers = Vec::new();
        for inquiry in planner.inquiries(&now) {
            let call_id = inquiry.row.call_id;
            let (Reply::Look(look), _) = port.ask(Query::Inquire(Box::new(inquiry))).await else { return memory };
            answers.push((call_id, look));
        }
        let (_, now) = port.ask(Query::Rows(Vec::new())).await;
        port.carry_out(planner.answers(answers, &now)).await;
    }
    memory
}

impl World {
    /// Begins a sweep, or lets one that is under way serve as well.
    pub(super) fn begin_sweep(&mut self, node: usize, scope: Scope) {
        if self.sabotage == Sabotage::NoSweep {
            return;
        }
        let replica = &mut self.replicas[node];
        if replica.sweep.as_ref().is_some_and(|sweeping| sweeping.scope.covers(scope)) {
            return;
        }
        if replica.sweep.is_some() {
            let covered = replica.next_sweep.is_some_and(|next| next.covers(scope));
            replica.next_sweep = if covered { replica.next_sweep } else { Some(scope) };
            return;
        }
        let (port, memory) = (Port::default(), std::mem::take(&mut replica.memory));
        let run = Box::pin(sweep(port.clone(), policy(), scope, memory));
        replica.sweep = Some(Sweeping { port, scope, run });
        self.tally.sweeps += 1;
        self.soon(node, Task::Sweep);
    }

    /// Answers what the sweep asked, and hears what it asks next.
    pub(super) fn sweep_on(&mut self, node: usize) {
        let Some(mut sweeping) = self.replicas[node].sweep.take() else { return };
        let query = sweeping.port.0.borrow_mut().query.take();
        if let Some(query) = query {
            let reply = self.answer(node, query);
            let now = self.now_on(node);
            sweeping.port.0.borrow_mut().reply = Some((reply, now));
        }
        match sweeping.run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                let asks_outside = matches!(
                    sweeping.port.0.borrow().query,
                    Some(Query::Count | Query::List | Query::Meet(_) | Query::Inquire(_))
                );
                let longest = if asks_outside { 400 } else { 20 };
                self.replicas[node].sweep = Some(sweeping);
                let after = self.chance.between(1, longest);
                self.task(node, after, Task::Sweep);
            }
            Poll::Ready(memory) => {
                self.replicas[node].memory = memory;
                self.swept(node, sweeping.scope);
            }
        }
    }

    fn swept(&mut self, node: usize, scope: Scope) {
        self.revisit_soon(node);
        if scope == Scope::Ledger {
            self.soon(node, Task::Terms);
        }
        if self.in_doubt() {
            self.follow_up(node, GRACE / 2);
        }
        if let Some(next) = self.replicas[node].next_sweep.take() {
            self.begin_sweep(node, next);
        }
    }

    fn in_doubt(&self) -> bool {
        self.database.store.live_sessions().any(|row| Row::from(row.clone()).is_in_doubt())
    }

    fn silent(&mut self) -> bool {
        self.provider.away || self.chance.one_in(self.terms.silence)
    }

    fn answer(&mut self, node: usize, query: Query) -> Reply {
        let now = self.agenda.now;
        let store_away = self.database.away;
        match query {
            Query::Count | Query::Table | Query::Rows(_) if store_away => Reply::Nothing,
            Query::Ledger if self.redis.away || self.replicas[node].epoch.is_none() => Reply::Nothing,
            Query::Ledger => Reply::Holders(self.redis.holders()),
            Query::List if self.silent() => Reply::Listed(None),
            Query::List => {
                let count = (!self.chance.one_in(4)).then_some(self.provider.live.len() as u64);
                Reply::Listed(Some(Listed { conversations: self.provider.list(now), count }))
            }
            Query::Count => {
                let known =
                    self.database.store.live_sessions().filter(|row| row.record.references.conversation().is_some());
                let known = known.count() as u64;
                let live = (!self.silent()).then_some(self.provider.live.len() as u64);
                Reply::Count { live, known }
            }
            Query::Table => self.read_table(node),
            Query::Rows(call_ids) => {
                let rows = call_ids.iter().filter_map(|call_id| self.database.store.session(*call_id).cloned());
                Reply::Rows(rows.map(Row::from).collect())
            }
            Query::Meet(id) => self.meet(&id),
            Query::Inquire(inquiry) => self.inquire(&inquiry),
            Query::CarryOut(correction) => {
                self.carry_out(node, correction);
                Reply::Done
            }
        }
    }

    /// Reads the live rows, and wakes the sessions that have something to do by themselves.
    fn read_table(&mut self, node: usize) -> Reply {
        let live: Vec<_> = self.database.store.live_sessions().cloned().collect();
        let now = self.agenda.wall();
        for row in live.iter().filter(|row| row.record.duty(now).is_some()) {
            self.wake(node, row.call_id);
        }
        Reply::Rows(live.into_iter().map(Row::from).collect())
    }

    fn meet(&mut self, id: &str) -> Reply {
        if self.silent() || self.database.away {
            return Reply::Met(Stranger::Unanswered);
        }
        let found = self.provider.look_up(id, self.agenda.now);
        let live = found.filter(|found| found.state == callgate::provider::ConversationState::Live);
        let Some(found) = live else { return Reply::Met(Stranger::Over) };
        let store = &self.database.store;
        let named = found.call_id.filter(|call_id| store.session(*call_id).is_some());
        let ours = named.or_else(|| store.call_of(&found.references)).and_then(|call_id| store.session(call_id));
        if let Some(row) = ours.filter(|row| row.record.profile.is_some()) {
            let row = Box::new(Row::from(row.clone()));
            return Reply::Met(Stranger::Ours { row, references: found.references });
        }
        let notice = notice_of(&found);
        Reply::Met(Stranger::Nobodys {
            may_be_ours: self.may_be_ours(&notice),
            names_its_carrier: found.references.iter().any(|name| name.kind != ReferenceKind::ConversationId),
            began_at: found.started_at,
        })
    }

    fn inquire(&mut self, Inquiry { row, question }: &Inquiry) -> Reply {
        if self.silent() {
            return Reply::Look(Look::Unanswered);
        }
        let now = self.agenda.now;
        let found = match (question, row.conversation()) {
            (Question::LookUp, Some(conversation)) => self.provider.look_up(conversation, now),
            _ => self.provider.find(row.call_id, now),
        };
        Reply::Look(match found {
            None => Look::Missing,
            Some(found) => match found.state {
                callgate::provider::ConversationState::Live => Look::Live(found.references),
                callgate::provider::ConversationState::Over { at } => Look::Over { references: found.references, at },
            },
        })
    }

    /// Among the replicas one goes after all doubts, for a while.
    pub(super) fn look_at_doubts(&mut self, node: usize) {
        self.replicas[node].follow_up = false;
        if !self.in_doubt() {
            return;
        }
        let now = self.agenda.now;
        if self.replicas[node].epoch.is_some() && take_turn(&mut self.doubts, node, now, GRACE) {
            self.begin_sweep(node, Scope::Provider);
        } else {
            self.follow_up(node, GRACE / 2);
        }
    }

    pub(super) fn follow_up(&mut self, node: usize, after: Millis) {
        if !std::mem::replace(&mut self.replicas[node].follow_up, true) {
            self.task(node, after, Task::FollowUp);
        }
    }

    /// A gate that is full and refusing looks for itself, but not all the time.
    pub(super) fn look_on_demand(&mut self, node: usize) {
        let now = self.agenda.now;
        if now >= self.demand.1 {
            self.demand = (node, now + ON_DEMAND);
            self.begin_sweep(node, Scope::Ends);
        }
    }
}

/// Whether it is this replica's turn; then it stays so for a while.
fn take_turn(turn: &mut (usize, Millis), node: usize, now: Millis, length: Millis) -> bool {
    let free = turn.0 == node || now >= turn.1;
    if free {
        *turn = (node, now + length);
    }
    free
}
