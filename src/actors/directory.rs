//! The directory of sessions: activates them by replay, on demand, and notices when one crashes or does not answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix::dev::{ToEnvelope, channel};
use actix::{Addr, ArbiterHandle, Context, Handler, MailboxError, Message, Recipient};
use futures_util::future::{AbortHandle, AbortRegistration, Abortable, join_all};

use super::deadline::answered_within;
use super::guardian::reason_of;
use super::ping::Ping;
use super::roster::Roster;
use super::services::Services;
use super::session::{CallSessionActor, SessionError};
use crate::domain::ids::CallId;

/// The name of all sessions in the roster.
pub const SESSIONS: &str = "sessions";
/// Activations that are tried for one message; a session may leave just before it arrives.
const ATTEMPTS: u32 = 3;
/// Mailbox slots beside one per sender.
const MAILBOX: usize = 64;

/// A session crashed: it is activated again and goes on with its duties.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct SessionCrashed {
    /// The call.
    pub call_id: CallId,
}

/// Every session that is active on this node. Clones share it.
#[derive(Clone)]
pub struct Directory {
    shared: Arc<Shared>,
}

struct Shared {
    services: Arc<Services>,
    arbiters: Vec<ArbiterHandle>,
    /// A session that does not answer within this is wedged.
    answer_within: Duration,
    sessions: Mutex<HashMap<CallId, Active>>,
    activated: AtomicU64,
    roster: Roster,
    supervisor: OnceLock<Recipient<SessionCrashed>>,
}

/// A session that is active, and how to end its task.
struct Active {
    session: Addr<CallSessionActor>,
    abort: AbortHandle,
}

impl Directory {
    /// A directory without sessions, which will run on `arbiters`. One that does not answer within `answer_within` is wedged.
    pub fn new(services: Arc<Services>, arbiters: Vec<ArbiterHandle>, roster: Roster, answer_within: Duration) -> Self {
        roster.started(SESSIONS);
        Self {
            shared: Arc::new(Shared {
                services,
                arbiters,
                answer_within,
                sessions: Mutex::default(),
                activated: AtomicU64::new(0),
                roster,
                supervisor: OnceLock::new(),
            }),
        }
    }

    /// Whom to tell of crashes. Set once.
    pub fn report_to(&self, supervisor: Recipient<SessionCrashed>) {
        let _ = self.shared.supervisor.set(supervisor);
    }

    /// What sessions work with.
    pub fn services(&self) -> &Arc<Services> {
        &self.shared.services
    }

    /// Sessions that are active now, and activations so far.
    pub fn counts(&self) -> (usize, u64) {
        (self.lock().len(), self.shared.activated.load(Ordering::Relaxed))
    }

    /// Asks the session of a call, which is activated by replay where it is not active.
    ///
    /// One that does not answer in time is ended and forgotten. Whether it did what was asked is not known then: the next
    /// message finds out by replay.
    pub async fn ask<M>(&self, call_id: CallId, message: M) -> Result<M::Result, SessionError>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
        CallSessionActor: Handler<M>,
        Context<CallSessionActor>: ToEnvelope<CallSessionActor, M>,
    {
        for _ in 0..ATTEMPTS {
            let session = self.activate(call_id, false);
            match self.send(call_id, &session, message.clone()).await? {
                Ok(result) => return Ok(result),
                Err(_) => self.forget(call_id, &session),
            }
        }
        Err(SessionError::Unavailable("the session does not answer".to_owned()))
    }

    /// Finds the sessions that are wedged without anybody asking them for something.
    pub async fn ping_all(&self) {
        let sessions: Vec<_> = self.lock().iter().map(|(call_id, active)| (*call_id, active.session.clone())).collect();
        let pings = sessions.iter().map(|(call_id, session)| self.send(*call_id, session, Ping::new().0));
        join_all(pings).await;
    }

