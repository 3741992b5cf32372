//! Looking where the ledger lives, and going there.

use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::home::{RedisSight, Step, next_step};
use super::rebuild::{NotRebuilt, Rebuilt, rebuild};
use super::{Access, AcquireError, CapacityActor, Ledgers, PATIENCE, State};
use crate::domain::ids::PoolId;
use crate::ledger::LedgerError;
use crate::store::{Epoch, EpochState, Home, NewEpoch, Store, StoreError};

/// Between two attempts to rebuild.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two notes in the database that Redis was reached.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A ledger that says it is whole, and refuses so many batches in a row all the same, is rebuilt.
const REFUSALS: u32 = 3;
/// A Redis that cannot be loaded is left alone for so long; twice that after the next failure, and so on.
const SHORTEST_BAR: Duration = Duration::from_secs(10);
/// The longest time for which it is left alone.
const LONGEST_BAR: Duration = Duration::from_mins(2);

/// How Redis was seen so far.
#[derive(Default)]
pub(super) struct Watch {
    under_way: bool,
    again: bool,
    /// Redis has answered without a break since …
    reached_since: Option<Instant>,
    /// Redis has not answered since …
    away_since: Option<Instant>,
    /// What answers readers may not be what decides: the next look asks that.
    doubted: bool,
    /// Batches that were refused in a row.
    refusals: u32,
    /// Loads that failed in a row, and until when no other is tried.
    failed_loads: u32,
    barred_until: Option<Instant>,
    noted_at: Option<Instant>,
    /// The latest epoch whose ledger was whole.
    seen_whole: Option<Epoch>,
}

impl Watch {
    /// A ledger there did not answer.
    pub(super) fn lose(&mut self, home: Home) {
        if home == Home::Redis {
            self.doubted = true;
            self.reached_since = None;
            self.away_since.get_or_insert_with(Instant::now);
        }
    }

    /// A ledger there refused a batch.
    pub(super) fn doubt(&mut self, home: Home) {
        if home == Home::Redis {
            self.doubted = true;
            self.refusals += 1;
        }
    }

    /// A ledger there has carried out a batch.
    pub(super) fn trust(&mut self, home: Home) {
        if home == Home::Redis {
            self.refusals = 0;
            self.failed_loads = 0;
        }
    }

    /// Redis took no ledger. Where that is not the first time in a row it is as good as away, for a while: else it
    /// would be begun anew all the time, and nobody would decide.
    fn fail_to_load(&mut self) {
        self.doubted = true;
        if self.failed_loads > 0 {
            self.lose(Home::Redis);
            let bar = SHORTEST_BAR * 2u32.pow(self.failed_loads.min(8) - 1);
            self.barred_until = Some(Instant::now() + bar.min(LONGEST_BAR));
        }
        self.failed_loads += 1;
    }

    fn is_barred(&self) -> bool {
        self.barred_until.is_some_and(|until| Instant::now() < until)
    }

    fn heartbeat_is_due(&self) -> bool {
        !self.is_barred() && self.noted_at.is_none_or(|at| at.elapsed() >= HEARTBEAT)
    }

    /// What a look at Redis means, after all that was seen before.
    fn sight(&mut self, seen: Result<Seen, String>) -> RedisSight {
        match seen {
            Ok(_) if self.is_barred() => RedisSight::Away,
            Ok(Seen { whole, newest }) => {
                self.doubted = false;
                self.away_since = None;
                let steady_for = self.reached_since.get_or_insert_with(Instant::now).elapsed();
                let whole = whole.filter(|_| self.refusals < REFUSALS);
                RedisSight::Reached { whole, newest, steady_for }
            }
            Err(error) => {
                if self.away_since.is_none() {
                    tracing::warn!(error, "Redis does not answer");
                }
                self.lose(Home::Redis);
                RedisSight::Away
            }
        }
    }
}

/// The ledger in Redis.
struct Seen {
    /// Its epoch, where it is whole and the server's own.
    whole: Option<Epoch>,
    /// The epoch of whatever is there.
    newest: Option<Epoch>,
}

/// What one look saw: Redis first, then the database's row.
struct Sight {
    redis: Result<Seen, String>,
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
            // A single replica's look is a rebuild: the one under way is as good as another.
            self.watch.again = matches!(self.ledgers, Ledgers::Cluster { .. });
            return;
        }
        self.watch.under_way = true;
        self.watch.again = false;
        match &self.ledgers {
            Ledgers::Alone(_) => self.begin(NewEpoch::at(Home::Memory), ctx),
            Ledgers::Cluster { redis, .. } => {
                let heartbeat = self.watch.heartbeat_is_due();
                let seen =
                    look_around(redis.clone(), self.watch.doubted, self.store.clone(), self.pool.clone(), heartbeat);
                ctx.spawn(seen.into_actor(self).map(|sight, act, ctx| act.seen(sight, ctx)));
            }
        }
    }

    fn seen(&mut self, sight: Sight, ctx: &mut Context<Self>) {
        if sight.noted {
            self.watch.noted_at = Some(Instant::now());
        }
        let redis = self.watch.sight(sight.redis);
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
                Ok(Rebuilt { state, slots, meanwhile }) => {
                    tracing::info!(epoch = state.epoch.0, home = state.home.as_str(), slots, "the ledger is rebuilt");
                    act.metrics.record_ledger_rebuild(state.home.as_str());
                    act.watch.refusals = 0;
                    act.serve(state, ctx);
                    for instruction in meanwhile {
                        act.tell(instruction, ctx);
                    }
                }
                Err(NotRebuilt::Overtaken) => act.watch.again = true,
                Err(error) => {
                    tracing::warn!(%error, home = new.home.as_str(), "the ledger cannot be rebuilt yet");
                    if let (NotRebuilt::Ledger(_), Home::Redis) = (error, new.home) {
                        act.watch.fail_to_load();
                    }
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
            self.queue.let_go(&AcquireError::Recovering);
        }
        self.flush(ctx);
        self.read(ctx);
    }

    /// No slots are given for now.
    fn refuse(&mut self, state: State, ctx: &mut Context<Self>) {
        self.state = state;
        let error =
            if matches!(state, State::Away { .. }) { AcquireError::Unavailable } else { AcquireError::Recovering };
        self.queue.let_go(&error);
        self.read(ctx);
    }

    fn looked(&mut self, ctx: &mut Context<Self>) {
        self.watch.under_way = false;
        if std::mem::take(&mut self.watch.again) {
            self.look(ctx);
        }
    }
}

async fn look_around(redis: Access, doubted: bool, store: Store, pool: PoolId, heartbeat: bool) -> Sight {
    let seen = if doubted { ask_whoever_decides(&redis).await } else { ask(&redis, Asked::WhatShows).await };
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

/// By which way Redis is asked.
#[derive(Clone, Copy)]
enum Asked {
    WhatShows,
    WhatDecides,
}

async fn ask(redis: &Access, asked: Asked) -> Result<Seen, LedgerError> {
    let ledger = match asked {
        Asked::WhatShows => &redis.shows,
        Asked::WhatDecides => &redis.decides,
    };
    let mut ledger = ledger.lock().await;
    match ledger.look().await? {
        Some(whole) => Ok(Seen { whole: Some(whole), newest: Some(whole) }),
        None => Ok(Seen { whole: None, newest: ledger.newest().await? }),
    }
}

/// Its connection may lead to a server that is not the right one any more: it is made anew first.
async fn ask_whoever_decides(redis: &Access) -> Result<Seen, LedgerError> {
    redis.decides.lock().await.reconnect();
    ask(redis, Asked::WhatDecides).await
}
