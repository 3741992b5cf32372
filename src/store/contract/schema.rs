//! The entities against the migrated schema: two descriptions of the same tables, kept by hand.

use rstest::rstest;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn};

use super::support::{Column, Database, Postgres, Sqlite, ask, columns, fresh, tables};

/// The table of an entity as the entity describes it.
fn described<E: EntityTrait>() -> (String, BTreeSet<Column>) {
    let keys: Vec<_> = E::PrimaryKey::iter().map(|key| key.into_column().as_str()).collect();
    let columns = E::Column::iter().map(|column| Column {
        name: column.as_str().to_owned(),
        nullable: column.def().is_null(),
        key: keys.contains(&column.as_str()),
    });
    (E::default().table_name().to_owned(), columns.collect())
}

fn entities() -> BTreeMap<String, BTreeSet<Column>> {
    BTreeMap::from([
        described::<entity::active_call_session::Entity>(),
        described::<entity::agent::Entity>(),
        described::<entity::api_key::Entity>(),
        described::<entity::business::Entity>(),
        described::<entity::call_event::Entity>(),
        described::<entity::call_reference::Entity>(),
        described::<entity::do_not_call::Entity>(),
        described::<entity::ledger_epoch::Entity>(),
        described::<entity::named_lock::Entity>(),
        described::<entity::phone_number::Entity>(),
        described::<entity::pool::Entity>(),
        described::<entity::reconciliation_run::Entity>(),
        described::<entity::slot_lease::Entity>(),
        described::<entity::webhook_inbox::Entity>(),
    ])
}

#[rstest]
#[tokio::test]
async fn every_table_has_an_entity_and_every_entity_a_table(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(tables(&store).await, entities().into_keys().collect());
}

#[rstest]
#[tokio::test]
async fn every_column_is_the_same_in_the_entity_and_in_the_table(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    for (table, described) in entities() {
        assert_eq!(columns(&store, &table).await, described, "{table}");
    }
}

/// Ids are ordered by the program as bytes are; in another order pages would skip some.
#[tokio::test]
async fn postgres_orders_ids_by_their_bytes() {
    let store = fresh(Postgres).await;
    let sql = "SELECT table_name || '.' || column_name AS name FROM information_schema.columns \
               WHERE table_schema = 'public' AND collation_name IS DISTINCT FROM 'C' AND data_type = 'text' \
               AND column_name IN ('call_id', 'business_id', 'agent_id', 'phone_number_id', 'key_id') \
               AND table_name <> 'webhook_inbox'";
    let others: Vec<String> = ask(&store, sql).await.iter().map(|row| row.try_get("", "name").unwrap()).collect();
    assert_eq!(others, Vec::<String>::new());
}
