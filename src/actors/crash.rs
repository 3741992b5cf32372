//! Messages at which an actor panics, or gets stuck: the tests of supervision send them. No route leads to them.

use std::sync::mpsc::Receiver;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};

use super::capacity::CapacityActor;
use super::journal::JournalActor;
use super::ping::Heartbeat;
use super::session::CallSessionActor;
use super::supervisor::SupervisorActor;

/// Panic, now.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Crash;

/// Panics.
pub(super) fn crash() {
    panic!("a crash was asked for");
}

/// Get stuck, now.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Stick {
    /// Wait for what never comes; the thread goes on.
    Wait,
    /// Keep the thread until the other end is gone.
    Block(Receiver<()>),
}

impl Stick {
    fn stick<A: Actor<Context = Context<A>>>(self, actor: &A, ctx: &mut Context<A>) {
        match self {
            Self::Wait => ctx.wait(std::future::pending::<()>().into_actor(actor).map(|(), _, _| ())),
            Self::Block(end) => drop(end.recv()),
        }
    }
}

impl Handler<Stick> for CapacityActor {
    type Result = ();

    fn handle(&mut self, stick: Stick, ctx: &mut Context<Self>) {
        stick.stick(self, ctx);
    }
}

impl Handler<Stick> for JournalActor {
    type Result = ();

    fn handle(&mut self, stick: Stick, ctx: &mut Context<Self>) {
        stick.stick(self, ctx);
    }
}

impl Handler<Stick> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, stick: Stick, ctx: &mut Context<Self>) {
        stick.stick(self, ctx);
    }
}

impl Handler<Stick> for CallSessionActor {
    type Result = ();

    fn handle(&mut self, stick: Stick, ctx: &mut Context<Self>) {
        stick.stick(self, ctx);
    }
}

impl Handler<Stick> for Heartbeat {
    type Result = ();

    fn handle(&mut self, stick: Stick, ctx: &mut Context<Self>) {
        stick.stick(self, ctx);
    }
}
