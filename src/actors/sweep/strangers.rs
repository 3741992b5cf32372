//! Conversations that are live and that no live call of ours is bound to: whose they are.

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};

use super::inquirer::Inquirer;
use super::report::Finding;
use super::{Report, Sweep, SweepError};
use crate::actors::inbound::IntakeError;
use crate::domain::call::{Direction, ReferenceKind};
use crate::domain::notice::{News, Notice};
use crate::domain::reconciliation::{Correction, Planner, Stranger};
use crate::provider::{Conversation, ConversationState};
use crate::store::Session;

/// The provider's clock may differ from ours by this much.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(2);

/// Whether a stranger is given time to turn out to be a call that is just being placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It is.
    Granted,
    /// It is taken in at once.
    Denied,
}

impl Sweep {
    /// Meets every stranger on the list, and has the planner say what becomes of each.
    pub(super) async fn meet_strangers(
        &self,
        planner: &mut Planner<'_>,
        inquirer: &Inquirer<'_>,
        patience: Patience,
        report: &mut Report,
    ) -> Result<(), SweepError> {
        let strangers = planner.strangers();
        if strangers.is_empty() {
            return Ok(());
        }
        self.progress.begin("meeting unknown conversations", strangers.len());
        let undecided = match patience {
            Patience::Granted => self.store.unbound_sessions().await?,
            Patience::Denied => Vec::new(),
        };
        let looks = strangers.into_iter().map(|id| async move {
            let found = inquirer.look_up(&id).await;
            (id, found)
        });
        let mut looks = stream::iter(looks).buffer_unordered(inquirer.at_once());
        while let Some((id, found)) = looks.next().await {
            self.progress.advance(1);
            let (stranger, notice) = match found {
                Ok(Some(found)) if found.state == ConversationState::Live => self.recognise(found, &undecided).await?,
                Ok(Some(_)) => (Stranger::Over, None),
                Ok(None) => {
                    // It may be live, and nobody counts it: whoever reads the report is to know.
                    report.no_answer(&format!("the provider lists the conversation {id} as live, and denies it"));
                    (Stranger::Unanswered, None)
                }
                Err(_) => (Stranger::Unanswered, None),
            };
            let correction = planner.stranger(&id, stranger, &self.now());
            match (correction, notice) {
                (Some(Correction::TakeIn { .. }), Some(notice)) => self.take_in(&notice, report).await?,
                (correction, _) => self.carry_out(correction.into_iter().collect(), report).await,
            }
        }
        Ok(())
    }

    /// Whose a conversation is, and how it would be taken in where it is nobody's.
    async fn recognise(
        &self,
        found: Conversation,
        undecided: &[Session],
    ) -> Result<(Stranger, Option<Notice>), SweepError> {
        if let Some(session) = self.ours(&found).await? {
            let row = Box::new(session.into());
            return Ok((Stranger::Ours { row, references: found.references }, None));
        }
        let began_at = found.started_at;
        let names_its_carrier = found.references.iter().any(|name| name.kind != ReferenceKind::ConversationId);
        let may_be_ours = undecided.iter().any(|session| may_be(session, &found));
        let notice = notice_of(found);
        Ok((Stranger::Nobodys { may_be_ours, names_its_carrier, began_at }, Some(notice)))
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

    async fn take_in(&self, notice: &Notice, report: &mut Report) -> Result<(), IntakeError> {
        if let Some(call_id) = self.intake.adopt(notice).await?.call_id {
            self.metrics.record_correction("unmanaged");
            report.corrected(call_id, "unmanaged", Finding::Restored);
        }
        Ok(())
    }
}

/// Whether a conversation may be that of an outbound call which is just being placed, or in doubt.
fn may_be(session: &Session, found: &Conversation) -> bool {
    let Some(profile) = &session.record.profile else { return false };
    let same_agent = found.agent_id.as_ref().is_none_or(|agent_id| *agent_id == profile.agent_id);
    let dialled_before = found.started_at.is_some_and(|at| at + CLOCK_SKEW < session.record.announced_at);
    let called_us = found.direction == Some(Direction::Inbound);
    profile.direction == Direction::Outbound && same_agent && !dialled_before && !called_us
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
