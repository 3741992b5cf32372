//! One sweep, step by step: hand in what was seen, take out what to do.
//!
//! The ledger is read first, then the provider's list, then the table, page by page: a call that begins meanwhile is
//! no finding. Of a hundred thousand calls only those with a finding are kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;

use super::conclusion::{Conclusion, Evidence, Seen, conclude};
use super::correction::Correction;
use super::memory::Memory;
use super::policy::{Now, Policy};
use super::question::{Doubt, Look, Question, doubt};
use super::row::Row;
use super::stranger::{Stranger, reunion};
use crate::domain::admission::Holder;
use crate::domain::call::{self, Command, Status};
use crate::domain::ids::CallId;

/// A slot comes back to the ledger within this, once the end of its call is stored.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(2);

/// While a list of fewer conversations is read nobody comes or goes, as far as is worth a thought.
const MANY: u64 = 1_000;

/// The provider's live conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Their names.
    pub conversations: HashSet<String>,
    /// How many there are by the provider's count, where it gave one.
    pub count: Option<u64>,
}

impl Listed {
    /// By how much list and count may differ: of very many calls some begin and end while the list is read.
    fn slack(&self) -> u64 {
        let listed = self.conversations.len() as u64;
        if listed < MANY { 0 } else { listed / 100 }
    }

    /// The count proves that nobody is missing on the list.
    fn is_proven_whole(&self) -> bool {
        self.count.is_some_and(|count| count <= self.conversations.len() as u64 + self.slack())
    }

    /// The count proves that somebody is missing on the list.
    fn is_proven_short(&self) -> bool {
        self.count.is_some() && !self.is_proven_whole()
    }

    /// The count says as much as the list.
    fn agrees(&self) -> bool {
        self.count.is_some_and(|count| count.abs_diff(self.conversations.len() as u64) <= self.slack())
    }
}

/// A call with the question that the provider is to answer about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// The call.
    pub row: Row,
    /// What to ask.
    pub question: Question,
}

/// One sweep.
pub struct Planner<'a> {
    policy: &'a Policy,
    memory: &'a mut Memory,
    /// Holders by the ledger that no row has accounted for yet; none where the ledger is not compared.
    ledger: Option<HashMap<CallId, Holder>>,
    provider: Provider,
    /// Calls without a conversation, or with one that the list has not.
    doubtful: BTreeMap<CallId, Row>,
    live: usize,
    in_doubt: usize,
}

/// What is known of the provider's view.
enum Provider {
    /// It is not compared.
    NotAsked,
    /// It gave no list.
    Silent,
    /// It gave one.
    Listed {
        /// Conversations on it that no row has accounted for.
        strangers: HashSet<String>,
        all: Listed,
        /// Some stranger may be a call of ours that is not known to be it.
        somebody_unknown: bool,
        /// A call of ours is on it.
        knows_us: bool,
    },
}

impl<'a> Planner<'a> {
    /// A sweep that compares nothing yet.
    pub fn new(policy: &'a Policy, memory: &'a mut Memory) -> Self {
        let (provider, doubtful) = (Provider::NotAsked, BTreeMap::new());
        Self { policy, memory, ledger: None, provider, doubtful, live: 0, in_doubt: 0 }
    }

    /// Compares the ledger, which has these holders.
    #[must_use]
    pub fn with_ledger(mut self, holders: Vec<Holder>) -> Self {
        self.ledger = Some(holders.into_iter().map(|holder| (holder.call_id, holder)).collect());
        self
    }

    /// Compares the provider, which listed these conversations; none where it gave no list.
    #[must_use]
    pub fn with_provider(mut self, listed: Option<Listed>) -> Self {
        self.provider = match listed {
            None => Provider::Silent,
            Some(all) => {
                self.memory.count_agrees = all.agrees();
                self.memory.strangers.keep_only(|id| all.conversations.contains(id));
                let (strangers, somebody_unknown) = (all.conversations.clone(), !all.is_proven_whole());
                Provider::Listed { strangers, all, somebody_unknown, knows_us: false }
            }
        };
        self
    }

