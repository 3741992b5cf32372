//! A call as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;
use serde_json::{Value, json};

use crate::domain::call::{Direction, Record};
use crate::domain::ids::CallId;
use crate::ledger::Standing;

/// A time as the contract writes it: RFC 3339, UTC, milliseconds.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The same for a member of a view.
pub(super) fn moment<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time(*at))
}

/// A call, with the counts that matter to it.
pub(super) fn call(call_id: CallId, record: &Record, standing: Standing) -> Value {
    let profile = record.profile.as_ref();
    let counterpart = |direction| {
        profile.filter(|profile| profile.direction == direction).and_then(|profile| profile.counterpart.as_ref())
    };
    json!({
        "callId": call_id,
        "providerCallId": record.references.conversation(),
        "businessId": profile.map(|profile| &profile.business_id),
        "plan": profile.map(|profile| &profile.plan),
        "direction": profile.map(|profile| profile.direction),
        "status": record.status,
        "source": profile.map(|profile| profile.source.as_str()),
        "agentId": profile.map(|profile| &profile.agent_id),
        "phoneNumberId": profile.and_then(|profile| profile.phone_number_id.as_ref()),
        "toNumber": counterpart(Direction::Outbound),
        "fromNumber": counterpart(Direction::Inbound),
        "userId": profile.and_then(|profile| profile.user_id.as_ref()),
        "createdAt": time(record.announced_at),
        "startedAt": record.started_at.map(time),
        "endedAt": record.ended_at.map(time),
        "endReason": record.end_reason,
        "slot": {
            "currentActive": standing.business,
            "limit": standing.business_limit,
            "globalCurrent": standing.global,
            "globalLimit": standing.global_limit,
        },
    })
}
