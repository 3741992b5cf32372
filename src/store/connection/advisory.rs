//! Locks on names, not on rows: PostgreSQL's advisory locks. SQLite has one writer, who needs none.
//!
//! Whoever takes several takes them in this order, so that no two wait for each other: the epoch, the items of a
//! batch by key, the feed.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};
use sha2::{Digest, Sha256};

use super::bounded::Bounded;
use crate::domain::ids::PoolId;

/// The number under which PostgreSQL knows a name. Two names with one number wait for each other without need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Key(pub(super) i64);

impl Key {
    /// The key of `name` among its `kind`.
    pub(in crate::store) fn of(kind: &str, name: &str) -> Self {
        let digest = Sha256::digest(format!("callgate:{kind}:{name}"));
        let (first, _) = digest.split_first_chunk().expect("SHA-256 has 32 bytes");
        Self(i64::from_be_bytes(*first))
    }

    /// Held shared by every commit that carries the pool's epoch, alone by whoever changes it.
    pub(in crate::store) fn of_epoch(pool: &PoolId) -> Self {
        Self::of("epoch", pool.as_str())
    }
}

impl Bounded<DatabaseTransaction> {
    /// Waits until nobody else holds any of `keys`, and holds them until the transaction ends.
    ///
    /// Only what is read by a later statement is sure to show what the holders before had done.
    pub(in crate::store) async fn lock(&self, mut keys: Vec<Key>) -> Result<(), DbErr> {
        keys.sort_unstable();
        keys.dedup();
        let list: Vec<String> = keys.iter().map(|key| key.0.to_string()).collect();
        let sql = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::text::bigint[]) AS key";
        self.advise(!keys.is_empty(), sql, format!("{{{}}}", list.join(",")).into()).await
    }

    /// The same together with others who only share it.
    pub(in crate::store) async fn lock_shared(&self, key: Key) -> Result<(), DbErr> {
        self.advise(true, "SELECT pg_advisory_xact_lock_shared($1)", key.0.into()).await
    }

    async fn advise(&self, any: bool, sql: &str, value: Value) -> Result<(), DbErr> {
        if any && self.get_database_backend() == DbBackend::Postgres {
            self.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [value])).await?;
        }
        Ok(())
    }
}
