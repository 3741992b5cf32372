//! A command on its way to a call: decided on what is known of it, and again where that turns out to be old.

use chrono::{DateTime, Utc};

use super::command::{Command, Context, Refusal};
use super::decide::decide;
use super::event::CallEvent;
use super::state::Call;

/// One command, until it is stored or comes to nothing.
///
/// An append that comes too late is refused by the store. That nothing changes, or that the call refuses, is
/// stored nowhere: it is said only of a state that was read for this very question.
#[derive(Clone, Debug)]
pub struct Asking {
    command: Command,
    /// A webhook is stored with whatever it comes to.
    with_webhook: bool,
    /// The state was read for this question.
    read: bool,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read the stream, and ask again.
    Read,
    /// Store these events, which may be none.
    Append(Vec<CallEvent>),
    /// It says nothing new.
    Nothing,
    /// The call refuses.
    Refused(Refusal),
}

impl Asking {
    /// Begins to ask.
    pub fn new(command: Command) -> Self {
        Self { command, with_webhook: false, read: false }
    }

    /// A webhook is to be stored together with the answer, even where that is no event.
    #[must_use]
    pub fn with_webhook(self) -> Self {
        Self { with_webhook: true, ..self }
    }

    /// What is to be done, by what is known of the call.
    pub fn next(&self, call: &Call, now: DateTime<Utc>) -> Next {
        // The first events of an absent call may have been stored since it was looked for.
        if !self.read && matches!(call, Call::Absent) {
            return Next::Read;
        }
        match decide(call, self.command.clone(), &Context { now }) {
            Ok(events) if !events.is_empty() => Next::Append(events),
            _ if !self.read => Next::Read,
            Ok(events) if self.with_webhook => Next::Append(events),
            Ok(_) => Next::Nothing,
            Err(refusal) => Next::Refused(refusal),
        }
    }

    /// The stream was read.
    pub fn has_read(&mut self) {
        self.read = true;
    }

    /// The names in the command belong to another call: what is said of this one is still true.
    pub fn unname(&mut self) {
        self.command = self.command.clone().unnamed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::TerminationReason;

    fn abandoned() -> Call {
        Call::Abandoned { at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn nothing_is_refused_by_a_state_that_may_be_old() {
        let mut asking = Asking::new(Command::RequestTermination { reason: TerminationReason::Operator });
        assert_eq!(asking.next(&abandoned(), DateTime::UNIX_EPOCH), Next::Read);
        asking.has_read();
        assert_eq!(asking.next(&abandoned(), DateTime::UNIX_EPOCH), Next::Refused(Refusal::Unknown));
    }

    #[test]
    fn an_absent_call_is_looked_for_before_anything_is_stored() {
        let mut asking = Asking::new(Command::Abandon);
        assert_eq!(asking.next(&Call::Absent, DateTime::UNIX_EPOCH), Next::Read);
        asking.has_read();
        assert!(matches!(asking.next(&Call::Absent, DateTime::UNIX_EPOCH), Next::Append(events) if events.len() == 1));
    }

    #[test]
    fn a_webhook_that_says_nothing_new_is_stored_all_the_same() {
        let mut asking = Asking::new(Command::ConfirmTermination);
        asking.has_read();
        assert_eq!(asking.next(&abandoned(), DateTime::UNIX_EPOCH), Next::Nothing);
        assert_eq!(asking.with_webhook().next(&abandoned(), DateTime::UNIX_EPOCH), Next::Append(Vec::new()));
    }
}
