//! The actor that gives slots, with every count of its ledger.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActorView, NotShown, line};
use crate::domain::call::Slot;
use crate::domain::ids::{BusinessId, CallId, PlanName};
use crate::http::auth::CanRead;
use crate::http::state::AppState;
use crate::ledger::{Counts, LedgerMode};

/// Slots held, and calls without one.
#[derive(Serialize, ToSchema)]
#[schema(as = Counts)]
struct CountsView {
    held: u32,
    overflow: u32,
}

impl From<&Counts> for CountsView {
    fn from(counts: &Counts) -> Self {
        Self { held: counts.held, overflow: counts.overflow }
    }
}

/// Who holds a slot.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Holder)]
struct HolderView {
    call_id: CallId,
    business_id: BusinessId,
    plan: PlanName,
    /// `held` or `overflow`.
    slot: &'static str,
}

/// Every count of the ledger. While it is recovering, and nothing is known of it, only `mode` is there.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Ledger)]
struct LedgerView {
    #[schema(value_type = LedgerMode)]
    mode: &'static str,
    #[serde(flatten)]
    counts: Option<LedgerCounts>,
}

/// The counts of a ledger.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LedgerCounts {
    #[schema(required)]
    epoch: Option<u64>,
    /// Other replicas reach Redis, this one does not.
    cut_off: bool,
    cap: u32,
    paused: bool,
    #[schema(value_type = BTreeMap<String, u32>)]
    reserved: BTreeMap<PlanName, u32>,
    total: CountsView,
    #[schema(value_type = BTreeMap<String, CountsView>)]
    plans: BTreeMap<PlanName, CountsView>,
    #[schema(value_type = BTreeMap<String, CountsView>)]
    businesses: BTreeMap<BusinessId, CountsView>,
    holders: Vec<HolderView>,
}

/// The actor that gives slots.
#[derive(Serialize, ToSchema)]
#[schema(as = CapacityActor, examples(json!({
    "actor": {"name": "capacity", "state": "running", "mailbox": 0, "restarts": 0, "lastCrash": null, "uptimeSeconds": 12},
    "ledger": {"mode": "memory", "epoch": 3, "cutOff": false, "cap": 5, "paused": false, "reserved": {"PRO": 2},
        "total": {"held": 1, "overflow": 0}, "plans": {"PRO": {"held": 1, "overflow": 0}},
        "businesses": {"42": {"held": 1, "overflow": 0}},
        "holders": [{"callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "businessId": "42", "plan": "PRO", "slot": "held"}]}
})))]
struct CapacityView {
    #[schema(required)]
    actor: Option<ActorView>,
    ledger: LedgerView,
}

/// Show the actor that gives slots.
#[utoipa::path(
    get,
    path = "/debug/actors/capacity",
    tag = "Debugging",
    operation_id = "getCapacityActor",
    responses((status = 200, description = "With the whole ledger.", body = CapacityView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(in crate::http) async fn get(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let (capacity, holders) = (state.gate.snapshot().await, state.gate.holders().await.unwrap_or_default());
    let holders = holders.into_iter().map(|holder| HolderView {
        call_id: holder.call_id,
        business_id: holder.business_id,
        plan: holder.plan,
        slot: match holder.slot {
            Slot::Held => "held",
            Slot::Overflow => "overflow",
        },
    });
    let mode = capacity.as_ref().map_or(LedgerMode::Recovering, |capacity| capacity.mode);
    let counts = capacity.map(|capacity| LedgerCounts {
        epoch: capacity.epoch.map(|epoch| epoch.0),
        cut_off: capacity.cut_off,
        cap: capacity.occupied.cap,
        paused: capacity.occupied.paused,
        total: (&capacity.occupied.total).into(),
        plans: capacity.occupied.plans.iter().map(|(name, counts)| (name.clone(), counts.into())).collect(),
        businesses: capacity.occupied.businesses.iter().map(|(name, counts)| (name.clone(), counts.into())).collect(),
        reserved: capacity.occupied.reserves,
        holders: holders.collect(),
    });
    let ledger = LedgerView { mode: mode.as_str(), counts };
    HttpResponse::Ok().json(CapacityView { actor: line(&state, "capacity"), ledger })
}
