//! Sweeps over many calls: live rows in the order of their ids, and those that are no conversation yet.

use sea_orm_migration::prelude::*;

/// Makes the questions of a sweep cheap.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_sweeps"
    }
}

/// Few rows of a long table; the conditions are in the words of the queries.
const INDICES: [&str; 3] = [
    "CREATE INDEX session_live_by_call ON active_call_session (call_id) WHERE slot IN ('held', 'overflow')",
    "CREATE INDEX session_live_by_age ON active_call_session (created_at) WHERE slot IN ('held', 'overflow')",
    "CREATE INDEX session_unbound ON active_call_session (call_id) \
     WHERE slot IN ('held', 'overflow') AND provider_call_id IS NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "as the trait declares it; a named lifetime would not match")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in INDICES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}
