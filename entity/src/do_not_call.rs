//! A number that a business must not call.

use sea_orm::entity::prelude::*;

/// A number that a business must not call.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "do_not_call")]
pub struct Model {
    /// Who must not call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub business_id: String,
    /// The number, in E.164.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: String,
    /// When it was listed.
    pub created_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
