//! An agent at the provider, and the business it talks for.

use sea_orm::entity::prelude::*;

/// An agent at the provider, and the business it talks for.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent")]
pub struct Model {
    /// Its name at the provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: String,
    /// Whose agent it is.
    pub business_id: String,
    /// When it was registered.
    pub created_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
