//! The question whether an actor still handles messages, and how each kind of actor answers it: at once.
//!
//! Also the [`Heartbeat`], which does nothing else: one on each thread of the sessions shows that the thread goes on.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use actix::{Actor, Context, Handler, Message, Supervised};

use super::capacity::CapacityActor;
use super::journal::JournalActor;
use super::session::CallSessionActor;
use super::supervisor::SupervisorActor;

/// When a ping was answered, once it was.
pub(super) type Answer = Arc<OnceLock<Instant>>;

/// Asks for a sign of life.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Ping(Answer);

impl Ping {
    /// A question, and where its answer will be.
    pub(super) fn new() -> (Self, Answer) {
        let answer = Answer::default();
        (Self(Arc::clone(&answer)), answer)
    }

    /// Answers it.
    pub(super) fn answer(&self) {
        let _ = self.0.set(Instant::now());
    }
}

impl Handler<Ping> for CapacityActor {
    type Result = ();

    fn handle(&mut self, ping: Ping, _: &mut Context<Self>) {
        ping.answer();
    }
}

impl Handler<Ping> for JournalActor {
    type Result = ();

    fn handle(&mut self, ping: Ping, _: &mut Context<Self>) {
        ping.answer();
    }
}

impl Handler<Ping> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, ping: Ping, _: &mut Context<Self>) {
        ping.answer();
    }
}

impl Handler<Ping> for CallSessionActor {
    type Result = ();

    fn handle(&mut self, ping: Ping, _: &mut Context<Self>) {
        ping.answer();
    }
}

/// Answers pings, and does nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat;

impl Actor for Heartbeat {
    type Context = Context<Self>;
}

impl Supervised for Heartbeat {}

impl Handler<Ping> for Heartbeat {
    type Result = ();

    fn handle(&mut self, ping: Ping, _: &mut Context<Self>) {
        ping.answer();
    }
}
