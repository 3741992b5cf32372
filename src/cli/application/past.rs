//! What an earlier process left half done.

use super::StartError;
use crate::actors::Gate;
use crate::actors::session::Apply;
use crate::domain::call::{Command, Doubt, EndReason, References, Status, Witness};
use crate::store::Trace;

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
