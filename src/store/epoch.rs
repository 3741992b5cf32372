//! The ledger's epoch: the fencing token that an admission must carry to commit, and where the ledger lives.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::ledger_epoch::{ActiveModel, Column, Entity};
use entity::slot_lease;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};

use super::clock;
use super::connection::{Key, Store, Transaction};
use super::port::StoreError;
use crate::domain::ids::PoolId;

/// One life of a ledger; a rebuild begins the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Where a ledger lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the memory of the only replica.
    Memory,
    /// In Redis, which all replicas share.
    Redis,
    /// In the database itself, while Redis is away.
    Database,
}

impl Home {
    /// Every home.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Redis, Self::Database];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Database => "database",
        }
    }
}

impl std::str::FromStr for Home {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let home = Self::ALL.into_iter().find(|home| home.as_str() == text);
        home.ok_or_else(|| format!("{text:?} is none of memory, redis, database"))
    }
}

/// The epoch of a pool as it stands. Times are by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochState {
    /// The epoch.
    pub epoch: Epoch,
    /// Where its ledger lives.
    pub home: Home,
    /// Whether a full look at the provider has succeeded since the database was made, or lost commits.
    pub surveyed: bool,
    /// How long ago it began.
    pub age: Duration,
    /// How long ago a replica last reached Redis.
    pub unseen_for: Duration,
}

/// An epoch that a replica would begin, and on what condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEpoch {
    /// Where its ledger lives.
    pub home: Home,
    /// Only if the present epoch is still this one; 0 is none.
    pub after: Option<Epoch>,
    /// The ledger's own. Where it is above the database's, the database has lost commits, and what they admitted may
    /// be live: the new epoch is above both, and unsurveyed.
    pub at_least: Epoch,
    /// Only if no replica has reached Redis for so long.
    pub unseen_for: Option<Duration>,
}

impl NewEpoch {
    /// The next epoch, whatever there is.
    pub fn at(home: Home) -> Self {
        Self { home, after: None, at_least: Epoch(0), unseen_for: None }
    }
}

/// What became of the wish to begin an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It began: from now on no admission of an older one commits, and no lease of an older one is left.
    New(EpochState),
    /// Somebody else was first, or the condition does not hold: this is what is there.
    Other(EpochState),
}

impl Begun {
    /// What is there now, whoever began it.
    pub fn state(self) -> EpochState {
        match self {
            Self::New(state) | Self::Other(state) => state,
        }
    }
}

#[derive(FromQueryResult)]
struct Row {
    epoch: i64,
    home: String,
    surveyed: bool,
    begun_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Row {
    fn state(&self) -> Result<EpochState, StoreError> {
        Ok(EpochState {
            epoch: Epoch(u64::try_from(self.epoch).unwrap_or(0)),
            home: self.home.parse().map_err(|error| StoreError(format!("the epoch's home cannot be read: {error}")))?,
            surveyed: self.surveyed,
            age: clock::since(self.begun_at, self.now),
            unseen_for: clock::since(self.seen_at, self.now),
        })
    }
}

/// The epoch of the pool, as the transaction sees it; 0 before the first ledger.
pub(super) async fn current(db: &impl ConnectionTrait, pool: &PoolId) -> Result<Epoch, DbErr> {
    let row = Entity::find_by_id(pool.as_str()).one(db).await?;
    Ok(Epoch(row.and_then(|row| u64::try_from(row.epoch).ok()).unwrap_or(0)))
}

async fn read(db: &impl ConnectionTrait, pool: &PoolId) -> Result<Option<Row>, DbErr> {
    let row = Entity::find_by_id(pool.as_str()).column_as(clock::now(db), "now");
    row.into_model::<Row>().one(db).await
}

/// Whether `wish` may begin after what is there.
fn holds(wish: &NewEpoch, present: Option<&EpochState>) -> bool {
    let epoch = present.map(|present| present.epoch).unwrap_or_default();
    let unseen = |limit| present.is_none_or(|present| present.unseen_for >= limit);
    wish.after.is_none_or(|after| after == epoch) && wish.unseen_for.is_none_or(unseen)
}

/// The pool's epoch, as the transaction or connection sees it; none before the first ledger.
pub(super) async fn present(db: &impl ConnectionTrait, pool: &PoolId) -> Result<Option<EpochState>, StoreError> {
    let row = read(db, pool).await?.filter(|row| row.epoch > 0);
    row.as_ref().map(Row::state).transpose()
}

impl Store {
    /// The pool's epoch; none before the first ledger.
    pub async fn epoch_state(&self, pool: &PoolId) -> Result<Option<EpochState>, StoreError> {
        present(self.reader(), pool).await
    }

