//! The group commit: one transaction for a batch, in which every item wins or loses by itself.
//!
//! Lock what the batch could collide on, read the ground, decide purely, write what wins. All statements are about
//! the whole batch, so a commit costs as many round trips for one item as for a hundred.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `stakes` | what a batch could collide on with another, and the locks on it |
//! | `ground` | what is stored about that |
//! | `verdict` | who wins: pure |
//! | `effects` | the rows of the winners |
//! | `memory` | the same without a database |

mod effects;
mod ground;
mod memory;
mod stakes;
mod verdict;

#[cfg(test)]
mod properties;

use async_trait::async_trait;
use sea_orm::DbErr;

use super::Stream;
use super::connection::{Store, Transaction};
use super::port::{CommitError, Conflict, EventStore, StoreError, Write, Written};
use crate::domain::ids::CallId;
use effects::Effects;
use ground::{Ground, Waiting};
pub use memory::MemoryStore;
use stakes::Stakes;

#[async_trait]
impl EventStore for Store {
    async fn commit(&self, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        // Until COMMIT is sent every error, of the server or of the line to it, undoes the transaction.
        let not_stored = |error: DbErr| CommitError::NotStored(error.to_string());
        let txn = self.begin_commit().await.map_err(not_stored)?;
        let results = write_all(&txn, batch).await.map_err(not_stored)?;
        // From here on silence proves nothing.
        txn.commit().await.map_err(|error| CommitError::Unknown(error.to_string()))?;
        Ok(results)
    }

    async fn load(&self, call_id: CallId) -> Result<Stream, StoreError> {
        self.stream(call_id).await
    }
}

async fn write_all(txn: &Transaction, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, DbErr> {
    let stakes = Stakes::of(batch);
    stakes.lock(txn).await?;
    let mut ground = Ground::read(txn, &stakes).await?;
    let mut effects = Effects::default();
    let verdicts: Vec<_> = batch.iter().map(|write| decide(&mut ground, &mut effects, write)).collect();
    let filed = effects.write(txn, &verdicts).await?;
    let written = |meets: Vec<Waiting>| Written {
        parked: meets.into_iter().filter_map(|waiting| waiting.into_notice(&filed)).collect(),
    };
    Ok(verdicts.into_iter().map(|verdict| verdict.map(written)).collect())
}

/// Judges the next item. Where it wins, those after it stand on what it does; gives the webhooks that it meets.
fn decide<'a>(ground: &mut Ground, effects: &mut Effects<'a>, write: &'a Write) -> Result<Vec<Waiting>, Conflict> {
    let effect = ground.judge(write)?;
    ground.absorb(&effect);
    effects.add(&effect);
    Ok(effect.meets)
}