    async fn send<M>(
        &self,
        call_id: CallId,
        session: &Addr<CallSessionActor>,
        message: M,
    ) -> Result<Result<M::Result, MailboxError>, SessionError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        CallSessionActor: Handler<M>,
        Context<CallSessionActor>: ToEnvelope<CallSessionActor, M>,
    {
        let within = self.shared.answer_within;
        answered_within(within, session.send(message)).await.ok_or_else(|| {
            let reason = format!("no answer to a message within {} s", within.as_secs_f64());
            self.wedged(call_id, session, &reason);
            SessionError::Unavailable(format!("the session gave {reason}"))
        })
    }

    /// The session of a call that is known to have no events yet.
    pub fn begin(&self, call_id: CallId) -> Addr<CallSessionActor> {
        self.activate(call_id, true)
    }

    /// Wakes the session of a call; it goes on with its duties.
    pub fn wake(&self, call_id: CallId) {
        self.activate(call_id, false).do_send(super::session::Wake);
    }

    fn activate(&self, call_id: CallId, fresh: bool) -> Addr<CallSessionActor> {
        let mut sessions = self.lock();
        match sessions.entry(call_id) {
            Entry::Occupied(active) if active.get().session.connected() => active.get().session.clone(),
            entry => {
                let (abort, registration) = AbortHandle::new_pair();
                let session = self.start(call_id, fresh, registration);
                entry.insert_entry(Active { session: session.clone(), abort });
                session
            }
        }
    }

    /// Starts a session and watches over it: its task ends cleanly, or by a panic.
    fn start(&self, call_id: CallId, fresh: bool, registration: AbortRegistration) -> Addr<CallSessionActor> {
        let (sender, receiver) = channel::channel(MAILBOX);
        let address = Addr::new(sender);
        let directory = self.clone();
        let services = Arc::clone(&self.shared.services);
        self.shared.activated.fetch_add(1, Ordering::Relaxed);
        self.arbiter_of(call_id).spawn_fn(move || {
            let session = CallSessionActor::new(services, call_id, fresh);
            let life =
                actix::spawn(Abortable::new(Context::with_receiver(receiver).into_future(session), registration));
            actix::spawn(async move {
                let ended = life.await;
                directory.ended(call_id);
                if let Err(error) = ended
                    && error.is_panic()
                {
                    directory.crashed(call_id, &reason_of(error.into_panic().as_ref()));
                }
            });
        });
        address
    }

    /// Random bits of the id spread the sessions over the threads; a call's session is always on the same.
    fn arbiter_of(&self, call_id: CallId) -> &ArbiterHandle {
        let arbiters = &self.shared.arbiters;
        let (_, low) = call_id.uuid().as_u64_pair();
        &arbiters[usize::try_from(low % arbiters.len() as u64).unwrap_or(0)]
    }

    /// Takes out a session whose task has ended.
    fn ended(&self, call_id: CallId) {
        let mut sessions = self.lock();
        if sessions.get(&call_id).is_some_and(|active| !active.session.connected()) {
            sessions.remove(&call_id);
        }
    }

    fn forget(&self, call_id: CallId, session: &Addr<CallSessionActor>) {
        let mut sessions = self.lock();
        if sessions.get(&call_id).is_some_and(|active| active.session == *session) && !session.connected() {
            sessions.remove(&call_id);
        }
    }

    /// Ends a session that does not answer, once: others may have waited for it, too.
    fn wedged(&self, call_id: CallId, session: &Addr<CallSessionActor>, reason: &str) {
        let mut sessions = self.lock();
        if let Entry::Occupied(active) = sessions.entry(call_id)
            && active.get().session == *session
        {
            active.remove().abort.abort();
            drop(sessions);
            self.shared.roster.wedged(SESSIONS);
            self.crashed(call_id, reason);
        }
    }

    fn crashed(&self, call_id: CallId, reason: &str) {
        tracing::error!(%call_id, reason, "a session crashed");
        self.shared.roster.crashed(SESSIONS, reason);
        self.shared.roster.restarted(SESSIONS);
        if let Some(supervisor) = self.shared.supervisor.get() {
            supervisor.do_send(SessionCrashed { call_id });
        }
    }

    /// A panic elsewhere leaves the map whole: it is changed by single inserts and removals.
    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Active>> {
        self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