    /// Begins the next epoch, where its condition holds.
    ///
    /// Admissions of the present one that are being committed are stored before this returns, or never.
    pub async fn begin_epoch(&self, pool: &PoolId, wish: NewEpoch) -> Result<Begun, StoreError> {
        let txn = self.begin().await?;
        txn.lock(vec![Key::of_epoch(pool)]).await?;
        let now = clock::moment(&txn).await?;
        let row = read(&txn, pool).await?;
        let present = row.as_ref().map(Row::state).transpose()?;
        if !holds(&wish, present.as_ref()) {
            let nothing = EpochState {
                epoch: Epoch(0),
                home: wish.home,
                surveyed: false,
                age: Duration::ZERO,
                unseen_for: Duration::ZERO,
            };
            return Ok(Begun::Other(present.unwrap_or(nothing)));
        }
        let before = present.map(|present| present.epoch).unwrap_or_default();
        let lost_commits = wish.at_least > before;
        let seen_at = row.filter(|_| wish.home == Home::Database).map_or(now, |row| row.seen_at);
        let state = EpochState {
            epoch: Epoch(before.max(wish.at_least).0 + 1),
            home: wish.home,
            surveyed: present.is_some_and(|present| present.surveyed) && !lost_commits,
            age: Duration::ZERO,
            unseen_for: clock::since(seen_at, now),
        };
        put(&txn, pool, &state, now, seen_at).await?;
        slot_lease::Entity::delete_many().filter(slot_lease::Column::Pool.eq(pool.as_str())).exec(&txn).await?;
        txn.commit().await?;
        Ok(Begun::New(state))
    }

    /// Makes the epoch as young as if it began now, for whoever is still at loading its ledger; false where another
    /// has begun.
    pub async fn renew_epoch(&self, pool: &PoolId, epoch: Epoch) -> Result<bool, StoreError> {
        let renewed = Entity::update_many()
            .col_expr(Column::BegunAt, clock::now(self.writer()))
            .col_expr(Column::SeenAt, clock::now(self.writer()))
            .filter(Column::Pool.eq(pool.as_str()))
            .filter(Column::Epoch.eq(number_of(epoch)))
            .exec(self.writer())
            .await?;
        Ok(renewed.rows_affected > 0)
    }

    /// Notes that this replica has reached Redis; nothing, where the ledger is another by now.
    pub async fn note_redis_seen(&self, pool: &PoolId, epoch: Epoch) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::SeenAt, clock::now(self.writer()))
            .filter(Column::Pool.eq(pool.as_str()))
            .filter(Column::Home.eq(Home::Redis.as_str()))
            .filter(Column::Epoch.eq(number_of(epoch)))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Notes that the provider was asked for all its live calls, and answered; before the first epoch too.
    pub async fn mark_surveyed(&self, pool: &PoolId) -> Result<(), StoreError> {
        let txn = self.begin().await?;
        // Whoever begins an epoch meanwhile says whether the survey still counts.
        txn.lock(vec![Key::of_epoch(pool)]).await?;
        let marked = Entity::update_many()
            .col_expr(Column::Surveyed, Expr::value(true))
            .filter(Column::Pool.eq(pool.as_str()))
            .exec(&txn)
            .await?;
        if marked.rows_affected == 0 {
            let now = clock::moment(&txn).await?;
            let surveyed = EpochState {
                epoch: Epoch(0),
                home: Home::Memory,
                surveyed: true,
                age: Duration::ZERO,
                unseen_for: Duration::ZERO,
            };
            put(&txn, pool, &surveyed, now, now).await?;
        }
        Ok(txn.commit().await?)
    }
}

async fn put(
    txn: &Transaction,
    pool: &PoolId,
    state: &EpochState,
    now: DateTime<Utc>,
    seen_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        pool: Set(pool.as_str().to_owned()),
        epoch: Set(number_of(state.epoch)),
        home: Set(state.home.as_str().to_owned()),
        surveyed: Set(state.surveyed),
        begun_at: Set(now),
        seen_at: Set(seen_at),
        updated_at: Set(now),
    };
    let replace = OnConflict::column(Column::Pool)
        .update_columns([
            Column::Epoch,
            Column::Home,
            Column::Surveyed,
            Column::BegunAt,
            Column::SeenAt,
            Column::UpdatedAt,
        ])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(txn).await?;
    Ok(())
}

fn number_of(epoch: Epoch) -> i64 {
    i64::try_from(epoch.0).expect("fewer than 2^63 rebuilds")
}