    /// Takes in a page of the table. Every live row is handed in once.
    pub fn table(&mut self, rows: &[Row], now: &Now) -> Vec<Correction> {
        let mut corrections = Vec::new();
        for row in rows {
            self.live += 1;
            self.in_doubt += usize::from(row.is_in_doubt());
            corrections.extend(self.against_ledger(row));
            let too_old = now.clock_steady && row.is_being_placed() && row.age(now) >= self.policy.place_deadline;
            if too_old {
                corrections.push(Correction::Tell {
                    call_id: row.call_id,
                    command: Box::new(Command::DoubtPlacement { doubt: call::Doubt::Crash }),
                    reason: "placement_uncertain",
                });
            }
            self.against_list(row, too_old, now);
        }
        corrections
    }

    fn against_ledger(&mut self, row: &Row) -> Option<Correction> {
        let by_ledger = self.ledger.as_mut()?.remove(&row.call_id);
        let by_table = row.holder();
        (by_table.is_some() && by_table != by_ledger).then_some(Correction::PutBack { call_id: row.call_id })
    }

    fn against_list(&mut self, row: &Row, placement_is_over: bool, now: &Now) {
        let on_list = match &mut self.provider {
            Provider::NotAsked => return,
            Provider::Silent => None,
            Provider::Listed { strangers, all, knows_us, .. } => row.conversation().map(|conversation| {
                strangers.remove(conversation);
                let on_list = all.conversations.contains(conversation);
                *knows_us |= on_list;
                on_list
            }),
        };
        let mut row = row.clone();
        if placement_is_over && row.record.status == Status::Placing {
            // As it will be once it is told.
            row.record.status = Status::Uncertain;
        }
        // One without a conversation waits until every stranger was looked at.
        let waits = row.conversation().is_none() && row.record.status != Status::Placing;
        if waits || doubt(&row, on_list, self.policy, now) != Doubt::None {
            self.doubtful.insert(row.call_id, row);
        } else {
            self.memory.absent.forget(&row.call_id);
        }
    }

    /// Holders of the ledger that are no live row: their rows are to be read and handed to [`left_over`](Self::left_over).
    pub fn surplus(&self) -> Vec<CallId> {
        self.ledger.iter().flatten().map(|(call_id, _)| *call_id).collect()
    }

    /// Takes in the rows of the surplus, as far as there are any.
    pub fn left_over(&mut self, rows: &[Row], now: &Now) -> Vec<Correction> {
        let rows: HashMap<CallId, &Row> = rows.iter().map(|row| (row.call_id, row)).collect();
        let surplus = self.ledger.take().unwrap_or_default();
        self.memory.rowless.keep_only(|call_id| surplus.contains_key(call_id) && !rows.contains_key(call_id));
        let mut corrections = Vec::new();
        for call_id in surplus.into_keys() {
            match rows.get(&call_id) {
                // It has come to be a call since the table was read.
                Some(row) if row.holder().is_some() => {}
                Some(row) => corrections.push(Correction::Release {
                    call_id,
                    as_of: row.as_of,
                    overdue: row.quiet(now) >= ON_ITS_WAY,
                }),
                None if self.memory.rowless.see(call_id, now) >= self.policy.grace => {
                    self.memory.rowless.forget(&call_id);
                    corrections.push(Correction::Abandon { call_id });
                }
                None => {}
            }
        }
        corrections
    }

    /// Conversations that are live and that no live row has: each is to be looked up and handed to
    /// [`stranger`](Self::stranger).
    pub fn strangers(&self) -> Vec<String> {
        match &self.provider {
            Provider::Listed { strangers, .. } => strangers.iter().cloned().collect(),
            Provider::NotAsked | Provider::Silent => Vec::new(),
        }
    }

    /// Takes in what a stranger turned out to be. One that is nobody's is taken in once it has been that for a grace.
    pub fn stranger(&mut self, conversation: &str, found: Stranger, now: &Now) -> Option<Correction> {
        match found {
            Stranger::Over => None,
            Stranger::Unanswered => {
                self.somebody_is_unknown();
                None
            }
            Stranger::Ours { row, references } => {
                // What was to be asked about it is answered.
                self.doubtful.remove(&row.call_id);
                self.memory.absent.forget(&row.call_id);
                reunion(&row, references, self.policy, now)
            }
            Stranger::Nobodys { may_be_ours, names_its_carrier, began_at } => {
                let seen_for = self.memory.strangers.see(conversation.to_owned(), now);
                let live_for = began_at.filter(|_| now.clock_steady).map_or(TimeDelta::zero(), |at| now.at - at);
                let take_in = seen_for.max(live_for) >= self.policy.grace && !may_be_ours;
                if !take_in && (may_be_ours || !names_its_carrier) {
                    self.somebody_is_unknown();
                }
                take_in.then(|| Correction::TakeIn { conversation: conversation.to_owned() })
            }
        }
    }

