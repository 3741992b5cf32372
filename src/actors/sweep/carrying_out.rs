//! What the planner asks for is carried out: through the session of the call, so that it is an event.

use futures_util::{StreamExt, stream};

use super::report::{Finding, Report};
use super::{Sweep, SweepError};
use crate::actors::capacity::{Put, Release};
use crate::actors::session::{Apply, SessionError};
use crate::domain::call::{Command, Refusal};
use crate::domain::ids::CallId;
use crate::domain::reconciliation::Correction;
use crate::store::{Sequence, Trace};

/// Corrections that are under way at once.
const AT_ONCE: usize = 16;

/// An abandoned admission has one event, and never another.
const ABANDONED: Sequence = Sequence(1);

/// What one correction came to.
enum Effect {
    /// Something was wrong, and is put right.
    Corrected(CallId, Finding),
    /// Somebody else was first, or there was nothing to correct.
    None,
    /// It waits for the next sweep.
    NoAnswer(String),
}

impl Sweep {
    /// Carries out corrections. One that cannot be carried out does not stop the others.
    pub(super) async fn carry_out(&self, corrections: Vec<Correction>, report: &mut Report) {
        let under_way = corrections.into_iter().map(|correction| async move {
            let reason = correction.reason();
            (reason, self.correct(correction).await)
        });
        let mut effects = stream::iter(under_way).buffer_unordered(AT_ONCE);
        while let Some((reason, effect)) = effects.next().await {
            match effect {
                Effect::Corrected(call_id, finding) => {
                    tracing::info!(%call_id, reason, "the sweep corrected a call");
                    self.metrics.record_correction(reason);
                    report.corrected(call_id, reason, finding);
                }
                Effect::None => {}
                Effect::NoAnswer(error) => report.no_answer(&error),
            }
        }
    }

    async fn correct(&self, correction: Correction) -> Effect {
        match correction {
            Correction::Release { call_id, as_of, overdue } => {
                self.intake.capacity.do_send(Release { call_id, as_of: Sequence(as_of) });
                if overdue { Effect::Corrected(call_id, Finding::StuckInLedger) } else { Effect::None }
            }
            Correction::Abandon { call_id } => match self.tell(call_id, Command::Abandon).await {
                Ok(_) => {
                    self.intake.capacity.do_send(Release { call_id, as_of: ABANDONED });
                    Effect::Corrected(call_id, Finding::StuckInLedger)
                }
                // The admission exists after all.
                Err(SessionError::Refused(Refusal::AlreadyExists)) => Effect::None,
                Err(error) => Effect::NoAnswer(error.to_string()),
            },
            Correction::PutBack { call_id } => match self.put_back(call_id).await {
                Ok(true) => Effect::Corrected(call_id, Finding::LostByLedger),
                Ok(false) => Effect::None,
                Err(error) => Effect::NoAnswer(error.to_string()),
            },
            Correction::Tell { call_id, command, .. } => {
                let finding = finding_of(&command);
                match self.tell(call_id, *command).await {
                    Ok(true) => Effect::Corrected(call_id, finding),
                    // Somebody else has said so meanwhile, or it belongs to another call.
                    Ok(false) | Err(SessionError::Refused(_) | SessionError::Conflict(_)) => Effect::None,
                    Err(error) => Effect::NoAnswer(error.to_string()),
                }
            }
            // What is to be taken in is known to whoever met it.
            Correction::TakeIn { .. } => Effect::None,
        }
    }

    /// A slot that the ledger lost. It may have ended meanwhile: the row is read again, before and after.
    async fn put_back(&self, call_id: CallId) -> Result<bool, SweepError> {
        let Some(session) = self.store.session(call_id).await? else { return Ok(false) };
        let Some(holder) = session.holder() else { return Ok(false) };
        let put = Put { holder, as_of: session.sequence };
        if !self.intake.capacity.send(put).await.ok().flatten().ok_or(SweepError::Ledger)? {
            return Ok(false);
        }
        match self.store.session(call_id).await? {
            Some(session) if session.holder().is_none() => {
                self.intake.capacity.do_send(Release { call_id, as_of: session.sequence });
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    async fn tell(&self, call_id: CallId, command: Command) -> Result<bool, SessionError> {
        let trace = Trace::caused_by("sweep");
        Ok(self.intake.directory.ask(call_id, Apply { command, trace }).await??.changed)
    }
}

/// How a call was found that is told this.
fn finding_of(command: &Command) -> Finding {
    match command {
        Command::ObserveLive { .. } => Finding::Restored,
        Command::End { .. } | Command::FailPlacement { .. } => Finding::StuckInTable,
        _ => Finding::InDoubt,
    }
}
