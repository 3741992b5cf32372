//! Conversations: one by its name, the one of a call, those that are live.

use awc::http::Method;
use chrono::{DateTime, TimeDelta, Utc};

use super::client::ElevenLabs;
use super::wire::{self, CallDirection, ConversationDetails, ConversationStatus};
use crate::domain::call::{Direction, Reference, References};
use crate::domain::ids::CallId;
use crate::domain::phone::MaskedNumber;
use crate::provider::address::segment;
use crate::provider::{Conversation, ConversationPage, ConversationState, ProviderError, Stretch};

/// The largest page the API gives.
const PAGE_SIZE: u32 = 100;
/// There is no filter for "live"; these are the states that are not.
const NOT_LIVE: &str = "exclude_statuses=processing&exclude_statuses=done&exclude_statuses=failed";
/// The provider's clock may differ from ours by this much.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(2);
/// Candidates that are looked at for one call; a caller's `user_id` may have many conversations.
const MOST_CANDIDATES: usize = 200;

impl ElevenLabs {
    pub(super) async fn conversation(&self, id: &str) -> Result<Option<Conversation>, ProviderError> {
        let path = format!("/v1/convai/conversations/{}", segment(id));
        let details: Option<ConversationDetails> = self.ask("look_up", self.question(Method::GET, &path)).await?;
        if let Some(other) = details.as_ref().map(|details| &details.conversation_id).filter(|told| *told != id) {
            return Err(ProviderError(format!("asked for the conversation {id}, it told of {other:?}")));
        }
        Ok(details.as_ref().map(conversation_of))
    }

    pub(super) async fn conversation_of(
        &self,
        call_id: CallId,
        user_id: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<Option<Conversation>, ProviderError> {
        let sent = user_id.map_or_else(|| call_id.to_string(), str::to_owned);
        let after = (since - CLOCK_SKEW).timestamp();
        let filter = format!("user_id={}&call_start_after_unix={after}", segment(&sent));
        let mut cursor = None;
        let mut looked_at = 0;
        loop {
            let page = self.page("find", &filter, cursor.as_deref()).await?;
            // A page without anybody is a candidate, too: there is no list without an end.
            looked_at += usize::from(page.conversation_ids.is_empty());
            for id in page.conversation_ids {
                looked_at += 1;
                if looked_at > MOST_CANDIDATES {
                    return Err(ProviderError(format!("more than {MOST_CANDIDATES} conversations share the user id")));
                }
                let unclear = || ProviderError(format!("the conversation {id} does not say whose it is"));
                let found = self.conversation(&id).await?.ok_or_else(unclear)?;
                match found.call_id {
                    Some(theirs) if theirs == call_id => return Ok(Some(found)),
                    // Every call of ours says so as soon as it has begun; this one may be about to.
                    None if found.state == ConversationState::Live => return Err(unclear()),
                    _ => {}
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn live_page(
        &self,
        began: Stretch,
        cursor: Option<&str>,
    ) -> Result<ConversationPage, ProviderError> {
        let mut filter = NOT_LIVE.to_owned();
        // The API knows whole seconds; a second too many at either end loses nobody.
        for (name, at) in [
            ("call_start_after_unix", began.from.map(|from| from - TimeDelta::seconds(1))),
            ("call_start_before_unix", began.to.map(|to| to + TimeDelta::seconds(1))),
        ] {
            if let Some(at) = at {
                filter = format!("{filter}&{name}={}", at.timestamp());
            }
        }
        self.page("list", &filter, cursor).await
    }

    pub(super) async fn count_of_live(&self) -> Result<u64, ProviderError> {
        let question = self.question(Method::GET, "/v1/convai/analytics/live-count");
        let counted: Option<wire::LiveCount> = self.ask("count", question).await?;
        counted.map(|counted| counted.count).ok_or_else(|| ProviderError("status 404 for the live count".to_owned()))
    }

    async fn page(
        &self,
        operation: &'static str,
        filter: &str,
        cursor: Option<&str>,
    ) -> Result<ConversationPage, ProviderError> {
        let mut path = format!("/v1/convai/conversations?page_size={PAGE_SIZE}&{filter}");
        if let Some(cursor) = cursor {
            path.push_str("&cursor=");
            path.push_str(&segment(cursor));
        }
        let page: Option<wire::ConversationPage> = self.ask(operation, self.question(Method::GET, &path)).await?;
        let page = page.ok_or_else(|| ProviderError("status 404 for a list".to_owned()))?;
        if page.has_more && page.next_cursor.is_none() {
            return Err(ProviderError("a page says that there is more, but not where".to_owned()));
        }
        Ok(ConversationPage {
            conversation_ids: page.conversations.into_iter().map(|item| item.conversation_id).collect(),
            next_cursor: page.next_cursor.filter(|_| page.has_more),
        })
    }
}

fn conversation_of(details: &ConversationDetails) -> Conversation {
    let phone_call = details.metadata.phone_call.as_ref();
    let client_data = details.conversation_initiation_client_data.as_ref();
    let echoed = client_data
        .and_then(|data| data.dynamic_variables.get("callgate_call_id"))
        .and_then(|value| value.as_str())
        .or(details.user_id.as_deref());
    let carrier_call = phone_call.and_then(|call| call.call_sid.clone()).filter(|sid| !sid.is_empty());
    let references: References = std::iter::once(Reference::conversation(details.conversation_id.clone()))
        .chain(carrier_call.map(Reference::carrier_call))
        .collect();
    let state = match details.status {
        ConversationStatus::Processing | ConversationStatus::Done | ConversationStatus::Failed => {
            ConversationState::Over { at: ended_at(details) }
        }
        ConversationStatus::Initiated | ConversationStatus::InProgress | ConversationStatus::Other(_) => {
            ConversationState::Live
        }
    };
    Conversation {
        references,
        state,
        call_id: echoed.and_then(|text| text.parse().ok()),
        agent_id: details.agent_id.as_deref().and_then(|id| id.parse().ok()),
        direction: phone_call.and_then(|call| call.direction).and_then(|direction| match direction {
            CallDirection::Inbound => Some(Direction::Inbound),
            CallDirection::Outbound => Some(Direction::Outbound),
            CallDirection::Unknown => None,
        }),
        started_at: started_at(details),
        counterpart: phone_call.and_then(|call| call.external_number.as_deref()).map(MaskedNumber::of),
    }
}

fn started_at(details: &ConversationDetails) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(details.metadata.start_time_unix_secs.filter(|start| *start > 0)?, 0)
}

fn ended_at(details: &ConversationDetails) -> Option<DateTime<Utc>> {
    started_at(details)?.checked_add_signed(TimeDelta::try_seconds(details.metadata.call_duration_secs?)?)
}
