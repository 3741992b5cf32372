//! A number at the provider, and the business it belongs to.

use sea_orm::entity::prelude::*;

/// A number at the provider, and the business it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "phone_number")]
pub struct Model {
    /// Its name at the provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub phone_number_id: String,
    /// Whose number it is.
    pub business_id: String,
    /// The number, in E.164.
    pub number: String,
    /// The agent that answers and calls from it.
    pub agent_id: Option<String>,
    /// When it was registered.
    pub created_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
