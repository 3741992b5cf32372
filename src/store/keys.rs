//! API keys, hashed: who may read, call, or do everything.

use chrono::{DateTime, Utc};
use entity::api_key::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use sha2::{Digest, Sha256};

use super::connection::Store;
use super::port::StoreError;
use crate::sources;

/// What a key opens. Each scope opens what those before it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Every GET.
    Read,
    /// Place, end and read calls.
    Call,
    /// Everything.
    Admin,
}

impl Scope {
    /// The word used on the command line and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Call => "call",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Read, Self::Call, Self::Admin]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of read, call, admin"))
    }
}

/// A key as it is listed; the key itself is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// By which it is revoked.
    pub key_id: String,
    /// What it is for.
    pub name: String,
    /// What it opens.
    pub scope: Scope,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<Model> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let scope = row.scope.parse().map_err(StoreError)?;
        Ok(Self { key_id: row.key_id, name: row.name, scope, created_at: row.created_at, revoked_at: row.revoked_at })
    }
}

/// Keys are long and random, so a plain hash suffices: there is nothing to guess.
fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

impl Store {
    /// Makes a key and gives it, once.
    pub async fn create_key(&self, name: &str, scope: Scope) -> Result<(ApiKey, String), StoreError> {
        let key = format!("cg_{}", sources::secret());
        let row = ActiveModel {
            key_id: Set(sources::new_uuid().to_string()),
            name: Set(name.to_owned()),
            scope: Set(scope.as_str().to_owned()),
            hash: Set(hash(&key)),
            created_at: Set(sources::now()),
            revoked_at: Set(None),
        };
        let row = Entity::insert(row).exec_with_returning(self.writer()).await?;
        Ok((ApiKey::try_from(row)?, key))
    }

    /// Every key, oldest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = Entity::find().order_by_asc(Column::CreatedAt).all(self.reader()).await?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    /// Revokes a key; false where there is none of that id, or it was revoked before.
    pub async fn revoke_key(&self, key_id: &str) -> Result<bool, StoreError> {
        let revoked = Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(Some(sources::now())))
            .filter(Column::KeyId.eq(key_id))
            .filter(Column::RevokedAt.is_null())
            .exec(self.writer())
            .await?;
        Ok(revoked.rows_affected > 0)
    }

    /// What `key` opens; nothing where it is unknown or revoked.
    pub async fn scope_of(&self, key: &str) -> Result<Option<Scope>, StoreError> {
        let row = Entity::find()
            .filter(Column::Hash.eq(hash(key)))
            .filter(Column::RevokedAt.is_null())
            .one(self.reader())
            .await?;
        row.map(|row| row.scope.parse().map_err(StoreError)).transpose()
    }

    /// Whether any key opens anything.
    pub async fn has_keys(&self) -> Result<bool, StoreError> {
        Ok(Entity::find().filter(Column::RevokedAt.is_null()).one(self.reader()).await?.is_some())
    }
}