    fn somebody_is_unknown(&mut self) {
        if let Provider::Listed { somebody_unknown, .. } = &mut self.provider {
            *somebody_unknown = true;
        }
    }

    /// What to ask the provider; the answers are handed to [`answers`](Self::answers).
    pub fn inquiries(&self, now: &Now) -> Vec<Inquiry> {
        let ask = |row: &Row| match doubt(row, self.on_list(row), self.policy, now) {
            Doubt::Ask(question) => Some(Inquiry { row: row.clone(), question }),
            Doubt::None | Doubt::Unclaimed | Doubt::Blind => None,
        };
        self.doubtful.values().filter_map(ask).collect()
    }

    fn list_is_cut_short(&self) -> bool {
        matches!(&self.provider, Provider::Listed { all, .. } if all.is_proven_short())
    }

    /// Whether the provider's list has it, or for a call without a conversation, one that may be it.
    fn on_list(&self, row: &Row) -> Option<bool> {
        match (&self.provider, row.conversation()) {
            (Provider::NotAsked | Provider::Silent, _) => None,
            (Provider::Listed { all, .. }, Some(conversation)) => Some(all.conversations.contains(conversation)),
            (Provider::Listed { somebody_unknown, .. }, None) => (!somebody_unknown).then_some(false),
        }
    }

    /// Takes in the answers. A question without one counts as [`Look::NotAsked`].
    pub fn answers(&mut self, answers: Vec<(CallId, Look)>, now: &Now) -> Vec<Correction> {
        let knows_us = matches!(self.provider, Provider::Listed { knows_us: true, .. });
        let mut looks: HashMap<CallId, Look> = answers.into_iter().collect();
        let doubtful = std::mem::take(&mut self.doubtful);
        let answered_for_us = doubtful.values().any(|row| {
            row.conversation().is_some() && matches!(looks.get(&row.call_id), Some(Look::Live(_) | Look::Over { .. }))
        });
        let list_is_short = self.list_is_cut_short();
        let account_proven = (knows_us || answered_for_us) && !list_is_short;
        self.memory.absent.keep_only(|call_id| doubtful.contains_key(call_id));
        let mut corrections = Vec::new();
        for row in doubtful.into_values() {
            let seen = match doubt(&row, self.on_list(&row), self.policy, now) {
                Doubt::None => continue,
                Doubt::Ask(_) => Seen::Answer(looks.remove(&row.call_id).unwrap_or(Look::NotAsked)),
                Doubt::Unclaimed => Seen::Unclaimed,
                Doubt::Blind => Seen::Answer(Look::Unanswered),
            };
            let missing_for = self.memory.absent.since(&row.call_id, now);
            let evidence = Evidence { missing_for, account_proven, list_is_short };
            corrections.extend(self.concluded(&row, seen, evidence, now));
        }
        corrections
    }

    fn concluded(&mut self, row: &Row, seen: Seen, evidence: Evidence, now: &Now) -> Option<Correction> {
        let call_id = row.call_id;
        match conclude(row, seen, evidence, self.policy, now) {
            Conclusion::Unknown => None,
            Conclusion::StillMissing => {
                self.memory.absent.see(call_id, now);
                None
            }
            Conclusion::Sound => {
                self.memory.absent.forget(&call_id);
                None
            }
            Conclusion::Tell(command, reason) => {
                self.memory.absent.forget(&call_id);
                Some(Correction::Tell { call_id, command, reason })
            }
        }
    }

    /// Live rows that were handed in.
    pub fn live(&self) -> usize {
        self.live
    }

    /// How many of them only the provider can tell anything about.
    pub fn in_doubt(&self) -> usize {
        self.in_doubt
    }
}
