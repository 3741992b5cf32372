//! What an earlier process left half done.

use super::StartError;
use crate::actors::Gate;
use crate::actors::session::Apply;
use crate::domain::call::{Command, Doubt, EndReason, References, Status, Witness};
use crate::sources;
use crate::store::{Session, Trace};

/// Rows of the table that are looked at together.
const PAGE: u64 = 1_000;

/// Takes up what calls ask for by themselves: hang-ups that are not confirmed, durations that are over. The replica that
/// began them may be gone; where it is not, twice does no harm. A sweep does the same, later.
pub(super) async fn take_up_duties(gate: &Gate) {
    let mut after = None;
    loop {
        let page = match gate.store().live_page(after, PAGE).await {
            Ok(page) => page,
            Err(error) => return tracing::warn!(%error, "hang-ups that are due wait for the first sweep"),
        };
        let now = sources::now();
        for session in page.iter().filter(|session| session.record.duty(now).is_some()) {
            gate.directory().wake(session.call_id);
        }
        after = page.last().map(|session| session.call_id);
        if after.is_none() {
            return;
        }
    }
}

/// What an earlier process left half done. The process lock proves that nobody else is at it.
pub(super) async fn adopt_the_past(gate: &Gate, provider_is_new: bool) -> Result<(), StartError> {
    let mut after = None;
    loop {
        let page = gate.store().live_page(after, PAGE).await?;
        after = page.last().map(|session| session.call_id);
        if after.is_none() {
            return Ok(());
        }
        for session in page {
            adopt(gate, &session, provider_is_new).await?;
        }
    }
}

async fn adopt(gate: &Gate, session: &Session, provider_is_new: bool) -> Result<(), StartError> {
    let record = &session.record;
    let command = if provider_is_new {
        // The embedded provider died together with the process: so did its calls.
        Command::End {
            reason: EndReason::ProviderEnded,
            at: None,
            references: References::none(),
            witness: Witness::Gate,
            note: None,
        }
    } else if matches!(record.status, Status::Placing | Status::Terminating) && record.started_at.is_none() {
        Command::DoubtPlacement { doubt: Doubt::Crash }
    } else {
        // Whoever has nothing to do is activated by its next message.
        let is_limited = record.profile.as_ref().is_some_and(|profile| profile.max_duration_seconds.is_some());
        if is_limited || record.duty(sources::now()).is_some() {
            gate.directory().wake(session.call_id);
        }
        return Ok(());
    };
    let trace = Trace::caused_by("start");
    let applied = gate.directory().ask(session.call_id, Apply { command, trace }).await;
    applied
        .unwrap_or_else(Err)
        .map(drop)
        .map_err(|error| StartError::Failed(format!("call {}: {error}", session.call_id)))
}
