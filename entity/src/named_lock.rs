//! A lock with a name, held by one replica until it lets go or its time is over.

use sea_orm::entity::prelude::*;

/// A lock with a name, held by one replica until it lets go or its time is over.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "named_lock")]
pub struct Model {
    /// What it is for.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Who has it.
    pub holder: String,
    /// Until when, by the database's clock.
    pub held_until: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
