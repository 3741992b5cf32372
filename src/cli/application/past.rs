//! What an earlier process left half done.

use super::StartError;
use crate::actors::Gate;
use crate::actors::session::Apply;
use crate::domain::call::{Command, Doubt, EndReason, References, Status, Witness};
use crate::sources;
use crate::store::Trace;

/// Takes up what calls ask for by themselves: hang-ups that are not confirmed, durations that are over. The replica that
/// began them may be gone; where it is not, twice does no harm. A sweep does the same, later.
pub(super) async fn take_up_duties(gate: &Gate) {
    let sessions = match gate.store().live_sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return tracing::warn!(%error, "hang-ups that are due wait for the first sweep"),
    };
    let now = sources::now();
    for session in sessions.iter().filter(|session| session.record.duty(now).is_some()) {
        gate.directory().wake(session.call_id);
    }
}

/// What an earlier process left half done. The process lock proves that nobody else is at it.
pub(super) async fn adopt_the_past(gate: &Gate, provider_is_new: bool) -> Result<(), StartError> {
    for session in gate.store().live_sessions().await? {
        let command = if provider_is_new {
            // The embedded provider died together with the process: so did its calls.
            Command::End {
                reason: EndReason::ProviderEnded,
                at: None,
                references: References::none(),
                witness: Witness::Gate,
                note: None,
            }
        } else if matches!(session.record.status, Status::Placing | Status::Terminating)
            && session.record.started_at.is_none()
        {
            Command::DoubtPlacement { doubt: Doubt::Crash }
        } else {
            gate.directory().wake(session.call_id);
            continue;
        };
        let trace = Trace::caused_by("start");
        let applied = gate.directory().ask(session.call_id, Apply { command, trace }).await;
        if let Err(error) = applied.unwrap_or_else(Err) {
            return Err(StartError::Failed(format!("call {}: {error}", session.call_id)));
        }
    }
    Ok(())
}
