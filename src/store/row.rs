//! A call's record as a row of the session table, and back.

use entity::active_call_session::{ActiveModel, Model};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};

use super::port::{Sequence, StoreError};
use crate::domain::call::{EndReason, Profile, Record, References};
use crate::domain::ids::CallId;

/// Which kind of provider the references belong to.
pub(super) const PROVIDER: &str = "elevenlabs";

/// What has no column of its own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    profile: Option<Profile>,
    references: References,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_reason: Option<EndReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hang_up_stalled: bool,
}

/// The row of a call as it stands at `sequence`.
pub(super) fn row_of(call_id: CallId, record: &Record, sequence: Sequence) -> ActiveModel {
    let profile = record.profile.as_ref();
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let metadata = Metadata {
        profile: record.profile.clone(),
        references: record.references.clone(),
        end_reason: record.end_reason,
        detail: record.detail.clone(),
        hang_up_stalled: record.hang_up_stalled,
    };
    ActiveModel {
        call_id: Set(call_id.to_string()),
        provider_call_id: Set(record.references.conversation().map(str::to_owned)),
        pool: Set(text(profile.map(|profile| profile.pool.as_str()))),
        business_id: Set(text(profile.map(|profile| profile.business_id.as_str()))),
        plan: Set(text(profile.map(|profile| profile.plan.as_str()))),
        direction: Set(text(profile.map(|profile| profile.direction.as_str()))),
        status: Set(record.status.as_str().to_owned()),
        slot: Set(record.slot.as_str().to_owned()),
        provider: Set(PROVIDER.to_owned()),
        started_at: Set(record.started_at),
        ended_at: Set(record.ended_at),
        metadata: Set(serde_json::to_value(metadata).expect("metadata is a map with text keys")),
        sequence: Set(i64::try_from(sequence.0).expect("a call has fewer than 2^63 events")),
        created_at: Set(record.announced_at),
        updated_at: Set(crate::sources::now()),
    }
}

/// The record in a row.
pub(super) fn record_of(row: &Model) -> Result<(CallId, Record, Sequence), StoreError> {
    let unreadable = |what: String| StoreError(format!("session {} cannot be read: {what}", row.call_id));
    let call_id = row.call_id.parse().map_err(|error| unreadable(format!("{error}")))?;
    let metadata: Metadata =
        serde_json::from_value(row.metadata.clone()).map_err(|error| unreadable(error.to_string()))?;
    let record = Record {
        profile: metadata.profile,
        references: metadata.references,
        status: row.status.parse().map_err(unreadable)?,
        slot: row.slot.parse().map_err(unreadable)?,
        announced_at: row.created_at,
        started_at: row.started_at,
        ended_at: row.ended_at,
        end_reason: metadata.end_reason,
        detail: metadata.detail,
        hang_up_stalled: metadata.hang_up_stalled,
    };
    Ok((call_id, record, Sequence(row.sequence.try_into().unwrap_or(0))))
}
