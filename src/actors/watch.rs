//! The watch over guarded actors: pings each from a thread of its own, which no actor can block.
//!
//! One that does not answer in time is restarted by its guardian. One whose guardian does not get to that either runs on a
//! thread that is blocked: restarting cannot help, so the process ends, if need be at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler};
use tokio::sync::mpsc::UnboundedSender;

use super::ping::Ping;
use super::pulse::{Life, Next, Pulse, WatchLimits};
use super::roster::Roster;

/// The life after which there is none.
const OVER: Life = Life::MAX;

/// What a guardian says of its actor's lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Lives(Arc<AtomicU64>);

impl Lives {
    /// One has ended, and the next is about to begin.
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// There will be no other.
    pub(super) fn end(&self) {
        self.0.store(OVER, Ordering::SeqCst);
    }

    fn present(&self) -> Option<Life> {
        let life = self.0.load(Ordering::SeqCst);
        (life != OVER).then_some(life)
    }
}

/// One guarded actor, as the watch sees it.
struct Ward {
    name: &'static str,
    /// Sends a ping; `false` where nobody is there.
    ping: Box<dyn Fn(Ping) -> bool + Send>,
    lives: Lives,
    /// Why its guardian is to restart it.
    orders: UnboundedSender<String>,
    pulse: Pulse,
}

/// What to do where restarting cannot help.
pub struct LastResorts {
    /// Ends the process in good order; told the actor's name.
    pub give_up: Box<dyn Fn(&str) + Send>,
    /// Ends it at once.
    pub exit: Box<dyn Fn() + Send>,
}

/// Watches over actors for as long as it lives.
pub struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    limits: WatchLimits,
    roster: Roster,
    wards: Mutex<Vec<Ward>>,
    stopped: Mutex<bool>,
    stopping: Condvar,
}

impl Watch {
    /// A watch over nobody yet.
    pub fn start(limits: WatchLimits, roster: Roster, last_resorts: LastResorts) -> Self {
        roster.watched(limits);
        let shared = Arc::new(Shared {
            limits,
            roster,
            wards: Mutex::default(),
            stopped: Mutex::new(false),
            stopping: Condvar::new(),
        });
        let watching = Arc::clone(&shared);
        std::thread::spawn(move || watching.watch(&last_resorts));
        Self { shared }
    }

    /// Watches over one more.
    pub(super) fn add<A>(&self, name: &'static str, actor: &Addr<A>, lives: Lives, orders: UnboundedSender<String>)
    where
        A: Actor<Context = Context<A>> + Handler<Ping>,
        Context<A>: ToEnvelope<A, Ping>,
    {
        let actor = actor.downgrade();
        let ping = Box::new(move |ping| actor.upgrade().map(|actor| actor.do_send(ping)).is_some());
        lock(&self.shared.wards).push(Ward { name, ping, lives, orders, pulse: Pulse::default() });
    }

    /// How patient it is.
    pub fn limits(&self) -> WatchLimits {
        self.shared.limits
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *lock(&self.shared.stopped) = true;
        self.shared.stopping.notify_all();
    }
}

impl Shared {
    fn watch(&self, last_resorts: &LastResorts) {
        let mut looked = Instant::now();
        while !self.is_stopped_within(self.limits.every) {
            let now = Instant::now();
            let overslept = self.limits.overslept(now.duration_since(looked));
            looked = now;
            if overslept {
                tracing::warn!("the process was stopped for a while; its actors are asked anew whether they are well");
            }
            if let Some(name) = self.look(now, overslept) {
                (last_resorts.give_up)(name);
                if !self.is_stopped_within(self.limits.exit_within) {
                    tracing::error!("the process does not end in good order; it is ended at once");
                    (last_resorts.exit)();
                }
                return;
            }
        }
    }

    /// Looks at everybody; the name of one whose thread is blocked.
    fn look(&self, now: Instant, overslept: bool) -> Option<&'static str> {
        let mut wards = lock(&self.wards);
        let mut blocked = None;
        wards.retain_mut(|ward| {
            let Some(life) = ward.lives.present() else { return false };
            if overslept {
                ward.pulse.begin_anew(now);
            }
            if let Some(answered) = ward.pulse.answered() {
                self.roster.answered(ward.name, answered);
            }
            match ward.pulse.look(now, life, &self.limits) {
                Next::Wait => true,
                Next::Ask => {
                    let (ping, answer) = Ping::new();
                    ward.pulse = Pulse::Asked { at: now, life, answer };
                    (ward.ping)(ping)
                }
                Next::Restart => {
                    let within = self.limits.answer_within.as_secs_f64();
                    self.roster.wedged(ward.name);
                    ward.orders.send(format!("no answer to a ping within {within} s")).is_ok()
                }
                Next::End => {
                    tracing::error!(actor = ward.name, "an actor cannot be restarted: its thread is blocked");
                    blocked = Some(ward.name);
                    true
                }
            }
        });
        blocked
    }

    fn is_stopped_within(&self, time: Duration) -> bool {
        let stopped = lock(&self.stopped);
        let waited = self.stopping.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A panic elsewhere leaves both whole: they are changed by single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
