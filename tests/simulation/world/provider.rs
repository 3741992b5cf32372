//! The provider: what is live, what it says of it, and what it makes of a placement.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use callgate::domain::call::{Direction, Doubt, Reference, References};
use callgate::domain::ids::CallId;
use callgate::provider::{Conversation, ConversationState, NotDialled, PlacementOutcome};
use chrono::{DateTime, Utc};

use super::chance::{Chance, Millis, SECOND};
use super::terms::{PLACE_TIMEOUT, Terms};

/// One conversation.
#[derive(Debug)]
pub(super) struct Talk {
    /// Our call, where the gate dialled it.
    pub(super) call_id: Option<CallId>,
    pub(super) business: usize,
    /// The carrier's name of an inbound call that was announced before it talked.
    pub(super) carrier_name: Option<String>,
    pub(super) began_at: Option<DateTime<Utc>>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    /// Nobody who asks for it finds it before.
    known_from: Millis,
    /// The list does not have it before, and still has it until a while after its end.
    listed_from: Millis,
    listed_until: Millis,
    /// An operator said that it is over: it does not count against the cap any more.
    pub(super) disowned: bool,
}

/// The provider.
#[derive(Debug, Default)]
pub(super) struct Provider {
    pub(super) talks: Vec<Talk>,
    pub(super) live: BTreeSet<usize>,
    /// On the list: live, or not yet taken off it.
    shown: BTreeSet<usize>,
    by_call: HashMap<CallId, usize>,
    /// Calls that it was asked to dial.
    pub(super) dialled: HashSet<CallId>,
    pub(super) away: bool,
    /// Hang-ups are refused.
    pub(super) stubborn: bool,
    /// No webhook leaves it.
    pub(super) mute: bool,
}

/// What comes of a placement.
pub(super) struct Dialling {
    pub(super) outcome: PlacementOutcome,
    pub(super) answer_after: Millis,
    /// The conversation that begins, and after how long.
    pub(super) begins: Option<(usize, Millis)>,
}

/// The conversation of that number.
pub(super) fn name_of(conversation: usize) -> String {
    format!("conv_{conversation}")
}

fn number_of(conversation: &str) -> Option<usize> {
    conversation.strip_prefix("conv_")?.parse().ok()
}

impl Provider {
    /// A conversation that is still to begin.
    pub(super) fn prepare(&mut self, call_id: Option<CallId>, business: usize, carrier_name: Option<String>) -> usize {
        let talk = Talk {
            call_id,
            business,
            carrier_name,
            began_at: None,
            ended_at: None,
            known_from: 0,
            listed_from: 0,
            listed_until: 0,
            disowned: false,
        };
        self.talks.push(talk);
        self.talks.len() - 1
    }

    /// Outbound calls that are live and for which the gate answers.
    pub(super) fn live_outbound(&self) -> impl Iterator<Item = &Talk> {
        let talks = self.live.iter().map(|talk| &self.talks[*talk]);
        talks.filter(|talk| talk.call_id.is_some() && !talk.disowned)
    }

    pub(super) fn begin(&mut self, talk: usize, now: Millis, wall: DateTime<Utc>, chance: &mut Chance) {
        let lag = if chance.percent(80) { chance.between(0, SECOND) } else { chance.between(0, 25 * SECOND) };
        let entry = &mut self.talks[talk];
        entry.began_at = Some(wall);
        entry.known_from = now + lag / 2;
        entry.listed_from = now + lag;
        entry.listed_until = Millis::MAX;
        if let Some(call_id) = entry.call_id {
            self.by_call.insert(call_id, talk);
        }
        self.live.insert(talk);
        self.shown.insert(talk);
    }

    /// Ends a conversation; false where it is over already.
    pub(super) fn end(&mut self, talk: usize, now: Millis, wall: DateTime<Utc>, chance: &mut Chance) -> bool {
        let was_live = self.live.remove(&talk);
        if was_live {
            self.talks[talk].ended_at = Some(wall);
            self.talks[talk].listed_until = now + chance.between(0, 10 * SECOND);
        }
        was_live
    }

