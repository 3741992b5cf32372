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
        let shared = Arc::new(Shared::new(limits, roster));
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
    fn new(limits: WatchLimits, roster: Roster) -> Self {
        let (stopped, stopping) = (Mutex::new(false), Condvar::new());
        Self { limits, roster, wards: Mutex::default(), stopped, stopping }
    }

    fn watch(&self, last_resorts: &LastResorts) {
        let mut looked = Instant::now();
        while !self.is_stopped_within(self.limits.every) {
            let now = Instant::now();
            let since_last_look = now.duration_since(std::mem::replace(&mut looked, now));
            if let Some(name) = self.look(now, since_last_look) {
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
    fn look(&self, now: Instant, since_last_look: Duration) -> Option<&'static str> {
        let overslept = self.limits.overslept(since_last_look);
        if overslept {
            tracing::warn!("the process was stopped for a while; its actors are asked anew whether they are well");
        }
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::telemetry::Metrics;

    const SECOND: Duration = Duration::from_secs(1);

    /// A watch over one actor, looked through by hand; the actor keeps the pings that it gets.
    struct Watched {
        shared: Shared,
        pings: Arc<Mutex<Vec<Ping>>>,
        lives: Lives,
        ordered: UnboundedReceiver<String>,
        looked: Instant,
    }

    impl Watched {
        fn new() -> Self {
            let shared = Shared::new(WatchLimits::default(), Roster::new(Arc::new(Metrics::new())));
            let (pings, lives) = (Arc::new(Mutex::new(Vec::new())), Lives::default());
            let (orders, ordered) = unbounded_channel();
            let kept = Arc::clone(&pings);
            let ping = Box::new(move |ping| {
                lock(&kept).push(ping);
                true
            });
            let ward = Ward { name: "ward", ping, lives: lives.clone(), orders, pulse: Pulse::default() };
            shared.roster.started("ward");
            lock(&shared.wards).push(ward);
            Self { shared, pings, lives, ordered, looked: Instant::now() }
        }

        /// Looks so much later.
        fn look(&mut self, later: Duration) -> Option<&'static str> {
            self.looked += later;
            self.shared.look(self.looked, later)
        }

        /// Looks as often as it should for so long; one of which the thread is blocked.
        fn look_for(&mut self, time: Duration) -> Option<&'static str> {
            let every = self.shared.limits.every;
            (0..time.as_secs() / every.as_secs()).find_map(|_| self.look(every))
        }

        fn pings(&self) -> usize {
            lock(&self.pings).len()
        }

        fn status(&self) -> crate::actors::roster::ActorStatus {
            self.shared.roster.all().into_iter().find(|actor| actor.name == "ward").unwrap()
        }
    }

    #[test]
    fn an_actor_that_answers_is_left_alone_and_when_it_did_is_known() {
        let mut watched = Watched::new();
        for round in 1..100 {
            assert_eq!(watched.look(5 * SECOND), None);
            assert_eq!(watched.pings(), round);
            lock(&watched.pings).last().unwrap().answer();
        }
        assert!(watched.ordered.try_recv().is_err());
        assert!(watched.status().answered.is_some() && watched.status().wedged == 0);
    }

    #[test]
    fn one_that_does_not_answer_is_ordered_to_restart_and_counted_once() {
        let mut watched = Watched::new();
        assert_eq!(watched.look_for(50 * SECOND), None);
        assert_eq!(watched.ordered.try_recv().unwrap(), "no answer to a ping within 30 s");
        assert!(watched.ordered.try_recv().is_err());
        assert_eq!((watched.pings(), watched.status().wedged), (1, 1));
        watched.lives.next();
        assert_eq!((watched.look(5 * SECOND), watched.pings()), (None, 2));
    }

    #[test]
    fn one_that_is_not_restarted_either_has_a_thread_that_is_blocked() {
        let mut watched = Watched::new();
        assert_eq!(watched.look_for(120 * SECOND), Some("ward"));
        assert_eq!(watched.status().wedged, 1);
    }

    #[test]
    fn a_watch_that_was_stopped_itself_accuses_nobody_of_that_time() {
        let mut watched = Watched::new();
        watched.look_for(25 * SECOND);
        for _ in 0..20 {
            assert_eq!(watched.look(600 * SECOND), None);
        }
        assert!(watched.ordered.try_recv().is_err());
        assert_eq!(watched.status().wedged, 0);
        assert_eq!(watched.look_for(120 * SECOND), Some("ward"), "it is wedged, and now it shows");
    }

    #[test]
    fn an_actor_whose_guardian_has_let_go_is_not_watched_any_more() {
        let mut watched = Watched::new();
        watched.look_for(10 * SECOND);
        watched.lives.end();
        assert_eq!(watched.look_for(120 * SECOND), None);
        assert!(watched.ordered.try_recv().is_err());
        assert!(lock(&watched.shared.wards).is_empty());
    }
}
