//! Conversations that are live and that no live call of ours is bound to: ours after all, or nobody's.

use std::collections::HashSet;
use std::time::Instant;

use chrono::TimeDelta;

use super::{Memory, Report, Sweep, SweepError};
use crate::actors::inbound::IntakeError;
use crate::domain::call::{Command, Status};
use crate::domain::notice::{News, Notice};
use crate::provider::{Conversation, ConversationState};
use crate::sources;
use crate::store::Session;

/// Whether every stranger on the list was looked at, and told who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strangers {
    /// Whoever is still unbound is none of them.
    AllKnown,
    /// Some may be calls of ours.
    NotAllKnown,
}

impl Sweep {
    /// Meets every stranger on the list. One that is nobody's is taken in once it has been one for the grace.
    pub(super) async fn meet_strangers(
        &self,
        listed: &HashSet<String>,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Result<Strangers, SweepError> {
        memory.strangers.retain(|id, _| listed.contains(id));
        let mut all = Strangers::AllKnown;
        for id in self.strangers_on(listed).await? {
            let found = match self.provider.look_up(&id).await {
                Ok(Some(found)) if found.state == ConversationState::Live => found,
                Ok(_) => continue,
                Err(error) => {
                    report.no_answer(&error);
                    all = Strangers::NotAllKnown;
                    continue;
                }
            };
            let first_seen = *memory.strangers.entry(id).or_insert_with(Instant::now);
            if let Err(error) = self.meet(found, first_seen, report).await {
                report.no_answer(&error);
                all = Strangers::NotAllKnown;
            }
        }
        Ok(all)
    }

    /// Takes in everything that is live and unknown, at once: a fresh database has no other way to learn of it.
    pub(super) async fn adopt_all(&self, listed: &HashSet<String>, report: &mut Report) -> Result<(), SweepError> {
        for id in self.strangers_on(listed).await? {
            let found = self.provider.look_up(&id).await?;
            let Some(found) = found.filter(|found| found.state == ConversationState::Live) else { continue };
            match self.ours(&found).await? {
                Some(session) => self.reunite(&session, found, report).await,
                None => self.adopt(&notice_of(found), report).await?,
            }
        }
        Ok(())
    }

    async fn strangers_on(&self, listed: &HashSet<String>) -> Result<Vec<String>, SweepError> {
        let live = self.store.live_sessions().await?;
        let known: HashSet<&str> = live.iter().filter_map(|session| session.record.references.conversation()).collect();
        Ok(listed.iter().filter(|id| !known.contains(id.as_str())).cloned().collect())
    }

    async fn meet(&self, found: Conversation, first_seen: Instant, report: &mut Report) -> Result<(), SweepError> {
        if let Some(session) = self.ours(&found).await? {
            self.reunite(&session, found, report).await;
            return Ok(());
        }
        // Its webhook, or the answer to its placement, may be on its way.
        let seen_for = TimeDelta::from_std(first_seen.elapsed()).unwrap_or(TimeDelta::MAX);
        let began = found.started_at.filter(|_| self.ages_count()).map_or(TimeDelta::zero(), |at| sources::now() - at);
        let notice = notice_of(found);
        if seen_for.max(began) < self.policy.grace || self.intake.may_be_ours(&notice).await? {
            return Ok(());
        }
        Ok(self.adopt(&notice, report).await?)
    }

    /// The call that a conversation belongs to, by our id or by one of its names.
    async fn ours(&self, found: &Conversation) -> Result<Option<Session>, SweepError> {
        let named = match found.call_id {
            Some(call_id) => self.store.session(call_id).await?,
            None => None,
        };
        let session = match named {
            Some(session) => Some(session),
            None => match self.store.call_of(&found.references).await? {
                Some(call_id) => self.store.session(call_id).await?,
                None => None,
            },
        };
        Ok(session.filter(|session| session.record.profile.is_some()))
    }

    /// Tells a call of ours that it is live: its names become known, or it has come alive late.
    async fn reunite(&self, session: &Session, found: Conversation, report: &mut Report) {
        let lately = |at| !self.ages_count() || sources::now() - at < self.policy.grace;
        let ended_lately = session.record.ended_at.is_some_and(lately);
        if session.record.status == Status::Placing || ended_lately {
            // The answer to the placement is on its way; the provider's list may lag behind the end.
            return;
        }
        let reason = if session.record.status.is_live() { "placement_confirmed" } else { "late" };
        self.correct(session, Command::ObserveLive { references: found.references }, reason, report).await;
    }

    async fn adopt(&self, notice: &Notice, report: &mut Report) -> Result<(), IntakeError> {
        if let Some(call_id) = self.intake.adopt(notice).await?.call_id {
            self.note(report, call_id, "unmanaged", true);
        }
        Ok(())
    }
}

fn notice_of(found: Conversation) -> Notice {
    Notice {
        news: News::Started,
        call_id: None,
        references: found.references,
        agent_id: found.agent_id,
        direction: found.direction,
        counterpart: found.counterpart,
        occurred_at: None,
    }
}