    pub(super) fn place(&mut self, call_id: CallId, business: usize, terms: &Terms, chance: &mut Chance) -> Dialling {
        let sure = |outcome, answer_after| Dialling { outcome, answer_after, begins: None };
        let unsure = |doubt, answer_after, begins| Dialling {
            outcome: PlacementOutcome::Uncertain { doubt, detail: "no answer".to_owned() },
            answer_after,
            begins,
        };
        if self.away {
            return if chance.one_in(2) {
                let why = NotDialled::Unreachable("it is away".to_owned());
                sure(PlacementOutcome::NotDialled(why), chance.between(1, SECOND))
            } else {
                unsure(Doubt::ConnectionLost, chance.between(1, PLACE_TIMEOUT), None)
            };
        }
        let full = self.live.len() >= terms.provider_cap as usize;
        if full || chance.one_in(70) {
            let retry_after = chance.one_in(2).then(|| Duration::from_secs(30));
            return sure(PlacementOutcome::RateLimited { retry_after, detail: "full".to_owned() }, chance.around(300));
        }
        if chance.one_in(40) {
            return sure(PlacementOutcome::Refused { detail: "no".to_owned() }, chance.around(300));
        }
        if chance.between(0, 999) < terms.ambiguous {
            let begins_after = if chance.one_in(4) { chance.between(0, 20 * SECOND) } else { chance.around(SECOND) };
            return match chance.place(4) {
                0 => unsure(Doubt::Timeout, PLACE_TIMEOUT, None),
                1 => unsure(Doubt::Timeout, PLACE_TIMEOUT, Some((self.ours(call_id, business), begins_after))),
                2 => unsure(Doubt::UnclearAnswer, chance.around(SECOND), None),
                _ => {
                    let lost_after = chance.between(1, 10 * SECOND);
                    unsure(Doubt::ConnectionLost, lost_after, Some((self.ours(call_id, business), begins_after)))
                }
            };
        }
        let talk = self.ours(call_id, business);
        let begins_after = chance.around(500);
        let answer_after = if chance.one_in(10) { chance.between(1, 15 * SECOND) } else { chance.around(800) };
        let mut names: Vec<Reference> = vec![Reference::conversation(name_of(talk))];
        if chance.one_in(2) {
            names.push(Reference::call_sid(format!("CA{talk}")));
        }
        Dialling {
            outcome: PlacementOutcome::Placed(names.into_iter().collect()),
            answer_after,
            begins: Some((talk, begins_after)),
        }
    }

    fn ours(&mut self, call_id: CallId, business: usize) -> usize {
        let talk = self.prepare(Some(call_id), business, None);
        self.talks[talk].carrier_name = Some(format!("CA{talk}"));
        talk
    }

    /// The names of a conversation.
    pub(super) fn references(&self, talk: usize) -> References {
        let carrier_name = self.talks[talk].carrier_name.as_ref().map(Reference::call_sid);
        std::iter::once(Reference::conversation(name_of(talk))).chain(carrier_name).collect()
    }

    /// One conversation; none where it knows nothing of it, or not yet.
    pub(super) fn look_up(&self, conversation: &str, now: Millis) -> Option<Conversation> {
        let talk = number_of(conversation)?;
        self.show(talk, now)
    }

    /// The conversation of a call.
    pub(super) fn find(&self, call_id: CallId, now: Millis) -> Option<Conversation> {
        self.show(*self.by_call.get(&call_id)?, now)
    }

    fn show(&self, talk: usize, now: Millis) -> Option<Conversation> {
        let entry = self.talks.get(talk).filter(|entry| entry.began_at.is_some() && entry.known_from <= now)?;
        Some(Conversation {
            references: self.references(talk),
            state: match entry.ended_at {
                Some(at) => ConversationState::Over { at: Some(at) },
                None => ConversationState::Live,
            },
            call_id: entry.call_id,
            agent_id: None,
            direction: Some(if entry.call_id.is_some() { Direction::Outbound } else { Direction::Inbound }),
            counterpart: None,
            started_at: entry.began_at,
        })
    }

    /// The list of live conversations, as old as it is.
    pub(super) fn list(&mut self, now: Millis) -> HashSet<String> {
        let talks = &self.talks;
        self.shown.retain(|talk| talks[*talk].listed_until > now);
        self.shown.iter().filter(|talk| talks[**talk].listed_from <= now).map(|talk| name_of(*talk)).collect()
    }

    pub(super) fn number(conversation: &str) -> Option<usize> {
        number_of(conversation)
    }
}
