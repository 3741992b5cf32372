//! The first schema: events, sessions, references, ledger epoch, directory, inbox, runs, keys.

use sea_orm_migration::prelude::*;

/// Creates every table of the first release.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_first_schema"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "as the trait declares it; a named lifetime would not match")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indices() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

#[expect(clippy::too_many_lines, reason = "a schema, to be read from top to bottom")]
fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("call_event")
            .col(ColumnDef::new("position").big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("call_id").text().not_null())
            .col(ColumnDef::new("sequence").big_integer().not_null())
            .col(ColumnDef::new("event_type").text().not_null())
            .col(ColumnDef::new("schema_version").integer().not_null())
            .col(ColumnDef::new("data").json().not_null())
            .col(ColumnDef::new("occurred_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("recorded_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("correlation_id").text().null())
            .col(ColumnDef::new("causation_id").text().null())
            .col(ColumnDef::new("node").text().not_null())
            .take(),
        Table::create()
            .table("active_call_session")
            .col(ColumnDef::new("call_id").text().not_null())
            .col(ColumnDef::new("provider_call_id").text().null())
            .col(ColumnDef::new("pool").text().not_null())
            .col(ColumnDef::new("business_id").text().not_null())
            .col(ColumnDef::new("plan").text().not_null())
            .col(ColumnDef::new("direction").text().not_null())
            .col(ColumnDef::new("status").text().not_null())
            .col(ColumnDef::new("slot").text().not_null())
            .col(ColumnDef::new("provider").text().not_null())
            .col(ColumnDef::new("started_at").timestamp_with_time_zone().null())
            .col(ColumnDef::new("ended_at").timestamp_with_time_zone().null())
            .col(ColumnDef::new("metadata").json().not_null())
            .col(ColumnDef::new("sequence").big_integer().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("updated_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("call_id"))
            .take(),
        Table::create()
            .table("call_reference")
            .col(ColumnDef::new("provider").text().not_null())
            .col(ColumnDef::new("kind").text().not_null())
            .col(ColumnDef::new("value").text().not_null())
            .col(ColumnDef::new("call_id").text().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("provider").col("kind").col("value"))
            .take(),
        Table::create()
            .table("pool")
            .col(ColumnDef::new("pool_id").text().not_null())
            .col(ColumnDef::new("cap").integer().not_null())
            .col(ColumnDef::new("paused").boolean().not_null())
            .col(ColumnDef::new("reserves").json().not_null())
            .col(ColumnDef::new("configured").json().not_null())
            .col(ColumnDef::new("updated_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("pool_id"))
            .take(),
        Table::create()
            .table("ledger_epoch")
            .col(ColumnDef::new("pool").text().not_null())
            .col(ColumnDef::new("epoch").big_integer().not_null())
            .col(ColumnDef::new("home").text().not_null())
            .col(ColumnDef::new("surveyed").boolean().not_null())
            .col(ColumnDef::new("updated_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("pool"))
            .take(),
        Table::create()
            .table("business")
            .col(ColumnDef::new("business_id").text().not_null())
            .col(ColumnDef::new("name").text().not_null())
            .col(ColumnDef::new("plan").text().not_null())
            .col(ColumnDef::new("status").text().not_null())
            .col(ColumnDef::new("concurrent_limit").integer().null())
            .col(ColumnDef::new("inbound_enabled").boolean().not_null())
            .col(ColumnDef::new("country").text().null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("updated_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("business_id"))
            .take(),
        Table::create()
            .table("agent")
            .col(ColumnDef::new("agent_id").text().not_null())
            .col(ColumnDef::new("business_id").text().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("agent_id"))
            .take(),
        Table::create()
            .table("phone_number")
            .col(ColumnDef::new("phone_number_id").text().not_null())
            .col(ColumnDef::new("business_id").text().not_null())
            .col(ColumnDef::new("number").text().not_null())
            .col(ColumnDef::new("agent_id").text().null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("phone_number_id"))
            .take(),
        Table::create()
            .table("do_not_call")
            .col(ColumnDef::new("business_id").text().not_null())
            .col(ColumnDef::new("number").text().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .primary_key(Index::create().col("business_id").col("number"))
            .take(),
        Table::create()
            .table("webhook_inbox")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("body_hash").text().not_null().unique_key())
            .col(ColumnDef::new("event_type").text().not_null())
            .col(ColumnDef::new("state").text().not_null())
            .col(ColumnDef::new("outcome").text().not_null())
            .col(ColumnDef::new("call_id").text().null())
            .col(ColumnDef::new("conversation_id").text().null())
            .col(ColumnDef::new("call_sid").text().null())
            .col(ColumnDef::new("agent_id").text().null())
            .col(ColumnDef::new("notice").json().not_null())
            .col(ColumnDef::new("received_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("settled_at").timestamp_with_time_zone().null())
            .take(),
        Table::create()
            .table("reconciliation_run")
            .col(ColumnDef::new("id").text().not_null())
            .col(ColumnDef::new("scope").text().not_null())
            .col(ColumnDef::new("trigger").text().not_null())
            .col(ColumnDef::new("node").text().not_null())
            .col(ColumnDef::new("started_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("finished_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("report").json().not_null())
            .primary_key(Index::create().col("id"))
            .take(),
        Table::create()
            .table("api_key")
            .col(ColumnDef::new("key_id").text().not_null())
            .col(ColumnDef::new("name").text().not_null())
            .col(ColumnDef::new("scope").text().not_null())
            .col(ColumnDef::new("hash").text().not_null().unique_key())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .col(ColumnDef::new("revoked_at").timestamp_with_time_zone().null())
            .primary_key(Index::create().col("key_id"))
            .take(),
    ]
}

fn indices() -> Vec<IndexCreateStatement> {
    let index = |name: &'static str, table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create().name(name).table(table).take();
        for column in columns {
            index.col(*column);
        }
        index
    };
    vec![
        index("call_event_stream", "call_event", &["call_id", "sequence"]).unique().take(),
        index("session_conversation", "active_call_session", &["provider_call_id"]).unique().take(),
        index("session_slot", "active_call_session", &["slot", "status"]),
        index("session_business", "active_call_session", &["business_id", "slot"]),
        index("session_created", "active_call_session", &["created_at", "call_id"]),
        index("reference_call", "call_reference", &["call_id"]),
        index("agent_business", "agent", &["business_id"]),
        index("phone_number_business", "phone_number", &["business_id"]),
        index("inbox_state", "webhook_inbox", &["state", "conversation_id"]),
        index("run_started", "reconciliation_run", &["started_at"]),
    ]
}
