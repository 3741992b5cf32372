//! The ledger of any number of replicas: slots and counts in one Redis, where a script decides each batch.
//!
//! | key, under `{prefix:pool}` | type | what it holds |
//! | --- | --- | --- |
//! | `:meta` | hash | `epoch`; `run_id` and `master_replid` of the server it was loaded into; `cap`, `paused`, `reserves` |
//! | `:slots` | hash | call -> slot, claim, plan and business of its holder, packed (slots.lua) |
//! | `:counts` | hash | places taken: of the pool, of each plan, of each business; and `epoch` |
//! | `:seen` | hash | sender -> the number of its last batch; and `epoch` |
//! | `:next:EPOCH:SENDER.ATTEMPT:…` | hashes | slots and counts being loaded; gone after some minutes |
//! | `:look` | string | what a look writes; gone after a minute |
//!
//! What is there is **whole** where the server is the one it was loaded into (neither restarted nor promoted since:
//! either may have lost the last writes), every key is there, and the number of slots is the number counted. All else
//! is as if nothing were there, until it is loaded again under a later epoch. (`master_replid` changes, too, when the
//! first replica is attached and an hour after the last has gone: a rebuild for nothing, which takes a moment.)
//!
//! **A timeout is ambiguous**: the script may have run, or run yet. The caller turns the acquires of that batch into
//! give-backs and sends all else again, in a batch of its own. Batches are numbered, and none is carried out once a
//! later one of the same sender was: what comes late came before the give-backs, or does nothing.
//!
//! Needs Redis 6.2 or later, not as a cluster. Its user needs the keys `{prefix:*` and the commands `eval`, `evalsha`,
//! `script|load`, `info`, `multi`, `exec`, `set`, `del`, `rename`, `exists`, `pexpire`, `persist` and those of hashes.

mod batch;
mod connection;
mod holder;
mod keys;
mod occupied;
mod scripts;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use redis::ScriptInvocation;
use uuid::Uuid;

use self::connection::Connection;
pub use self::connection::UnusableTarget;
use self::keys::Keys;
use super::port::{Answer, Instruction, LedgerError, Occupied, SlotLedger};
use crate::domain::admission::Holder;
use crate::domain::ids::{CallId, PoolId};
use crate::domain::pool::Pool;
use crate::store::{Epoch, Sequence};

/// Holders of one call of a script or one page: a few milliseconds of Redis.
const CHUNK: usize = 1000;
/// What is staged outlives the slowest rebuild, and not much more.
const STAGED_FOR: Duration = Duration::from_mins(5);
/// A look leaves nothing for long.
const LOOK_FOR: Duration = Duration::from_mins(1);

/// Which Redis, and which ledger in it.
#[derive(Clone, Copy)]
pub struct RedisTarget<'a> {
    /// `redis://` or `rediss://`, with user and password where it wants them.
    pub url: &'a str,
    /// PEM of the authority that signed the server's certificate; none: one of the public ones.
    pub certificate_authority: Option<&'a [u8]>,
    /// Prefix of every key.
    pub prefix: &'a str,
    /// The pool.
    pub pool: &'a PoolId,
}

/// Slots in Redis, for all replicas.
pub struct RedisLedger {
    connection: Connection,
    keys: Keys,
    sender: Uuid,
    batches: u64,
    loads: u64,
    switched: Option<Epoch>,
}

/// Holders beside the ledger.
struct Staged {
    keys: [String; 2],
    calls: usize,
}

impl RedisLedger {
    /// The ledger of a pool; nothing is connected yet, and Redis may be away.
    ///
    /// `sender` is this value's alone: by it a batch that comes late is told from a new one.
    pub fn new(target: &RedisTarget<'_>, sender: Uuid) -> Result<Self, UnusableTarget> {
        Ok(Self {
            connection: Connection::new(target)?,
            keys: Keys::new(target.prefix, target.pool),
            sender,
            batches: 0,
            loads: 0,
            switched: None,
        })
    }

    /// Puts the holders beside the ledger that is there.
    async fn stage(&mut self, epoch: Epoch, holders: &[(Holder, Sequence)]) -> Result<Staged, LedgerError> {
        self.loads += 1;
        let keys = self.keys.staged(epoch, self.sender, self.loads);
        for chunk in holders.chunks(CHUNK) {
            let mut script = scripts::STAGE.key(&keys[..]);
            script.arg(millis(STAGED_FOR));
            for (holder, as_of) in chunk {
                holder::tell(&mut script, holder, *as_of);
            }
            self.connection.run::<()>(&script).await?;
        }
        let calls: HashSet<CallId> = holders.iter().map(|(holder, _)| holder.call_id).collect();
        Ok(Staged { keys, calls: calls.len() })
    }

