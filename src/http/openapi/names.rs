//! How the names of things look in the document. The domain knows nothing of HTTP, so its schemas are here.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::domain::ids::{AgentId, BusinessId, CallId, PhoneNumberId, PlanName, PoolId};
use crate::domain::phone::MaskedNumber;

/// Printable characters without spaces at the ends, as the domain reads names.
const NAME: &str =
    r"^[^\s\x00-\x1f\x7f-\x9f\ufffd]([^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]*[^\s\x00-\x1f\x7f-\x9f\ufffd])?$";

/// The call of the examples.
pub(super) const EXAMPLE_CALL: CallId = CallId::new(Uuid::from_u128(0x0197_4a5c_9e10_7c3d_8b6f_2d41_5e7a_9c03));

macro_rules! name {
    ($type:ty, $name:literal, $longest:literal, $example:literal, $description:literal) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(1))
                    .max_length(Some($longest))
                    .pattern(Some(NAME))
                    .description(Some($description))
                    .examples([json!($example)])
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

name!(BusinessId, "BusinessId", 64, "42", "Names a business, as the platform does.");
name!(PlanName, "PlanName", 32, "PRO", "Names a plan of the configuration.");
name!(AgentId, "AgentId", 128, "agent_1", "Names a voice agent at the provider.");
name!(PhoneNumberId, "PhoneNumberId", 128, "phnum_1", "Names a phone number at the provider.");
name!(PoolId, "PoolId", 64, "default", "Names a provider account.");

/// A business id as a request may write it.
pub(in crate::http) enum BusinessIdOrNumber {}

impl PartialSchema for BusinessIdOrNumber {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name("BusinessId"))
            .item(ObjectBuilder::new().schema_type(Type::Number))
            .examples([json!("42"), json!(42)])
            .into()
    }
}

impl ToSchema for BusinessIdOrNumber {
    fn name() -> Cow<'static, str> {
        "BusinessIdOrNumber".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((BusinessId::name().into_owned(), BusinessId::schema()));
    }
}

impl PartialSchema for CallId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("uuid".to_owned())))
            .description(Some("Names a call for its whole life."))
            .examples([json!(EXAMPLE_CALL)])
            .into()
    }
}

impl ToSchema for CallId {
    fn name() -> Cow<'static, str> {
        "CallId".into()
    }
}

impl PartialSchema for MaskedNumber {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A telephone number with its middle hidden."))
            .examples([json!(MaskedNumber::of("+14155550123"))])
            .into()
    }
}

impl ToSchema for MaskedNumber {
    fn name() -> Cow<'static, str> {
        "MaskedNumber".into()
    }
}
