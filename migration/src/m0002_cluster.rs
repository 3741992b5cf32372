//! Several replicas: when an epoch began and Redis was last seen, leases while Redis is away, locks with a name.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Makes room for what replicas tell each other.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_cluster"
    }
}

/// Columns by which rows are ordered, compared and joined. The program compares bytes; so must PostgreSQL, whatever
/// the language of its cluster. SQLite does.
const IDS: [(&str, &str); 16] = [
    ("call_event", "call_id"),
    ("active_call_session", "call_id"),
    ("active_call_session", "business_id"),
    ("call_reference", "call_id"),
    ("webhook_inbox", "call_id"),
    ("slot_lease", "call_id"),
    ("slot_lease", "business_id"),
    ("business", "business_id"),
    ("agent", "agent_id"),
    ("agent", "business_id"),
    ("phone_number", "phone_number_id"),
    ("phone_number", "business_id"),
    ("phone_number", "agent_id"),
    ("do_not_call", "business_id"),
    ("do_not_call", "number"),
    ("api_key", "key_id"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "as the trait declares it; a named lifetime would not match")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        for column in ["begun_at", "seen_at"] {
            manager.alter_table(moment_of_epoch(column)).await?;
        }
        let connection = manager.get_connection();
        let now = if is_postgres { "now()" } else { "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')" };
        let sql = format!("UPDATE ledger_epoch SET begun_at = {now}, seen_at = {now}");
        connection.execute_unprepared(&sql).await?;
        for table in tables() {
            manager.create_table(table).await?;
        }
        // Who holds a slot is asked by every rebuild and every admission without Redis: few rows of a long table.
        let sql = "CREATE INDEX session_live ON active_call_session (pool, business_id, plan) \
                   WHERE slot IN ('held', 'overflow')";
        connection.execute_unprepared(sql).await?;
        for (table, column) in IDS.into_iter().filter(|_| is_postgres) {
            let sql = format!(r#"ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE text COLLATE "C""#);
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// SQLite adds a column only with a constant default: so it is long ago first.
fn moment_of_epoch(column: &'static str) -> TableAlterStatement {
    let mut moment = ColumnDef::new(column);
    moment.timestamp_with_time_zone().not_null().default("1970-01-01 00:00:00+00:00");
    Table::alter().table("ledger_epoch").add_column(moment).take()
}

fn tables() -> [TableCreateStatement; 2] {
    [
        Table::create()
            .table("slot_lease")
            .col(ColumnDef::new("call_id").text().not_null())
            .col(ColumnDef::new("pool").text().not_null())
            .col(ColumnDef::new("business_id").text().not_null())
            .col(ColumnDef::new("plan").text().not_null())
            .col(ColumnDef::new("lease").text().not_null())
            .col(ColumnDef::new("epoch").big_integer().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("call_id"))
            .take(),
        Table::create()
            .table("named_lock")
            .col(ColumnDef::new("name").text().not_null())
            .col(ColumnDef::new("holder").text().not_null())
            .col(ColumnDef::new("held_until").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("name"))
            .take(),
    ]
}
