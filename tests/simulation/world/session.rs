//! A session: asks the call, stores what it says, tells the ledger, does what the new state asks for.

use callgate::domain::call::{
    Asking, Call, CallEvent, Command, Consequence, EndReason, EventKind, LedgerNews, Next, Record, Settlement, Slot,
    Standing, StandingNews, Witness, evolve, news_for_the_ledger,
};
use callgate::domain::ids::CallId;
use callgate::ledger::Instruction;
use callgate::store::{Append, Conflict, Delivery, Epoch, Trace, Write};

use super::World;
use super::database::{Committed, Fate};
use super::replica::Session;
use super::step::Task;

/// Decisions that are made again because somebody else was first.
const ATTEMPTS: u32 = 9;

/// A command, and what is stored together with what it comes to.
pub(super) struct Entry {
    pub(super) command: Command,
    pub(super) delivery: Option<Delivery>,
    pub(super) settles: Vec<i64>,
}

impl Entry {
    pub(super) fn of(command: Command) -> Self {
        Self { command, delivery: None, settles: Vec::new() }
    }
}

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Refused,
    Conflict(Conflict),
    /// The store is away; nothing is known to have changed.
    Away,
}

/// What an append came to.
pub(super) enum Appended {
    Stored,
    Lost(Conflict),
    NotStored,
    Unknown,
}

/// Whether the gate says so by itself, and not the provider, or an operator.
fn gives_up(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::CallEnded { witness: Witness::Gate, .. }
            | EventKind::PlacementFailed { reason: EndReason::ProviderMissing, .. }
    )
}

impl World {
    /// The session of a call, activated by replay where it is not there; none where the store is away.
    pub(super) fn session(&mut self, node: usize, call_id: CallId) -> Option<Session> {
        if let Some(session) = self.replicas[node].sessions.remove(&call_id) {
            return Some(session);
        }
        let mut session = Session::default();
        self.reload(node, call_id, &mut session).then_some(session)
    }

    /// Puts a session back, unless it leaves.
    pub(super) fn keep(&mut self, node: usize, call_id: CallId, session: Session) {
        let over = matches!(session.call, Call::Over(_) | Call::Abandoned { .. } | Call::Absent);
        let on_duty =
            session.dialling.is_some() || session.resolving || !over && (session.hanging_up || session.limited);
        if on_duty || !over && !self.chance.one_in(6) {
            self.replicas[node].sessions.insert(call_id, session);
        }
    }

    /// Reads the stream, and gives back what it turns out to hold no more; false where the store is away.
    fn reload(&mut self, node: usize, call_id: CallId, session: &mut Session) -> bool {
        if self.database.away {
            return false;
        }
        let before = session.call.slot();
        session.call = self.database.store.replay(call_id);
        session.sequence = callgate::store::Sequence(self.database.store.stream(call_id).len() as u64);
        self.tell_the_ledger(node, call_id, session, before);
        true
    }

    fn tell_the_ledger(&mut self, node: usize, call_id: CallId, session: &Session, before: Option<Slot>) {
        let as_of = session.sequence;
        match news_for_the_ledger(call_id, before, &session.call) {
            Some(LedgerNews::Release) => self.tell(node, Instruction::Release { call_id, as_of }),
            Some(LedgerNews::Put(holder)) => self.tell(node, Instruction::Put { holder, as_of }),
            None => {}
        }
    }

    /// Asks the call, and does what its state asks for then. Says whether anything is different.
    pub(super) fn record(&mut self, node: usize, call_id: CallId, entry: &Entry) -> Result<bool, Failure> {
        let mut session = self.session(node, call_id).ok_or(Failure::Away)?;
        let before = Standing::of(&session.call);
        let result = self.ask(node, call_id, &mut session, entry);
        self.settle(node, call_id, &mut session, before);
        self.keep(node, call_id, session);
        result
    }

    fn ask(&mut self, node: usize, call_id: CallId, session: &mut Session, entry: &Entry) -> Result<bool, Failure> {
        let mut asking = Asking::new(entry.command.clone());
        if entry.delivery.is_some() || !entry.settles.is_empty() {
            asking = asking.with_webhook();
        }
        for _ in 0..ATTEMPTS {
            let events = match asking.next(&session.call, self.agenda.wall()) {
                Next::Append(events) => events,
                Next::Nothing => return Ok(false),
                Next::Refused(_) => return Err(Failure::Refused),
                Next::Read => {
                    if !self.reload(node, call_id, session) {
                        return Err(Failure::Away);
                    }
                    asking.has_read();
                    continue;
                }
            };
            let changed = !events.is_empty();
            match self.append(node, call_id, session, entry, events, None) {
                Appended::Stored => return Ok(changed),
                Appended::Lost(Conflict::SequenceMoved) | Appended::Unknown => {
                    self.count("decided again");
                    if !self.reload(node, call_id, session) {
                        return Err(Failure::Away);
                    }
                    asking.has_read();
                }
                Appended::Lost(Conflict::ReferenceTaken(_)) => {
                    self.count("name of two calls");
                    asking.unname();
                }
                Appended::Lost(conflict) => return Err(Failure::Conflict(conflict)),
                Appended::NotStored => return Err(Failure::Away),
            }
        }
        Err(Failure::Away)
    }

