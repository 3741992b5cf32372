//! Table against provider: what to ask about each call, and what the answers mean.

use std::collections::HashSet;
use std::time::Instant;

use chrono::TimeDelta;

use super::strangers::Strangers;
use super::{Memory, Report, Sweep, SweepError};
use crate::domain::call::{Command, Direction, Doubt, EndReason, References, SlotState, Status, Witness};
use crate::domain::reconciliation::{CallView, Conclusion, Correction, Evidence, Look, Question, conclude, question};
use crate::provider::{Conversation, ConversationState, HangUpWay};
use crate::sources;
use crate::store::Session;

/// No start is expected any more of a call whose end came this long ago.
const EARLY_ENDS_KEPT: TimeDelta = TimeDelta::days(1);
/// After so many questions without an answer the provider is left alone until the next sweep.
const PATIENCE: usize = 3;

/// A call, and what the provider said of it.
struct Finding {
    session: Session,
    view: CallView,
    look: Look,
    names: References,
}

impl Sweep {
    /// Table against provider.
    pub(super) async fn ask_provider(&self, memory: &mut Memory, report: &mut Report) -> Result<(), SweepError> {
        let listed = self.list_live().await.map_err(|error| report.no_answer(&error)).ok();
        let mut strangers = Strangers::NotAllKnown;
        if let Some(listed) = &listed {
            strangers = self.meet_strangers(listed, memory, report).await?;
            if self.ages_count() {
                self.store.forget_early_ends(sources::now() - EARLY_ENDS_KEPT).await?;
            }
        }
        let live = self.store.live_sessions().await?;
        memory.absent.retain(|call_id, _| live.iter().any(|session| session.call_id == *call_id));
        let known: HashSet<&str> = live.iter().filter_map(|session| session.record.references.conversation()).collect();
        let mut account_proven = listed.as_ref().is_some_and(|listed| known.iter().any(|id| listed.contains(*id)));
        let mut findings = Vec::new();
        for session in &live {
            let view = self.view_of(session);
            let asked = question(&view, on_list(session, listed.as_ref(), strangers), &self.policy);
            if asked == Question::None {
                memory.absent.remove(&session.call_id);
                continue;
            }
            let (look, names) = self.look(session, asked, report).await;
            account_proven |= asked == Question::LookUp && matches!(look, Look::Live | Look::Over { .. });
            findings.push(Finding { session: session.clone(), view, look, names });
        }
        for finding in findings {
            self.conclude(finding, account_proven, memory, report).await;
        }
        Ok(())
    }

    async fn look(&self, session: &Session, asked: Question, report: &mut Report) -> (Look, References) {
        if report.unanswered.len() >= PATIENCE {
            return (Look::Unanswered, References::none());
        }
        let record = &session.record;
        let user_id = record.profile.as_ref().and_then(|profile| profile.user_id.as_deref());
        let answer = match (asked, record.references.conversation()) {
            (Question::LookUp, Some(conversation)) => self.provider.look_up(conversation).await,
            (Question::Find, _) => self.provider.find(session.call_id, user_id, record.announced_at).await,
            _ => return (Look::Unclaimed, References::none()),
        };
        match answer {
            Ok(None) => (Look::Missing, References::none()),
            Ok(Some(Conversation { references, state: ConversationState::Live, .. })) => (Look::Live, references),
            Ok(Some(Conversation { references, state: ConversationState::Over { at }, .. })) => {
                (Look::Over { at }, references)
            }
            Err(error) => {
                report.no_answer(&error);
                (Look::Unanswered, References::none())
            }
        }
    }

    async fn conclude(&self, finding: Finding, account_proven: bool, memory: &mut Memory, report: &mut Report) {
        let Finding { session, view, look, names } = finding;
        let missing_for = memory.absent.get(&session.call_id).map(Instant::elapsed);
        let missing_for = missing_for.and_then(|gap| TimeDelta::from_std(gap).ok());
        let evidence = Evidence { missing_for, account_proven, clock_steady: self.ages_count() };
        match conclude(&view, look, evidence, &self.policy) {
            Conclusion::Sound => {
                memory.absent.remove(&session.call_id);
            }
            Conclusion::StillMissing => {
                tracing::warn!(call_id = %session.call_id, "the provider knows nothing of a call; it stays for now");
                memory.absent.entry(session.call_id).or_insert_with(Instant::now);
            }
            Conclusion::Unknown => {}
            Conclusion::Correct(correction) => {
                memory.absent.remove(&session.call_id);
                let (command, reason) = command_of(correction, look, names);
                if !matches!(correction, Correction::ObserveLive) {
                    report.stuck_in_db += 1;
                }
                self.correct(&session, command, reason, report).await;
            }
        }
    }

    /// A placement that cannot be under way any more is in doubt.
    pub(super) async fn doubt_old_placements(&self, report: &mut Report) -> Result<(), SweepError> {
        if !self.ages_count() {
            return Ok(());
        }
        for session in self.store.live_sessions().await? {
            let view = self.view_of(&session);
            let pending = matches!(view.status, Status::Placing | Status::Terminating) && !view.placed;
            if pending && view.age >= self.policy.place_deadline {
                let command = Command::DoubtPlacement { doubt: Doubt::Crash };
                self.correct(&session, command, "placement_uncertain", report).await;
            }
        }
        Ok(())
    }

    fn view_of(&self, session: &Session) -> CallView {
        let (record, now) = (&session.record, sources::now());
        let may_delete = self.intake.directory.services().hang_up_ways.contains(&HangUpWay::Delete);
        CallView {
            status: record.status,
            direction: record.profile.as_ref().map_or(Direction::Inbound, |profile| profile.direction),
            bound: record.references.conversation().is_some(),
            placed: record.started_at.is_some(),
            perhaps_erased: may_delete && record.slot == SlotState::Overflow && record.status == Status::Terminating,
            age: now - record.announced_at,
            quiet: now - session.updated_at,
        }
    }
}

/// Whether the provider's list has the call; for one without a conversation, whether it may be among the strangers.
fn on_list(session: &Session, listed: Option<&HashSet<String>>, strangers: Strangers) -> Option<bool> {
    match session.record.references.conversation() {
        Some(conversation) => listed.map(|listed| listed.contains(conversation)),
        None => (strangers == Strangers::AllKnown).then_some(false),
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
