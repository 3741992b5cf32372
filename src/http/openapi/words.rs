//! How the domain's enumerations look in the document: their words, taken from where they are declared.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::actors::roster::ActorState;
use crate::actors::supervisor::Scope;
use crate::domain::business::Subscription;
use crate::domain::call::{Direction, EndReason, SlotState, Status};
use crate::ledger::LedgerMode;

macro_rules! words {
    ($type:ty, $name:literal, $all:expr, $description:literal) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                let words: Vec<&'static str> = $all.iter().map(|word| word.as_str()).collect();
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($description))
                    .examples(words.first().map(|word| json!(word)))
                    .enum_values(Some(words))
                    .into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

words!(Status, "CallStatus", Status::ALL, "Where a call stands.");
words!(EndReason, "EndReason", EndReason::ALL, "Why a call is over.");
words!(SlotState, "SlotState", SlotState::ALL, "What a call has in the ledger.");
words!(Direction, "Direction", [Direction::Outbound, Direction::Inbound], "Who dialled: the gate, or somebody else.");
words!(
    Subscription,
    "SubscriptionStatus",
    [Subscription::Active, Subscription::Trial, Subscription::Suspended, Subscription::Cancelled],
    "Whether a business may place calls: ACTIVE and TRIAL may."
);
words!(
    LedgerMode,
    "LedgerMode",
    [LedgerMode::Memory, LedgerMode::Redis, LedgerMode::Database, LedgerMode::Recovering],
    "Where admissions are decided."
);
words!(
    ActorState,
    "ActorState",
    [ActorState::Running, ActorState::Restarting, ActorState::Stopped],
    "How an actor is."
);
words!(
    Scope,
    "SweepScope",
    [Scope::Full, Scope::Ledger, Scope::Provider, Scope::Ends],
    "Which views a sweep compares."
);