    /// Makes what was staged the ledger.
    async fn switch(&mut self, epoch: Epoch, pool: &Pool, staged: &Staged) -> Result<(), LedgerError> {
        let mut script = self.script(&scripts::SWITCH);
        script.key(&staged.keys[..]).arg(epoch.0).arg(staged.calls);
        batch::tell_terms(&mut script, pool);
        self.switched = Some(epoch);
        match self.connection.run(&script).await? {
            (_, true) => Ok(()),
            (holds, false) => {
                // It would go by itself, in some minutes.
                let mut leftovers = redis::pipe();
                leftovers.del(&staged.keys[..]).ignore();
                let _ = self.connection.ask::<()>(&leftovers).await;
                Err(not_ready(holds))
            }
        }
    }

    fn script<'a>(&self, script: &'a redis::Script) -> ScriptInvocation<'a> {
        script.key(&self.keys.ledger()[..])
    }
}

#[async_trait]
impl SlotLedger for RedisLedger {
    async fn look(&mut self) -> Result<Option<Epoch>, LedgerError> {
        let mut script = self.script(&scripts::LOOK);
        script.key(&self.keys.look).arg(millis(LOOK_FOR));
        Ok(self.connection.run::<Option<u64>>(&script).await?.map(Epoch))
    }

    fn reconnect(&mut self) {
        self.connection.forget();
    }

    async fn newest(&mut self) -> Result<Option<Epoch>, LedgerError> {
        let mut questions = redis::pipe();
        questions.hget(&self.keys.meta, "epoch");
        let (epoch,): (Option<u64>,) = self.connection.ask(&questions).await?;
        Ok(epoch.map(Epoch))
    }

    async fn load(&mut self, epoch: Epoch, pool: Pool, holders: Vec<(Holder, Sequence)>) -> Result<(), LedgerError> {
        // A switch whose answer was lost may have happened, and slots may have been given under that epoch since
        // which are not in what would be loaded now. Redis may even have forgotten it in between.
        if self.switched >= Some(epoch) || self.newest().await? >= Some(epoch) {
            return Err(LedgerError::NotReady { holds: self.look().await? });
        }
        let staged = self.stage(epoch, &holders).await?;
        self.switch(epoch, &pool, &staged).await
    }

    async fn apply(&mut self, epoch: Epoch, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError> {
        self.batches += 1;
        let mut script = self.script(&scripts::APPLY);
        script.arg(epoch.0).arg(self.sender.to_string()).arg(self.batches);
        batch::tell(&mut script, batch);
        let (holds, done, numbers): (Option<u64>, bool, Vec<u32>) = self.connection.run(&script).await?;
        if done { batch::answers(batch, &numbers) } else { Err(not_ready(holds)) }
    }

    async fn occupied(&mut self) -> Result<Occupied, LedgerError> {
        let told: Option<occupied::Told> = self.connection.run(&self.script(&scripts::OCCUPIED)).await?;
        told.and_then(occupied::read).ok_or(LedgerError::NotReady { holds: None })
    }

    async fn holders(&mut self) -> Result<Vec<Holder>, LedgerError> {
        let (mut read, mut of_epoch, mut cursor) = (HashMap::<CallId, Holder>::new(), None, 0u64);
        loop {
            let mut questions = redis::pipe();
            questions.atomic().hget(&self.keys.meta, "epoch");
            questions.cmd("HSCAN").arg(&self.keys.slots).arg(cursor).arg("COUNT").arg(CHUNK);
            let page: (Option<u64>, (u64, Vec<(String, String)>)) = self.connection.ask(&questions).await?;
            let (epoch, (next, packed)) = page;
            // Switched while it was read: some who held a slot all the time may be missing.
            if epoch.is_none() || of_epoch.is_some_and(|of_epoch| of_epoch != epoch) {
                return Err(LedgerError::NotReady { holds: None });
            }
            for (call, text) in packed {
                let holder = holder::unpacked(&call, &text).ok_or(LedgerError::NotReady { holds: None })?;
                read.insert(holder.call_id, holder);
            }
            (of_epoch, cursor) = (Some(epoch), next);
            if cursor == 0 {
                return Ok(read.into_values().collect());
            }
        }
    }
}

fn not_ready(holds: Option<u64>) -> LedgerError {
    LedgerError::NotReady { holds: holds.map(Epoch) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
