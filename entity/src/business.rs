//! A tenant of the platform.

use sea_orm::entity::prelude::*;

/// A tenant of the platform.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "business")]
pub struct Model {
    /// Its name in the platform.
    #[sea_orm(primary_key, auto_increment = false)]
    pub business_id: String,
    /// What people call it.
    pub name: String,
    /// The plan it is on.
    pub plan: String,
    /// ACTIVE, TRIAL, SUSPENDED or CANCELLED.
    pub status: String,
    /// Overrides the plan's limit.
    pub concurrent_limit: Option<i32>,
    /// Whether inbound calls are taken.
    pub inbound_enabled: bool,
    /// By which national numbers are read.
    pub country: Option<String>,
    /// When it was registered.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
