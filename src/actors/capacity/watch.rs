//! Looking where the ledger lives, rebuilding it, moving it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::home::{RedisSight, Step, next_step};
use super::{AcquireError, CapacityActor, Ledgers, PATIENCE, SharedLedger, State};
use crate::domain::admission::Holder;
use crate::domain::call::Slot;
use crate::domain::ids::{CallId, PoolId};
use crate::ledger::Instruction;
use crate::store::{Begun, Epoch, EpochState, Home, NewEpoch, Sequence, Session, Store, StoreError};

/// Between two attempts to rebuild.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two notes in the database that Redis was reached.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How Redis was seen so far.
#[derive(Default)]
pub(super) struct Watch {
    under_way: bool,
    again: bool,
    /// Redis has answered without a break since …
    reached_since: Option<Instant>,
    /// Redis has not answered since …
    away_since: Option<Instant>,
    noted_at: Option<Instant>,
    /// The latest epoch whose ledger was whole.
    seen_whole: Option<Epoch>,
}

impl Watch {
    /// A ledger there did not answer.
    pub(super) fn lose(&mut self, home: Home) {
        if home == Home::Redis {
            self.reached_since = None;
            self.away_since.get_or_insert_with(Instant::now);
        }
    }

    fn reach(&mut self) -> Duration {
        self.away_since = None;
        self.reached_since.get_or_insert_with(Instant::now).elapsed()
    }

    fn heartbeat_is_due(&self) -> bool {
        self.noted_at.is_none_or(|at| at.elapsed() >= HEARTBEAT)
    }
}

/// What one look saw: Redis first, then the database's row.
struct Sight {
    redis: Result<(Option<Epoch>, Option<Epoch>), String>,
    row: Result<Option<EpochState>, StoreError>,
    noted: bool,
}

impl CapacityActor {
    pub(super) fn on_tick(&mut self, ctx: &mut Context<Self>) {
        if matches!(self.state, State::Settling { since } if since.elapsed() >= PATIENCE) {
            self.refuse(State::Recovering, ctx);
        }
        match (&self.ledgers, self.state) {
            (Ledgers::Alone(_), State::Serving { .. }) => {}
            _ => self.look(ctx),
        }
    }

    /// Finds out where the ledger lives, unless that is being done.
    pub(super) fn look(&mut self, ctx: &mut Context<Self>) {
        if self.watch.under_way {
            self.watch.again = true;
            return;
        }
        self.watch.under_way = true;
        self.watch.again = false;
        match &self.ledgers {
            Ledgers::Alone(_) => {
                let begin = NewEpoch { home: Home::Memory, after: None, at_least: Epoch(0), unseen_for: None };
                self.begin(begin, ctx);
            }
            Ledgers::Cluster { redis, .. } => {
                let seen = look_around(
                    redis.shows.clone(),
                    self.watch.reached_since.is_none().then(|| redis.decides.clone()),
                    self.store.clone(),
                    self.pool.clone(),
                    self.watch.heartbeat_is_due(),
                );
                ctx.spawn(seen.into_actor(self).map(|sight, act, ctx| act.seen(sight, ctx)));
            }
        }
    }

    fn seen(&mut self, sight: Sight, ctx: &mut Context<Self>) {
        if sight.noted {
            self.watch.noted_at = Some(Instant::now());
        }
        let redis = match sight.redis {
            Ok((whole, newest)) => RedisSight::Reached { whole, newest, steady_for: self.watch.reach() },
            Err(error) => {
                if self.watch.away_since.is_none() {
                    tracing::warn!(error, "Redis does not answer");
                }
                self.watch.lose(Home::Redis);
                RedisSight::Away
            }
        };
        let row = match sight.row {
            Ok(row) => row,
            Err(error) => {
                tracing::warn!(%error, "the ledger's epoch cannot be read");
                return self.looked(ctx);
            }
        };
        match next_step(redis, row, self.watch.seen_whole) {
            Step::Serve(row) => self.serve(row, ctx),
            Step::Wait if matches!(self.state, State::Serving { .. } | State::Away { .. }) => {
                self.state = State::settling();
            }
            Step::Wait => {}
            Step::Unavailable => {
                let others_see_it = |row: EpochState| {
                    self.watch.away_since.is_some_and(|since| since.elapsed() > row.unseen_for + HEARTBEAT)
                };
                self.refuse(State::Away { cut_off: row.is_some_and(others_see_it) }, ctx);
            }
            Step::Begin(new) => return self.begin(new, ctx),
        }
        self.looked(ctx);
    }

    /// Begins an epoch, rebuilds the ledger under it, and serves from there.
    fn begin(&mut self, new: NewEpoch, ctx: &mut Context<Self>) {
        if matches!(self.state, State::Serving { .. } | State::Away { .. }) {
            self.state = State::settling();
        }
        let ledger = self.ledgers.at(new.home).decides.clone();
        let rebuilt = rebuild(self.store.clone(), self.pool.clone(), ledger, new);
        ctx.spawn(rebuilt.into_actor(self).map(move |rebuilt, act, ctx| {
            match rebuilt {
                Ok(Some(Rebuilt { state, slots, meanwhile })) => {
                    tracing::info!(epoch = state.epoch.0, home = state.home.as_str(), slots, "the ledger is rebuilt");
                    act.metrics.record_ledger_rebuild(state.home.as_str());
                    act.serve(state, ctx);
                    for instruction in meanwhile {
                        act.tell(instruction, ctx);
                    }
                }
                // Somebody else was first.
                Ok(None) => act.watch.again = true,
                Err(error) => {
                    tracing::warn!(%error, home = new.home.as_str(), "the ledger cannot be rebuilt yet");
                    ctx.run_later(PAUSE, Self::look);
                }
            }
            act.looked(ctx);
        }));
    }

