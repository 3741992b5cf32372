//! The list of conversations: which are asked for, and page by page, newest first.
//! A cursor names the last call of a page, so that calls which begin meanwhile shift nothing.

use chrono::{DateTime, Utc};

use super::call::SimulatedCall;
use crate::provider::elevenlabs::wire::{ConversationPage, ConversationStatus};

const PAGE_SIZE: usize = 30;
const PAGE_SIZE_MAX: usize = 100;

/// A question to the list of conversations. Times are Unix seconds, inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListQuery {
    before: Option<usize>,
    page_size: usize,
    agent_id: Option<String>,
    user_id: Option<String>,
    started_from: Option<i64>,
    started_until: Option<i64>,
    excluded: Vec<ConversationStatus>,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            before: None,
            page_size: PAGE_SIZE,
            agent_id: None,
            user_id: None,
            started_from: None,
            started_until: None,
            excluded: Vec::new(),
        }
    }
}

impl ListQuery {
    /// Reads the query's parameters; an error is the name of the one that cannot be read.
    pub(super) fn read(parameters: Vec<(String, String)>) -> Result<Self, String> {
        let mut query = Self::default();
        for (name, value) in parameters {
            let understood = match name.as_str() {
                "cursor" => value.parse().map(|position| query.before = Some(position)).is_ok(),
                "page_size" => match value.parse() {
                    Ok(size @ 1..=PAGE_SIZE_MAX) => {
                        query.page_size = size;
                        true
                    }
                    _ => false,
                },
                "call_start_after_unix" => value.parse().map(|at| query.started_from = Some(at)).is_ok(),
                "call_start_before_unix" => value.parse().map(|at| query.started_until = Some(at)).is_ok(),
                "agent_id" => {
                    query.agent_id = Some(value);
                    true
                }
                "user_id" => {
                    query.user_id = Some(value);
                    true
                }
                "exclude_statuses" => {
                    query.excluded.push(value.into());
                    true
                }
                _ => true,
            };
            if !understood {
                return Err(name);
            }
        }
        Ok(query)
    }

    /// The page of `calls` (in the order of their beginning) that is asked for.
    pub(super) fn page(&self, calls: &[SimulatedCall], now: DateTime<Utc>) -> ConversationPage {
        let end = self.before.unwrap_or(calls.len()).min(calls.len());
        let mut found = calls[..end].iter().enumerate().rev().filter(|(_, call)| self.matches(call)).peekable();
        let mut conversations = Vec::new();
        let mut last = None;
        while conversations.len() < self.page_size
            && let Some((position, call)) = found.next()
        {
            conversations.push(call.item(now));
            last = Some(position);
        }
        let has_more = found.peek().is_some();
        let next_cursor = last.filter(|_| has_more).map(|position| position.to_string());
        ConversationPage { conversations, next_cursor, has_more }
    }

    fn matches(&self, call: &SimulatedCall) -> bool {
        let started = call.started_at.timestamp();
        !call.deleted
            && !self.excluded.contains(&call.status)
            && self.agent_id.as_ref().is_none_or(|agent_id| *agent_id == call.setup.agent_id)
            && self.user_id.as_ref().is_none_or(|user_id| call.setup.client_data.user_id.as_ref() == Some(user_id))
            && self.started_from.is_none_or(|from| started >= from)
            && self.started_until.is_none_or(|until| started <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::simulator::call::EndReason;
    use crate::provider::simulator::switchboard::tests::{at, setup};
    use crate::provider::simulator::switchboard::{Switchboard, Targets};

    /// Calls 0 to 4, one a second; 1 is over; 2 belongs to user ada.
    fn board() -> Switchboard {
        let mut board = Switchboard::new(10, Targets::default());
        for number in 0..5 {
            let mut setup = setup(&format!("conv_{number}"));
            setup.client_data.user_id = (number == 2).then(|| "ada".to_owned());
            board.dial(setup, at(number)).unwrap();
        }
        board.hang_up("conv_1", EndReason::Completed, at(9)).unwrap();
        board
    }

    fn query(parameters: &[(&str, &str)]) -> Result<ListQuery, String> {
        ListQuery::read(parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn page(board: &Switchboard, parameters: &[(&str, &str)]) -> ConversationPage {
        query(parameters).unwrap().page(board.calls(), at(9))
    }

    fn listed(board: &Switchboard, parameters: &[(&str, &str)]) -> Vec<String> {
        page(board, parameters)
            .conversations
            .into_iter()
            .map(|item| item.conversation_id.replace("conv_", ""))
            .collect()
    }

    #[test]
    fn filters_narrow_the_list() {
        let board = board();
        assert_eq!(listed(&board, &[("summary_mode", "include")]), ["4", "3", "2", "1", "0"]);
        assert_eq!(
            listed(&board, &[("exclude_statuses", "done"), ("exclude_statuses", "processing")]),
            ["4", "3", "2", "0"]
        );
        assert_eq!(listed(&board, &[("user_id", "ada")]), ["2"]);
        assert!(listed(&board, &[("agent_id", "agent_2")]).is_empty());
        let (from, until) = (at(1).timestamp().to_string(), at(3).timestamp().to_string());
        assert_eq!(
            listed(&board, &[("call_start_after_unix", &from), ("call_start_before_unix", &until)]),
            ["3", "2", "1"]
        );
    }

    #[test]
    fn pages_are_whole_while_calls_begin_between_them() {
        let mut board = board();
        let first = page(&board, &[("page_size", "2")]);
        assert!(first.has_more);
        board.dial(setup("conv_5"), at(5)).unwrap();
        let cursor = first.next_cursor.unwrap();
        assert_eq!(listed(&board, &[("page_size", "2"), ("cursor", &cursor)]), ["2", "1"]);
        let last = page(&board, &[("page_size", "3"), ("cursor", &cursor)]);
        assert_eq!((last.has_more, last.next_cursor), (false, None));
    }

    #[test]
    fn a_parameter_that_cannot_be_read_is_named() {
        for (name, value) in
            [("page_size", "101"), ("page_size", "0"), ("cursor", "x"), ("call_start_after_unix", "now")]
        {
            assert_eq!(query(&[(name, value)]), Err(name.to_owned()));
        }
    }
}
