//! Among several replicas: when it is this one that looks at the provider, and when it leaves that to another.

use std::sync::Arc;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};

use super::{DEMAND, DOUBT, SHORTEST_PAUSE, Scope, SupervisorActor};
use crate::actors::sweeper::{Occasion, Sweeper};

/// Who goes after the calls that are in doubt.
enum Doubts {
    /// There are none any more.
    Settled,
    /// This replica.
    OurTurn,
    /// Another one, or nobody.
    Elsewhere,
}

impl SupervisorActor {
    /// Finds out who sweeps; takes it over where nobody does, and leaves it where this replica cannot.
    pub(super) fn stand_for_sweeper(&mut self, ctx: &mut Context<Self>) {
        if self.sweeper == Sweeper::Alone {
            return;
        }
        let (sweep, candidate) = (Arc::clone(&self.sweep), Arc::clone(&self.candidate));
        let stood = async move {
            if sweep.sees_the_ledger().await {
                return candidate.stand().await;
            }
            candidate.step_down().await;
            Sweeper::Unknown
        };
        ctx.spawn(stood.into_actor(self).map(|sweeper, act, _| act.is_swept_by(sweeper)));
    }

    fn is_swept_by(&mut self, sweeper: Sweeper) {
        if !sweeper.is_here() {
            // Whoever sweeps says what it finds; what this replica found once is no news.
            self.sweep.metrics.ledger_drift.set(0);
        }
        if sweeper != self.sweeper {
            tracing::info!(sweeper = ?sweeper, "who sweeps has changed");
            self.sweeper = sweeper;
        }
    }

    /// A sweep begins with the ledger: a replica that does not get at it leaves the sweeps to others.
    pub(super) fn step_down(&mut self, ctx: &mut Context<Self>) {
        if self.sweeper == Sweeper::Alone {
            return;
        }
        self.is_swept_by(Sweeper::Unknown);
        let candidate = Arc::clone(&self.candidate);
        ctx.spawn(async move { candidate.sit_out().await }.into_actor(self));
    }

    /// Among several replicas one goes after all doubts. The others see to it that somebody does, while there are any.
    pub(super) fn look_at_doubts(&mut self, ctx: &mut Context<Self>) {
        let alone = self.sweeper == Sweeper::Alone;
        let (sweep, candidate) = (Arc::clone(&self.sweep), Arc::clone(&self.candidate));
        let grace = sweep.policy.grace;
        let looked = async move {
            if sweep.in_doubt().await.is_ok_and(|calls| calls == 0) {
                return Doubts::Settled;
            }
            if alone {
                return Doubts::OurTurn;
            }
            // Longer than until it looks again: two looks are to be those of one replica.
            let turn = grace.to_std().unwrap_or_default().max(2 * SHORTEST_PAUSE);
            let here = sweep.sees_the_ledger().await && candidate.looks(Occasion::Doubt, turn).await;
            if here { Doubts::OurTurn } else { Doubts::Elsewhere }
        };
        ctx.spawn(looked.into_actor(self).map(move |doubts, act, ctx| match doubts {
            Doubts::Settled => {}
            Doubts::OurTurn => act.on_timer(Scope::Provider, DOUBT, ctx),
            Doubts::Elsewhere => act.follow_up(grace / 2, ctx),
        }));
    }

    /// A gate that is full and refusing looks for itself, but not all the time.
    pub(super) fn look_on_demand(&mut self, ctx: &mut Context<Self>) {
        let Some(pause) = self.schedule.on_demand else { return };
        if self.last_on_demand.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.last_on_demand = Some(Instant::now());
        if self.sweeper == Sweeper::Alone {
            return self.on_timer(Scope::Ends, DEMAND, ctx);
        }
        // The provider is not asked by every replica.
        let candidate = Arc::clone(&self.candidate);
        let looks = async move { candidate.looks(Occasion::Demand, pause).await };
        ctx.spawn(looks.into_actor(self).map(|here, act, ctx| {
            if here {
                act.on_timer(Scope::Ends, DEMAND, ctx);
            }
        }));
    }
}

/// The node is going away: another one is to sweep.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Resign;

impl Handler<Resign> for SupervisorActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Resign, _: &mut Context<Self>) -> Self::Result {
        if self.sweeper == Sweeper::Alone {
            return Box::pin(std::future::ready(()));
        }
        self.is_swept_by(Sweeper::Unknown);
        let candidate = Arc::clone(&self.candidate);
        Box::pin(async move { candidate.retire().await })
    }
}
