//! The guardian: an actor that panics, or is wedged, starts again at the same address.
//!
//! actix's own supervisor drops an actor that panics. This one catches the unwind, waits a little longer each
//! time, and starts the actor again with its mailbox; queued messages are answered after the restart, only the
//! message at which it crashed is lost. Too many crashes in a window end the process: restarting cannot help.
//! That an actor is wedged is found by [`super::watch`], and counts as a crash.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix::dev::{ToEnvelope, channel};
use actix::{Actor, Addr, ArbiterHandle, Context, Handler, Supervised};
use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::ping::Ping;
use super::roster::Roster;
use super::watch::{Lives, Watch};
use crate::domain::back_off::BackOff;

/// Mailbox slots beside one per sender.
const MAILBOX: usize = 256;

/// How often an actor may crash before the process gives up.
#[derive(Clone, Copy, Debug)]
pub struct RestartLimits {
    /// Crashes at most …
    pub crashes: usize,
    /// … within this window.
    pub window: Duration,
    /// The wait before the first restart; it doubles with each crash in the window.
    pub first_pause: Duration,
    /// The longest wait.
    pub longest_pause: Duration,
}

impl Default for RestartLimits {
    fn default() -> Self {
        Self {
            crashes: 10,
            window: Duration::from_mins(1),
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_secs(1),
        }
    }
}

/// The crashes of one actor within the window.
#[derive(Debug)]
struct Crashes {
    limits: RestartLimits,
    times: VecDeque<Instant>,
}

impl Crashes {
    /// Counts a crash; the pause before the restart, or none where it is one too many.
    fn count(&mut self, now: Instant) -> Option<Duration> {
        while self.times.front().is_some_and(|first| now.duration_since(*first) > self.limits.window) {
            self.times.pop_front();
        }
        self.times.push_back(now);
        if self.times.len() > self.limits.crashes {
            return None;
        }
        let pauses = BackOff { first: self.limits.first_pause, longest: self.limits.longest_pause };
        Some(pauses.pause(u32::try_from(self.times.len()).unwrap_or(u32::MAX), 0.0))
    }
}

/// Starts an actor on `arbiter` and keeps it alive; `watch` looks whether it answers. `give_up` is called where it crashes
/// too often.
pub fn guard<A, F>(
    name: &'static str,
    arbiter: &ArbiterHandle,
    roster: &Roster,
    limits: RestartLimits,
    watch: &Watch,
    make: F,
    give_up: impl FnOnce(&str) + Send + 'static,
) -> Addr<A>
where
    A: Actor<Context = Context<A>> + Supervised + Handler<Ping>,
    Context<A>: ToEnvelope<A, Ping>,
    F: FnOnce() -> A + Send + 'static,
{
    let (sender, receiver) = channel::channel(MAILBOX);
    let address = Addr::new(sender);
    let roster = roster.clone();
    roster.started(name);
    roster.limited(name, limits);
    let (lives, (orders, mut ordered)) = (Lives::default(), mpsc::unbounded_channel());
    watch.add(name, &address, lives.clone(), orders);
    arbiter.spawn_fn(move || {
        let mut life = Context::with_receiver(receiver).into_future(make());
        actix::spawn(async move {
            let mut crashes = Crashes { limits, times: VecDeque::new() };
            loop {
                let turn = AssertUnwindSafe(std::future::poll_fn(|cx| Pin::new(&mut life).poll(cx)));
                let reason = tokio::select! {
                    ended = turn.catch_unwind() => match ended {
                        Ok(()) => break,
                        Err(panic) => reason_of(panic.as_ref()),
                    },
                    Some(reason) = ordered.recv() => reason,
                };
                lives.next();
                tracing::error!(actor = name, reason, "an actor crashed");
                roster.crashed(name, &reason);
                let Some(pause) = crashes.count(Instant::now()) else {
                    give_up(name);
                    break;
                };
                tokio::time::sleep(pause).await;
                if !life.restart() {
                    break;
                }
                // What was concluded of the life before says nothing of this one.
                while ordered.try_recv().is_ok() {}
                roster.restarted(name);
            }
            lives.end();
            roster.stopped(name);
        });
    });
    address
}

/// What a panic said.
pub fn reason_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_the_window_forgets() {
        let limits = RestartLimits {
            crashes: 3,
            window: Duration::from_mins(1),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_millis(250),
        };
        let mut crashes = Crashes { limits, times: VecDeque::new() };
        let start = Instant::now();
        let pauses: Vec<_> = (0..4).map(|_| crashes.count(start)).collect();
        let ms = |n| Some(Duration::from_millis(n));
        assert_eq!(pauses, [ms(100), ms(200), ms(250), None]);
        assert_eq!(crashes.count(start + Duration::from_secs(61)), ms(100));
    }
}
