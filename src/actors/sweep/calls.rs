//! Table against provider: what to ask about each call, and what the answers mean.

use std::collections::HashSet;
use std::time::Instant;

use chrono::TimeDelta;

use super::{Memory, Report, Sweep, SweepError};
use crate::domain::call::{Command, Direction, Doubt, EndReason, References, Status, Witness};
use crate::domain::reconciliation::{
    CallView, Conclusion, Correction, Evidence, Look, Question, conclude, question,
};
use crate::provider::{Conversation, ConversationState};
use crate::sources;
use crate::store::Session;

/// No start is expected any more of a call whose end came this long ago.
const EARLY_ENDS_KEPT: TimeDelta = TimeDelta::days(1);

impl Sweep {
    /// Table against provider.
    pub(super) async fn ask_provider(&self, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        let listed = match self.list_live().await {
            Ok(listed) => Some(listed),
            Err(error) => {
                report.success = false;
                report.unanswered.push(error.to_string());
                None
            }
        };
        if let Some(listed) = &listed {
            self.meet_strangers(listed, self.policy.grace, report).await?;
            self.store.forget_early_ends(sources::now() - EARLY_ENDS_KEPT).await?;
        }
        self.doubt_old_placements(report).await?;
        let live = self.store.live_sessions().await?;
        memory.absent.retain(|call_id, _| live.iter().any(|session| session.call_id == *call_id));
        let conversation = |session: &Session| session.record.references.conversation().map(str::to_owned);
        let known: HashSet<String> = live.iter().filter_map(conversation).collect();
        let mut proven = listed.as_ref().is_some_and(|listed| listed.iter().any(|id| known.contains(id)));
        // Those whose look-up finds something come first: they prove that this is the right account.
        let mut missing = Vec::new();
        for session in live {
            let view = view_of(&session);
            let on_list = listed.as_ref().map(|listed| conversation(&session).is_some_and(|id| listed.contains(&id)));
            let asked = question(&view, on_list, &self.policy);
            if asked == Question::None {
                memory.absent.remove(&session.call_id);
                continue;
            }
            let (look, found) = self.look(&session, asked, report).await;
            proven |= asked == Question::LookUp && matches!(look, Look::Live | Look::Over { .. });
            if look == Look::Missing {
                missing.push((session, view, asked));
            } else {
                self.conclude(&session, &view, look, found, proven, memory, report).await?;
            }
        }
        for (session, view, asked) in missing {
            if asked == Question::Unbound {
                self.correct(
                    &session,
                    Command::End {
                        reason: EndReason::NeverBound,
                        at: None,
                        references: References::none(),
                        witness: Witness::Gate,
                        note: None,
                    },
                    "never_bound",
                    report,
                )
                .await?;
            } else {
                self.conclude(&session, &view, Look::Missing, References::none(), proven, memory, report).await?;
            }
        }
        Ok(())
    }

    async fn look(&self, session: &Session, asked: Question, report: &mut Report) -> (Look, References) {
        let record = &session.record;
        let user_id = record.profile.as_ref().and_then(|profile| profile.user_id.as_deref());
        let answer = match (asked, record.references.conversation()) {
            (Question::LookUp, Some(conversation)) => self.provider.look_up(conversation).await,
            (Question::Find, _) => self.provider.find(session.call_id, user_id, record.announced_at).await,
            _ => Ok(None),
        };
        match answer {
            Ok(None) => (Look::Missing, References::none()),
            Ok(Some(Conversation { references, state: ConversationState::Live, .. })) => (Look::Live, references),
            Ok(Some(Conversation { references, state: ConversationState::Over { at }, .. })) => {
                (Look::Over { at }, references)
            }
            Err(error) => {
                report.success = false;
                report.unanswered.push(error.to_string());
                (Look::Unanswered, References::none())
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one finding with all that is known of it")]
    async fn conclude(
        &self,
        session: &Session,
        view: &CallView,
        look: Look,
        found: References,
        account_proven: bool,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Result<(), SweepError> {
        let missing_for = memory.absent.get(&session.call_id).map(Instant::elapsed);
        let missing_for = missing_for.and_then(|gap| TimeDelta::from_std(gap).ok());
        match conclude(view, look, Evidence { missing_for, account_proven }, &self.policy) {
            Conclusion::Sound => {
                memory.absent.remove(&session.call_id);
                Ok(())
            }
            Conclusion::StillMissing => {
                tracing::warn!(call_id = %session.call_id, "the provider knows nothing of a call; it stays for now");
                memory.absent.entry(session.call_id).or_insert_with(Instant::now);
                Ok(())
            }
            Conclusion::Unknown => Ok(()),
            Conclusion::Correct(correction) => {
                memory.absent.remove(&session.call_id);
                let (command, reason) = command_of(correction, look, found);
                if !matches!(correction, Correction::ObserveLive) {
                    report.stuck_in_db += 1;
                }
                self.correct(session, command, reason, report).await
            }
        }
    }

    /// A placement that cannot be under way any more is in doubt.
    async fn doubt_old_placements(&self, report: &mut Report) -> Result<(), SweepError> {
        for session in self.store.live_sessions().await? {
            let view = view_of(&session);
            if matches!(view.status, Status::Placing | Status::Terminating)
                && !view.bound
                && view.age >= self.policy.place_deadline
            {
                self.correct(&session, Command::DoubtPlacement { doubt: Doubt::Crash }, "placement_uncertain", report)
                    .await?;
            }
        }
        Ok(())
    }
}

fn view_of(session: &Session) -> CallView {
    let now = sources::now();
    CallView {
        status: session.record.status,
        direction: session.record.profile.as_ref().map_or(Direction::Inbound, |profile| profile.direction),
        bound: session.record.references.conversation().is_some(),
        age: now - session.record.announced_at,
        quiet: now - session.updated_at,
    }
}

fn command_of(correction: Correction, look: Look, references: References) -> (Command, &'static str) {
    match correction {
        Correction::ObserveLive => (Command::ObserveLive { references }, "placement_confirmed"),
        Correction::FailPlacement => (
            Command::FailPlacement {
                reason: EndReason::ProviderMissing,
                detail: "two looks at the provider found no trace of it".to_owned(),
                retry_after_seconds: None,
            },
            EndReason::ProviderMissing.as_str(),
        ),
        Correction::End { reason, at } => {
            let witness = if matches!(look, Look::Over { .. }) { Witness::LookUp } else { Witness::Gate };
            (Command::End { reason, at, references, witness, note: None }, reason.as_str())
        }
    }
}
