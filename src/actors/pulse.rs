//! What is concluded from the pings of one actor: nothing, that it is wedged, or that its thread is blocked.
//!
//! A machine of states without a clock: [`super::watch`] hands in the time.

use std::time::{Duration, Instant};

use super::ping::Answer;

/// How patient the watch over actors is.
#[derive(Clone, Copy, Debug)]
pub struct WatchLimits {
    /// Between two looks, and between an answer and the next ping.
    pub every: Duration,
    /// A guarded actor that does not answer within this is wedged. Well above anything that an actor may wait for.
    pub answer_within: Duration,
    /// An actor that is not restarted within this, once it is to be, runs on a thread that is blocked.
    pub restart_within: Duration,
    /// A session that does not answer within this is wedged: it may wait for the journal, several times.
    pub session_within: Duration,
    /// A process that is to end, because a thread is blocked, and is still there after this, is ended at once.
    pub exit_within: Duration,
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(5),
            answer_within: Duration::from_secs(30),
            restart_within: Duration::from_secs(30),
            session_within: Duration::from_mins(2),
            exit_within: Duration::from_mins(1),
        }
    }
}

impl WatchLimits {
    /// Whether a watch that looks again after so long was stopped meanwhile, perhaps with the whole process: then no
    /// actor could answer either.
    pub(super) fn overslept(&self, since_last_look: Duration) -> bool {
        since_last_look > self.every * 3
    }
}

/// Which of its lives an actor is in: each restart begins another.
pub(super) type Life = u64;

/// How far the watch over one actor is.
#[derive(Debug, Default)]
pub(super) enum Pulse {
    /// Nothing is known.
    #[default]
    Unknown,
    /// It was asked.
    Asked { at: Instant, life: Life, answer: Answer },
    /// It did not answer, and is to be restarted.
    Ordered { at: Instant, life: Life },
    /// It was not restarted either.
    Lost,
}

/// What to do about an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing yet.
    Wait,
    /// Ask; it answered, or is in another life.
    Ask,
    /// Have it restarted: it is wedged.
    Restart,
    /// End the process: its thread is blocked.
    End,
}

impl Pulse {
    /// What a look at `now` comes to, where the actor is in `life`.
    pub(super) fn look(&mut self, now: Instant, life: Life, limits: &WatchLimits) -> Next {
        match self {
            Self::Unknown => Next::Ask,
            Self::Asked { answer, life: then, .. } if answer.get().is_some() || *then != life => Next::Ask,
            Self::Asked { at, .. } if now.duration_since(*at) >= limits.answer_within => {
                *self = Self::Ordered { at: now, life };
                Next::Restart
            }
            Self::Ordered { life: then, .. } if *then != life => Next::Ask,
            Self::Ordered { at, .. } if now.duration_since(*at) >= limits.restart_within => {
                *self = Self::Lost;
                Next::End
            }
            Self::Asked { .. } | Self::Ordered { .. } | Self::Lost => Next::Wait,
        }
    }

    /// The watch itself was stopped for a while: what it waited for had no time to happen.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        match self {
            Self::Asked { .. } => *self = Self::Unknown,
            Self::Ordered { at, .. } => *at = now,
            Self::Unknown | Self::Lost => {}
        }
    }

    /// When it answered what it was asked.
    pub(super) fn answered(&self) -> Option<Instant> {
        match self {
            Self::Asked { answer, .. } => answer.get().copied(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::ping::Ping;

    const LIMITS: WatchLimits = WatchLimits {
        every: Duration::from_secs(5),
        answer_within: Duration::from_secs(30),
        restart_within: Duration::from_secs(20),
        session_within: Duration::from_mins(2),
        exit_within: Duration::from_mins(1),
    };

    /// An actor under a watch, by a clock that the test moves.
    struct Watched {
        pulse: Pulse,
        ping: Option<Ping>,
        began: Instant,
        life: Life,
    }

    impl Watched {
        fn new() -> Self {
            Self { pulse: Pulse::default(), ping: None, began: Instant::now(), life: 0 }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.began + Duration::from_secs(seconds)
        }

        fn look(&mut self, seconds: u64) -> Next {
            let (now, life) = (self.at(seconds), self.life);
            let next = self.pulse.look(now, life, &LIMITS);
            if next == Next::Ask {
                let (ping, answer) = Ping::new();
                self.ping = Some(ping);
                self.pulse = Pulse::Asked { at: now, life, answer };
            }
            next
        }

        fn answer(&self) {
            self.ping.as_ref().unwrap().answer();
        }
    }

    #[test]
    fn an_actor_that_answers_is_asked_again_and_again() {
        let mut watched = Watched::new();
        for seconds in [0, 5, 10, 60, 600] {
            assert_eq!(watched.look(seconds), Next::Ask);
            assert_eq!(watched.look(seconds), Next::Wait);
            watched.answer();
            assert!(watched.pulse.answered().is_some());
        }
    }

    #[test]
    fn one_that_does_not_answer_in_time_is_restarted_once_and_asked_in_its_next_life() {
        let mut watched = Watched::new();
        let nexts: Vec<_> = [0, 5, 29, 30, 35, 40].into_iter().map(|seconds| watched.look(seconds)).collect();
        assert_eq!(nexts, [Next::Ask, Next::Wait, Next::Wait, Next::Restart, Next::Wait, Next::Wait]);
        watched.life = 1;
        assert_eq!((watched.look(45), watched.look(50)), (Next::Ask, Next::Wait));
        watched.answer();
        assert_eq!(watched.look(55), Next::Ask);
    }

    #[test]
    fn one_that_is_not_even_restarted_ends_the_process_once() {
        let mut watched = Watched::new();
        let nexts: Vec<_> = [0, 30, 49, 50, 55, 500].into_iter().map(|seconds| watched.look(seconds)).collect();
        assert_eq!(nexts, [Next::Ask, Next::Restart, Next::Wait, Next::End, Next::Wait, Next::Wait]);
    }

    #[test]
    fn one_that_crashed_meanwhile_is_asked_in_its_next_life() {
        let mut watched = Watched::new();
        assert_eq!(watched.look(0), Next::Ask);
        watched.life = 1;
        assert_eq!(watched.look(29), Next::Ask);
        assert_eq!(watched.look(31), Next::Wait, "its time begins with the new question");
    }

    #[test]
    fn a_process_that_was_stopped_for_a_while_accuses_nobody() {
        assert!(!LIMITS.overslept(Duration::from_secs(14)) && LIMITS.overslept(Duration::from_secs(16)));
        let mut watched = Watched::new();
        assert_eq!(watched.look(0), Next::Ask);
        let after = watched.at(3_600);
        watched.pulse.begin_anew(after);
        assert_eq!(watched.look(3_600), Next::Ask);
        assert_eq!(watched.look(3_630), Next::Restart, "an actor that is wedged stays so");
        let after = watched.at(9_000);
        watched.pulse.begin_anew(after);
        assert_eq!(
            (watched.look(9_000), watched.look(9_019), watched.look(9_020)),
            (Next::Wait, Next::Wait, Next::End)
        );
    }
}
