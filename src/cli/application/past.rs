//! What an earlier process left half done.

use futures_util::{StreamExt, stream};

use super::StartError;
use crate::actors::Gate;
use crate::actors::session::{Apply, Wake};
use crate::domain::call::{Command, Doubt, EndReason, References, Status, Witness};
use crate::sources;
use crate::store::{Session, Sharing, Trace};

/// Rows of the table that are looked at together.
const PAGE: u64 = 1_000;

/// Sessions that are woken at once: each replays its call.
const AT_ONCE: usize = 16;

/// Takes up what calls ask for by themselves: hang-ups that are not confirmed, durations that are over. The replica that
/// began them may be gone; where it is not, twice does no harm. A sweep does the same, later.
pub(super) async fn take_up_duties(gate: Gate, sharing: Sharing) {
    let mut after = None;
    while !gate.is_draining() {
        let page = match gate.store().live_page(after, PAGE).await {
            Ok(page) => page,
            Err(error) => return tracing::warn!(%error, "hang-ups that are due wait for the first sweep"),
        };
        after = page.last().map(|session| session.call_id);
        if after.is_none() {
            return;
        }
        let due = page.iter().filter(|session| is_due(session, sharing)).map(|session| session.call_id);
        // One that does not answer is woken by its next message, or by a sweep.
        let woken = due.map(|call_id| gate.directory().ask(call_id, Wake)).collect::<Vec<_>>();
        stream::iter(woken).buffer_unordered(AT_ONCE).for_each(|_| async {}).await;
    }
}

/// Whether its session has something to do, or to wait for where no other replica does.
fn is_due(session: &Session, sharing: Sharing) -> bool {
    let limit = session.record.profile.as_ref().and_then(|profile| profile.max_duration_seconds);
    session.record.duty(sources::now()).is_some() || sharing == Sharing::Alone && limit.is_some()
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
        return Ok(());
    };
    let trace = Trace::caused_by("start");
    let applied = gate.directory().ask(session.call_id, Apply { command, trace }).await;
    applied
        .unwrap_or_else(Err)
        .map(drop)
        .map_err(|error| StartError::Failed(format!("call {}: {error}", session.call_id)))
}
