//! A carrier asks what to do with an inbound call that nobody has answered: slot first, then the provider.
//!
//! Each call is registered once, by the task that stored its admission, and soon after it. A question that is asked
//! again gets the same answer from the process that gave it, as long as the call is live; another process, which has none,
//! turns the call away rather than register it twice: two conversations could then be taken for one call.

use std::time::Duration;

use moka::future::Cache;

use super::{Intake, IntakeError, Received, initiation_notice};
use crate::actors::session::Apply;
use crate::domain::call::{Command, EndReason, References, Status, Witness};
use crate::domain::ids::{AgentId, BusinessId, CallId};
use crate::domain::reception::Found;
use crate::provider::{DialPermit, NotRegistered, Registration};
use crate::sources::{self, Moment};
use crate::store::{Session, Trace};

/// For longer than any carrier asks again.
const REMEMBERED: Duration = Duration::from_mins(5);
/// Answers that are kept, of about a thousand bytes each.
const MOST: u64 = 10_000;

/// A carrier's question about one call.
#[derive(Clone)]
pub struct Ring {
    /// The carrier's name for the call.
    pub call_sid: String,
    /// Who is to talk.
    pub agent_id: AgentId,
    /// Who calls, as the carrier says it.
    pub from: String,
    /// Which number was called, as the carrier says it.
    pub to: String,
    /// SHA-256 of the raw body, in hex.
    pub body_hash: String,
    /// To which request it belongs.
    pub trace: Trace,
}

/// What the carrier is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Connect the call; the provider's words for how.
    Connect(String),
    /// Turn it away: there is no room.
    Busy,
    /// Turn it away: no calls are taken.
    Rejected,
}

/// What a question came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The word for it, as metrics have it.
    pub word: &'static str,
    /// What the carrier is to do.
    pub reply: Reply,
}

/// The answers of the last minutes, by the carrier's name for the call. Clones share them.
#[derive(Clone)]
pub(super) struct Rings(Cache<String, Answered>);

/// An answer, and the call that it is about.
#[derive(Clone)]
struct Answered {
    rung: Rung,
    call_id: Option<CallId>,
}

impl Default for Rings {
    fn default() -> Self {
        Self(Cache::builder().time_to_live(REMEMBERED).max_capacity(MOST).build())
    }
}

impl Intake {
    /// Answers a carrier, once for each call. One that is over is not connected again: its slot may be somebody else's.
    pub async fn ring(&self, ring: Ring) -> Result<Rung, IntakeError> {
        let answer = self.answer(&ring);
        let entry = self.rings.0.entry_by_ref(&ring.call_sid).or_try_insert_with(answer).await;
        let entry = entry.map_err(|error| (*error).clone())?;
        let is_fresh = entry.is_fresh();
        let Answered { rung, call_id } = entry.into_value();
        if is_fresh {
            return Ok(rung);
        }
        let may_stand = match (&rung.reply, call_id) {
            (Reply::Connect(_), Some(call_id)) => self.is_active(call_id).await,
            (Reply::Connect(_), None) => false,
            (Reply::Busy | Reply::Rejected, _) => true,
        };
        Ok(Rung { word: "duplicate", reply: if may_stand { rung.reply } else { Reply::Busy } })
    }

    async fn answer(&self, ring: &Ring) -> Result<Answered, IntakeError> {
        let permit = DialPermit::new(Moment::now(), self.directory.services().dial_within);
        let agent_id = ring.agent_id.clone();
        let received = Received {
            body_hash: ring.body_hash.clone(),
            event_type: "twilio_voice".to_owned(),
            notice: initiation_notice(agent_id, &ring.call_sid, Some(&ring.from), sources::now()),
            trace: ring.trace.clone(),
        };
        let outcome = self.take_in(received, Found::Ringing).await?;
        let session = match outcome.call_id {
            Some(call_id) => self.store.session(call_id).await?,
            None => None,
        };
        let told = match session {
            // Whoever stored the admission registers the call.
            Some(session) if outcome.word == "admitted" && session.record.status == Status::Active => {
                self.connect(&session, ring, permit).await
            }
            session => Rung { word: outcome.word, reply: refusal_of(session.as_ref()) },
        };
        Ok(Answered { rung: told, call_id: outcome.call_id })
    }

    async fn connect(&self, session: &Session, ring: &Ring, permit: DialPermit) -> Rung {
        let call_id = session.call_id;
        let business_id = session.record.profile.as_ref().map(|profile| profile.business_id.clone());
        let registration = Registration {
            call_id,
            business_id: business_id.unwrap_or_else(BusinessId::unassigned),
            agent_id: ring.agent_id.clone(),
            from: ring.from.clone(),
            to: ring.to.clone(),
        };
        let provider = &self.directory.services().provider;
        let failed = match provider.register_call(registration, permit).await {
            Ok(twiml) if self.is_active(call_id).await => {
                return Rung { word: "admitted", reply: Reply::Connect(twiml) };
            }
            // The caller has hung up, or an operator has ended it: its slot may be somebody else's by now.
            Ok(_) => return Rung { word: "ended", reply: Reply::Busy },
            Err(failed) => failed,
        };
        tracing::warn!(%call_id, error = %failed, "an inbound call is turned away: it could not be registered");
        if matches!(failed, NotRegistered::Full(_)) {
            self.metrics.elevenlabs_429.inc();
        }
        if let Some((reason, witness)) = certain_end(&failed) {
            self.end(call_id, reason, witness, failed.to_string(), ring.trace.clone()).await;
        }
        // Otherwise the slot stays until the carrier says that the call is over, or nothing comes of it in time.
        Rung {
            word: if matches!(failed, NotRegistered::Unclear(_)) { "uncertain" } else { "failed" },
            reply: Reply::Busy,
        }
    }

    /// Whether the call may still be connected; not where nobody can say.
    async fn is_active(&self, call_id: CallId) -> bool {
        let session = self.store.session(call_id).await;
        matches!(session, Ok(Some(session)) if session.record.status == Status::Active)
    }

    /// The call never reached the provider.
    async fn end(&self, call_id: CallId, reason: EndReason, witness: Witness, detail: String, trace: Trace) {
        let command = Command::End { reason, at: None, references: References::none(), witness, note: Some(detail) };
        let ended = self.directory.ask(call_id, Apply { command, trace }).await;
        if let Err(error) = ended.unwrap_or_else(Err) {
            tracing::warn!(%call_id, %error, "a call that was not registered keeps its slot until it is given up");
        }
    }
}

/// Why the call is over, and who says so; nothing where the provider may expect it.
fn certain_end(failed: &NotRegistered) -> Option<(EndReason, Witness)> {
    match failed {
        NotRegistered::Full(_) => Some((EndReason::Provider429, Witness::Answer)),
        NotRegistered::Refused(_) => Some((EndReason::ProviderRefused, Witness::Answer)),
        NotRegistered::NotAsked(_) => Some((EndReason::NotDialled, Witness::Gate)),
        NotRegistered::Unclear(_) => None,
    }
}

fn refusal_of(session: Option<&Session>) -> Reply {
    match session.and_then(|session| session.record.end_reason) {
        Some(EndReason::InboundDisabled) => Reply::Rejected,
        _ => Reply::Busy,
    }
}
