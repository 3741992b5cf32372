//! One provider account and the terms of its slots.

use sea_orm::entity::prelude::*;

/// One provider account and the terms of its slots.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "pool")]
pub struct Model {
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub pool_id: String,
    /// Live calls at once.
    pub cap: i32,
    /// No new slots while true.
    pub paused: bool,
    /// Slots kept per plan.
    #[sea_orm(column_type = "Json")]
    pub reserves: Json,
    /// What the configuration said at the last start: a changed value is applied again.
    #[sea_orm(column_type = "Json")]
    pub configured: Json,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
