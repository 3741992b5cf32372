//! The duty to hang up: tried again, ever more slowly, until it is confirmed.

use std::time::Duration;

use callgate::domain::back_off::BackOff;
use callgate::domain::call::{Asked, Command, EndReason, Phase, Placement, StallLimits, TerminationReason, Witness};
use callgate::domain::ids::CallId;
use callgate::provider::{Conversation, ConversationState};
use chrono::TimeDelta;

use super::World;
use super::chance::{MINUTE, SECOND};
use super::provider::Provider;
use super::replica::Session;
use super::session::{Entry, Failure};
use super::step::Task;

/// Between two attempts.
const BACK_OFF: BackOff = BackOff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };
/// Beyond either, a hang-up has stalled.
const STALL_LIMITS: StallLimits = StallLimits { attempts: 10, lasting: TimeDelta::seconds(300) };

impl World {
    /// Goes on with the hang-up, unless an attempt is under way.
    pub(super) fn hang_up(&mut self, node: usize, call_id: CallId, session: &mut Session) {
        let Some(live) = session.call.live() else { return };
        if let Some(dialling) = &mut session.dialling {
            dialling.cancelled = true;
            return;
        }
        if session.hanging_up || live.phase.placement() == Placement::Pending {
            return;
        }
        session.hanging_up = true;
        session.attempts += 1;
        let after = self.chance.between(10, 800);
        self.task(node, after, Task::HangUp(call_id));
    }

    /// The attempt itself.
    pub(super) fn attempt_hang_up(&mut self, node: usize, call_id: CallId) {
        let Some(session) = self.session(node, call_id) else { return self.hang_up_later(node, call_id) };
        let conversation = session.call.live().map(|live| live.references.conversation().map(str::to_owned));
        self.keep(node, call_id, session);
        let Some(conversation) = conversation else { return };
        if self.provider.away || self.chance.one_in(self.terms.silence) {
            return self.hang_up_later(node, call_id);
        }
        let command = match conversation {
            Some(conversation) => self.end_talk(&conversation).then_some(Command::ConfirmTermination),
            None => self.provider.find(call_id, self.agenda.now).map(found),
        };
        match command {
            Some(command) => self.soon(node, Task::HungUp(call_id, Box::new(command))),
            None => self.hang_up_later(node, call_id),
        }
    }

    /// Whether the provider confirms that it is over.
    fn end_talk(&mut self, conversation: &str) -> bool {
        let (now, wall) = (self.agenda.now, self.agenda.wall());
        let Some(talk) = Provider::number(conversation) else { return false };
        if self.provider.talks[talk].ended_at.is_some() {
            return true;
        }
        if self.provider.stubborn || !self.provider.live.contains(&talk) {
            return false;
        }
        self.note(|| format!("conversation {talk} is hung up"));
        self.provider.end(talk, now, wall, &mut self.chance);
        self.announce_end(talk, EndReason::Completed);
        // It may be asked again before it says so.
        !self.chance.one_in(4)
    }

    /// What an attempt found out is stored.
    pub(super) fn hung_up(&mut self, node: usize, call_id: CallId, command: Command) {
        if let Some(session) = self.replicas[node].sessions.get_mut(&call_id) {
            // Until it is stored there is no other attempt.
            session.hanging_up = true;
        }
        let recorded = self.record(node, call_id, &Entry::of(command));
        let nameless = self.replicas[node]
            .sessions
            .get(&call_id)
            .is_some_and(|session| session.call.live().is_some_and(|live| live.references.conversation().is_none()));
        if recorded.is_err() || nameless {
            return self.hang_up_later(node, call_id);
        }
        if let Some(session) = self.replicas[node].sessions.get_mut(&call_id) {
            session.hanging_up = false;
        }
        self.wake(node, call_id);
    }

    fn hang_up_later(&mut self, node: usize, call_id: CallId) {
        let attempts = self.replicas[node].sessions.get(&call_id).map_or(1, |session| session.attempts);
        self.report_stall(node, call_id, attempts);
        let pause = BACK_OFF.pause(attempts, self.chance.share());
        self.task(node, u64::try_from(pause.as_millis()).unwrap_or(MINUTE), Task::HangUpAgain(call_id));
    }

    /// Has it stored that the hang-up takes long.
    fn report_stall(&mut self, node: usize, call_id: CallId, attempts: u32) {
        let phase = self.replicas[node].sessions.get(&call_id).and_then(|session| Some(session.call.live()?.phase));
        let Some(Phase::Terminating { since, stalled: false, .. }) = phase else { return };
        if STALL_LIMITS.are_reached(attempts, since, self.agenda.wall()) {
            let _ = self.record(node, call_id, &Entry::of(Command::ReportStall { attempts, detail: String::new() }));
        }
    }

    /// The next attempt, if the call is still to be hung up. Activation alone does the same.
    pub(super) fn hang_up_again(&mut self, node: usize, call_id: CallId) {
        let Some(mut session) = self.session(node, call_id) else { return self.hang_up_later(node, call_id) };
        session.hanging_up = false;
        if session.call.live().is_some_and(|live| matches!(live.phase, Phase::Terminating { .. })) {
            self.hang_up(node, call_id, &mut session);
        }
        self.keep(node, call_id, session);
    }

    /// Hangs up at the end of the maximum duration.
    pub(super) fn limit_duration(&mut self, node: usize, call_id: CallId, session: &mut Session) {
        let Some(live) = session.call.live() else { return };
        let (Some(seconds), Some(started_at)) = (live.profile.max_duration_seconds, live.started_at) else { return };
        if !std::mem::replace(&mut session.limited, true) {
            let left = TimeDelta::seconds(i64::from(seconds)) - (self.agenda.wall() - started_at);
            let after = u64::try_from(left.num_milliseconds()).unwrap_or(0).max(1);
            self.task(node, after, Task::DurationOver(call_id));
        }
    }

    /// The call has lasted as long as it may; that is stored, however long it takes.
    pub(super) fn end_duration(&mut self, node: usize, call_id: CallId) {
        let command = Command::RequestTermination { reason: TerminationReason::MaxDuration };
        if matches!(self.record(node, call_id, &Entry::of(command)), Err(Failure::Away | Failure::Conflict(_))) {
            let after = self.chance.between(SECOND, 2 * SECOND);
            self.task(node, after, Task::DurationOver(call_id));
        }
    }

    /// A sweep sees to it that somebody goes on with a hang-up.
    pub(super) fn wake(&mut self, node: usize, call_id: CallId) {
        let Some(mut session) = self.session(node, call_id) else { return };
        let standing = callgate::domain::call::Standing::Decided;
        self.settle(node, call_id, &mut session, standing);
        self.keep(node, call_id, session);
    }
}

fn found(conversation: Conversation) -> Command {
    match conversation.state {
        ConversationState::Live => {
            Command::ObserveLive { references: conversation.references, asked: Asked::WhileLive }
        }
        ConversationState::Over { at } => Command::End {
            reason: EndReason::ProviderEnded,
            at,
            references: conversation.references,
            witness: Witness::LookUp,
            note: None,
        },
    }
}
