//! callgate's database schema. Migrations only ever add; a released one is never edited.

pub use sea_orm_migration::prelude::{DbErr, MigratorTrait};
use sea_orm_migration::prelude::{MigrationTrait, async_trait};

mod m0001_first_schema;
mod m0002_cluster;
mod m0003_sweeps;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_schema::Migration),
            Box::new(m0002_cluster::Migration),
            Box::new(m0003_sweeps::Migration),
        ]
    }
}
