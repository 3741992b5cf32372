//! Conversations that are live and that no live call of ours is bound to: ours after all, or nobody's.

use std::collections::HashSet;

use chrono::TimeDelta;

use super::{Report, Sweep, SweepError};
use crate::domain::call::{Command, Status};
use crate::domain::notice::{News, Notice};
use crate::provider::{Conversation, ConversationState};
use crate::sources;

impl Sweep {
    /// Conversations that are live and that no live call of ours is bound to: ours after all, or nobody's.
    pub(super) async fn meet_strangers(
        &self,
        listed: &HashSet<String>,
        at_least: TimeDelta,
        report: &mut Report,
    ) -> Result<(), SweepError> {
        let live = self.store.live_sessions().await?;
        let known: HashSet<&str> = live.iter().filter_map(|session| session.record.references.conversation()).collect();
        for id in listed.iter().filter(|id| !known.contains(id.as_str())) {
            let found = match self.provider.look_up(id).await {
                Ok(Some(found)) if found.state == ConversationState::Live => found,
                Ok(_) => continue,
                Err(error) => {
                    report.success = false;
                    report.unanswered.push(error.to_string());
                    continue;
                }
            };
            self.meet(found, at_least, report).await?;
        }
        Ok(())
    }

    async fn meet(&self, found: Conversation, at_least: TimeDelta, report: &mut Report) -> Result<(), SweepError> {
        let ours = match found.call_id {
            Some(call_id) => self.store.session(call_id).await?,
            None => None,
        };
        let ours = match ours {
            Some(session) => Some(session),
            None => match self.store.call_of(&found.references).await? {
                Some(call_id) => self.store.session(call_id).await?,
                None => None,
            },
        };
        let Some(session) = ours.filter(|session| session.record.profile.is_some()) else {
            // Its webhook may be on its way.
            if found.started_at.is_some_and(|at| sources::now() - at < at_least) {
                return Ok(());
            }
            let notice = Notice {
                news: News::Started,
                call_id: None,
                references: found.references,
                agent_id: found.agent_id,
                direction: found.direction,
                counterpart: found.counterpart,
                occurred_at: None,
            };
            let adopted = self.intake.adopt(&notice).await?;
            if let Some(call_id) = adopted.call_id {
                self.note(report, call_id, "unmanaged", true);
            }
            return Ok(());
        };
        let ended_lately = session.record.ended_at.is_some_and(|at| sources::now() - at < self.policy.grace);
        if session.record.status == Status::Placing || ended_lately {
            // The answer to the placement is on its way; the provider's list may lag behind the end.
            return Ok(());
        }
        let reason = if session.record.status.is_live() { "placement_confirmed" } else { "late" };
        self.correct(&session, Command::ObserveLive { references: found.references }, reason, report).await
    }
}
