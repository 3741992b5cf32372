//! One name of a call at the provider; unique, so that every message about a call meets in one call.

use sea_orm::entity::prelude::*;

/// One name of a call at the provider; unique, so that every message about a call meets in one call.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_reference")]
pub struct Model {
    /// Which kind of provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// `conversation_id`, `call_sid` or `sip_call_id`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub value: String,
    /// The call.
    pub call_id: String,
    /// When it was learnt.
    pub created_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
