//! A call as JSON.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::call::{Direction, EndReason, Record, Status};
use crate::domain::ids::{AgentId, BusinessId, CallId, PhoneNumberId, PlanName};
use crate::domain::phone::MaskedNumber;
use crate::ledger::Standing;

/// A time as the contract writes it: RFC 3339, UTC, milliseconds.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The same for a member of a view.
pub(super) fn moment<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time(*at))
}

/// A time in an answer.
#[derive(Clone, Copy)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        moment(&self.0, serializer)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC, with milliseconds."))
            .examples([json!("2026-01-27T10:00:00.000Z")])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// The counts that matter to a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SlotCounts, examples(json!({"currentActive": 1, "limit": 3, "globalCurrent": 1, "globalLimit": 5})))]
pub(super) struct SlotView {
    /// Slots of the business that are taken.
    current_active: u32,
    /// The limit of the business.
    limit: u32,
    /// Slots of the pool that are taken.
    global_current: u32,
    /// The cap of the pool.
    global_limit: u32,
}

impl From<Standing> for SlotView {
    fn from(standing: Standing) -> Self {
        Self {
            current_active: standing.business,
            limit: standing.business_limit,
            global_current: standing.global,
            global_limit: standing.global_limit,
        }
    }
}

/// A call as it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Call, examples(json!({
    "callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "providerCallId": "conv_1", "businessId": "42", "plan": "PRO",
    "direction": "outbound", "status": "active", "source": "api", "agentId": "agent_1", "phoneNumberId": "phnum_1",
    "toNumber": "+1415•••0123", "fromNumber": null, "userId": null, "createdAt": "2026-01-27T09:59:59.200Z",
    "startedAt": "2026-01-27T10:00:00.000Z", "endedAt": null, "endReason": null,
    "slot": {"currentActive": 1, "limit": 3, "globalCurrent": 1, "globalLimit": 5}
})))]
pub(super) struct CallView {
    call_id: CallId,
    /// The provider's name for it, once that is known.
    #[schema(required)]
    provider_call_id: Option<String>,
    /// Who it is for.
    #[schema(required)]
    business_id: Option<BusinessId>,
    /// The plan of the business when the call was admitted.
    #[schema(required)]
    plan: Option<PlanName>,
    #[schema(required)]
    direction: Option<Direction>,
    status: Status,
    /// Through which door it came: `api`, `assistant`, `phone_number`, `demo`, or what the request said.
    #[schema(required)]
    source: Option<String>,
    /// Who talks.
    #[schema(required)]
    agent_id: Option<AgentId>,
    /// From which number of the platform.
    #[schema(required)]
    phone_number_id: Option<PhoneNumberId>,
    /// Who is called; of outbound calls.
    #[schema(required)]
    to_number: Option<MaskedNumber>,
    /// Who calls; of inbound calls.
    #[schema(required)]
    from_number: Option<MaskedNumber>,
    /// What the request said.
    #[schema(required)]
    user_id: Option<String>,
    /// When the gate first heard of it.
    created_at: Time,
    /// When the provider had it.
    #[schema(required)]
    started_at: Option<Time>,
    #[schema(required)]
    ended_at: Option<Time>,
    #[schema(required)]
    end_reason: Option<EndReason>,
    slot: SlotView,
}

/// A call, with the counts that matter to it.
pub(super) fn call(call_id: CallId, record: &Record, standing: Standing) -> CallView {
    let profile = record.profile.as_ref();
    let counterpart = |direction| profile.filter(|profile| profile.direction == direction)?.counterpart.clone();
    CallView {
        call_id,
        provider_call_id: record.references.conversation().map(str::to_owned),
        business_id: profile.map(|profile| profile.business_id.clone()),
        plan: profile.map(|profile| profile.plan.clone()),
        direction: profile.map(|profile| profile.direction),
        status: record.status,
        source: profile.map(|profile| profile.source.as_str().to_owned()),
        agent_id: profile.map(|profile| profile.agent_id.clone()),
        phone_number_id: profile.and_then(|profile| profile.phone_number_id.clone()),
        to_number: counterpart(Direction::Outbound),
        from_number: counterpart(Direction::Inbound),
        user_id: profile.and_then(|profile| profile.user_id.clone()),
        created_at: Time(record.announced_at),
        started_at: record.started_at.map(Time),
        ended_at: record.ended_at.map(Time),
        end_reason: record.end_reason,
        slot: standing.into(),
    }
}