    fn serve(&mut self, row: EpochState, ctx: &mut Context<Self>) {
        let EpochState { epoch, home, surveyed, .. } = row;
        let before = self.state;
        // What the provider was asked for stays asked for: a row read before that does not take it back.
        let asked = matches!(before, State::Serving { epoch: present, surveyed: true, .. } if present == epoch);
        self.state = State::Serving { epoch, home, surveyed: surveyed || asked };
        self.watch.seen_whole = Some(epoch);
        if !matches!(before, State::Serving { epoch: present, .. } if present == epoch) {
            tracing::info!(epoch = epoch.0, home = home.as_str(), "admissions are decided under this epoch");
            self.mirror.outdate();
        }
        if !surveyed && !asked {
            self.let_go(&AcquireError::Recovering);
        }
        self.flush(ctx);
        self.read(ctx);
    }

    /// No slots are given for now.
    fn refuse(&mut self, state: State, ctx: &mut Context<Self>) {
        self.state = state;
        let error =
            if matches!(state, State::Away { .. }) { AcquireError::Unavailable } else { AcquireError::Recovering };
        self.let_go(&error);
        self.read(ctx);
    }

    fn looked(&mut self, ctx: &mut Context<Self>) {
        self.watch.under_way = false;
        if std::mem::take(&mut self.watch.again) {
            self.look(ctx);
        }
    }
}

/// Looks at Redis, and then at the database's row. `decides` is given where Redis was not reached before: its
/// connection may have broken meanwhile, and learns that only by asking.
async fn look_around(
    redis: SharedLedger,
    decides: Option<SharedLedger>,
    store: Store,
    pool: PoolId,
    heartbeat: bool,
) -> Sight {
    let mut seen = {
        let mut redis = redis.lock().await;
        match redis.look().await {
            Ok(Some(whole)) => Ok((Some(whole), Some(whole))),
            Ok(None) => redis.newest().await.map(|newest| (None, newest)),
            Err(error) => Err(error),
        }
    };
    if let (Ok(_), Some(decides)) = (&seen, decides) {
        let mut decides = decides.lock().await;
        // The first answer may be that of the broken connection; the second is of a new one.
        if decides.look().await.is_err()
            && let Err(error) = decides.look().await
        {
            seen = Err(error);
        }
    }
    let row = store.epoch_state(&pool).await;
    let mut noted = false;
    if heartbeat
        && seen.is_ok()
        && let Ok(Some(state)) = &row
    {
        noted = store.note_redis_seen(&pool, state.epoch).await.is_ok();
    }
    Sight { redis: seen.map_err(|error| error.to_string()), row, noted }
}

/// A ledger that was rebuilt.
struct Rebuilt {
    state: EpochState,
    slots: usize,
    /// What the log said while it was read and loaded.
    meanwhile: Vec<Instruction>,
}

/// Begins the epoch, then reads who holds a slot: what an older epoch still admits after that cannot commit.
async fn rebuild(
    store: Store,
    pool: PoolId,
    ledger: SharedLedger,
    new: NewEpoch,
) -> Result<Option<Rebuilt>, StoreError> {
    let Begun::New(state) = store.begin_epoch(&pool, new).await? else { return Ok(None) };
    let terms = store.pool(&pool).await?.ok_or_else(|| StoreError(format!("there is no pool {pool}")))?;
    let holders = holders_of(&store).await?;
    let before: Vec<CallId> = holders.iter().map(|(holder, _)| holder.call_id).collect();
    let loaded = ledger.lock().await.load(state.epoch, terms, holders).await;
    loaded.map_err(|error| StoreError(error.to_string()))?;
    let meanwhile = changes_since(&store, &before).await?;
    Ok(Some(Rebuilt { state, slots: before.len(), meanwhile }))
}

async fn holders_of(store: &Store) -> Result<Vec<(Holder, Sequence)>, StoreError> {
    let live = store.live_sessions().await?;
    Ok(live.iter().filter_map(|row| Some((row.holder()?, row.sequence))).collect())
}

/// What the log said while the ledger was loaded, other than what is in it.
async fn changes_since(store: &Store, before: &[CallId]) -> Result<Vec<Instruction>, StoreError> {
    let now = holders_of(store).await?;
    let here: HashSet<_> = now.iter().map(|(holder, _)| holder.call_id).collect();
    let known: HashSet<_> = before.iter().collect();
    let gone: Vec<CallId> = before.iter().filter(|call_id| !here.contains(call_id)).copied().collect();
    let release = |row: Session| Instruction::Release { call_id: row.call_id, as_of: row.sequence };
    let over = store.sessions_of(&gone).await?.into_iter().filter(|row| row.holder().is_none()).map(release);
    // A slot that is held was admitted under this epoch, so its lease is in the ledger; overflow asks nobody.
    let missed = |(holder, _): &(Holder, Sequence)| holder.slot == Slot::Overflow && !known.contains(&holder.call_id);
    let put = |(holder, as_of)| Instruction::Put { holder, as_of };
    let come = now.into_iter().filter(missed).map(put);
    Ok(over.chain(come).collect())
}