    /// Stores events, and only then believes them.
    pub(super) fn append(
        &mut self,
        node: usize,
        call_id: CallId,
        session: &mut Session,
        entry: &Entry,
        events: Vec<CallEvent>,
        epoch: Option<Epoch>,
    ) -> Appended {
        let after = events.iter().fold(session.call.clone(), evolve);
        let Some(record) = Record::of(&after) else { return Appended::NotStored };
        let count = events.len();
        let gives_up = events.iter().any(|event| gives_up(&event.kind));
        let names: Vec<&'static str> = events.iter().map(|event| event.kind.name()).collect();
        let append = Append {
            call_id,
            expected: session.sequence,
            events,
            record,
            epoch,
            delivery: entry.delivery.clone().map(|delivery| Delivery { call_id: Some(call_id), ..delivery }),
            settles: entry.settles.clone(),
            trace: Trace::default(),
        };
        match self.commit(Write::Append(Box::new(append))) {
            Committed::Stored(written) => {
                self.note(|| format!("replica {node} stores of {call_id}: {names:?}"));
                for name in names {
                    self.count(name);
                }
                if gives_up {
                    self.judge_giving_up(call_id);
                }
                let before = std::mem::replace(&mut session.call, after);
                session.sequence = session.sequence.after(count);
                self.tell_the_ledger(node, call_id, session, before.slot());
                for parked in written.parked {
                    self.soon(node, Task::Hear(call_id, Box::new(parked.notice), parked.id));
                }
                Appended::Stored
            }
            Committed::Lost(conflict) => Appended::Lost(conflict),
            Committed::NotStored => Appended::NotStored,
            Committed::Unknown => Appended::Unknown,
        }
    }

    /// One transaction, and what becomes of it.
    pub(super) fn commit(&mut self, write: Write) -> Committed {
        let fate = if self.chance.one_in(self.terms.commit_in_doubt) {
            self.tally.doubts += 1;
            [Fate::AnswerLost, Fate::Vanished, Fate::Late][self.chance.place(3)]
        } else {
            Fate::Answered
        };
        if fate == Fate::Late && !self.database.away {
            let after = self.chance.between(10, 10_000);
            self.later(after, super::Outside::LateCommit);
        }
        self.judge.dirty = true;
        self.database.commit(write, fate, self.agenda.wall())
    }

    /// What the state asks for, once.
    pub(super) fn settle(&mut self, node: usize, call_id: CallId, session: &mut Session, before: Standing) {
        match before.news(Standing::of(&session.call)) {
            Some(StandingNews::Decided) => self.revisit_soon(node),
            Some(StandingNews::InDoubt) => self.follow_up(node, super::terms::GRACE),
            None => {}
        }
        match Consequence::of(&session.call) {
            Consequence::HangUp => self.hang_up(node, call_id, session),
            Consequence::Rest => {
                if let Some(dialling) = &mut session.dialling {
                    dialling.cancelled = true;
                }
            }
            Consequence::WatchDuration => self.limit_duration(node, call_id, session),
            Consequence::Wait => {}
        }
    }

    /// Settles an admission whose commit is in doubt.
    pub(super) fn resolve(&mut self, node: usize, call_id: CallId, epoch: Option<Epoch>) {
        let Some(mut session) = self.session(node, call_id) else {
            return self.task(node, 250, Task::Resolve(call_id, epoch));
        };
        if session.dialling.is_some() {
            session.resolving = false;
            return self.keep(node, call_id, session);
        }
        let before = Standing::of(&session.call);
        let settled = self.close_doubt(node, call_id, &mut session, epoch);
        self.settle(node, call_id, &mut session, before);
        session.resolving = !settled;
        self.keep(node, call_id, session);
        if !settled {
            self.task(node, 250, Task::Resolve(call_id, epoch));
        }
    }

    fn close_doubt(&mut self, node: usize, call_id: CallId, session: &mut Session, epoch: Option<Epoch>) -> bool {
        loop {
            match Settlement::of(&session.call, epoch.map(|epoch| epoch.0)) {
                Settlement::Ask(command) => match self.ask(node, call_id, session, &Entry::of(*command)) {
                    Ok(_) | Err(Failure::Refused) => {}
                    Err(_) => return false,
                },
                Settlement::Release => {
                    self.tell(node, Instruction::Release { call_id, as_of: session.sequence });
                    return true;
                }
                Settlement::Settled => {
                    self.count("doubt settled");
                    return true;
                }
            }
        }
    }

    /// A webhook that had waited is heard.
    pub(super) fn hear_parked(
        &mut self,
        node: usize,
        call_id: CallId,
        notice: callgate::domain::notice::Notice,
        id: i64,
    ) {
        let entry = Entry { settles: vec![id], ..Entry::of(notice.command()) };
        let _ = self.record(node, call_id, &entry);
    }
}
