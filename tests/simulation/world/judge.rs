//! Who looks on: after each step, whether what must always hold still does.

use std::collections::{HashMap, HashSet};
use std::fmt;

use callgate::domain::call::{Slot, SlotState};
use callgate::domain::ids::CallId;

use super::World;

/// What must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invariant {
    /// I1: never more calls of the gate are live at the provider than the cap.
    GlobalCap,
    /// I1, in the log: never more slots are held than the cap.
    CapInTheLog,
    /// I2: the same for each business.
    BusinessLimit,
    /// I3: the slot of a call that is over is free again.
    NoLeak,
    /// A6: what the provider shows as live is not given up.
    NothingLiveIsGivenUp,
    /// I4: no call is dialled twice, and no conversation is two calls.
    ExactlyOnce,
    /// I5: nothing is dialled whose admission is not stored.
    DurableFirst,
    /// I6: replaying the log gives the rows.
    LogIsTheTruth,
    /// The ledger of the present epoch counts every slot that is held.
    LedgerCovers,
    /// The counts of the ledger are those of its holders.
    CountsAreHolders,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GlobalCap => "I1: more calls are live at the provider than the cap",
            Self::CapInTheLog => "I1: more slots are held in the log than the cap",
            Self::BusinessLimit => "I2: a business has more live calls than its limit",
            Self::NoLeak => "I3: a slot, or a call, is left over",
            Self::NothingLiveIsGivenUp => "A6: a call was given up that is live",
            Self::ExactlyOnce => "I4: something happened twice",
            Self::DurableFirst => "I5: something was dialled that is not stored",
            Self::LogIsTheTruth => "I6: the log and the row differ",
            Self::LedgerCovers => "the ledger of the present epoch does not count a slot that is held",
            Self::CountsAreHolders => "the ledger's counts are not its holders",
        })
    }
}

/// What the judge remembers.
#[derive(Debug)]
pub(super) struct Judge {
    /// So many calls may be live: the cap, or what it was when they began.
    allowed: u32,
    /// The highest limit that each business had.
    pub(super) limits: Vec<u32>,
    /// Under which Idempotency-Key a call was asked for.
    pub(super) keys: HashMap<CallId, u64>,
    /// Keys under which a conversation began.
    begun_keys: HashSet<u64>,
    /// Calls that an operator said to be over.
    pub(super) disowned: HashSet<CallId>,
    /// The first thing that does not hold.
    pub(super) found: Option<(Invariant, String)>,
    /// Ledger or rows have changed since the last look.
    pub(super) dirty: bool,
}

impl Judge {
    pub(super) fn new(cap: u32, limits: &[u32]) -> Self {
        Self {
            allowed: cap,
            limits: limits.to_vec(),
            keys: HashMap::new(),
            begun_keys: HashSet::new(),
            disowned: HashSet::new(),
            found: None,
            dirty: true,
        }
    }

    /// The cap was raised.
    pub(super) fn allow(&mut self, cap: u32) {
        self.allowed = self.allowed.max(cap);
    }

    pub(super) fn find(&mut self, invariant: Invariant, what: impl FnOnce() -> String) {
        if self.found.is_none() {
            self.found = Some((invariant, what()));
        }
    }
}

impl World {
    /// A conversation has begun: is it one too many?
    pub(super) fn judge_beginning(&mut self, talk: usize) {
        let entry = &self.provider.talks[talk];
        let Some(call_id) = entry.call_id else { return };
        let business = entry.business;
        if let Some(key) = self.judge.keys.get(&call_id).copied()
            && !self.judge.begun_keys.insert(key)
        {
            self.judge.find(Invariant::ExactlyOnce, || format!("a second conversation under key {key}: {call_id}"));
        }
        let live = u32::try_from(self.provider.live_outbound().count()).unwrap_or(u32::MAX);
        if live > self.judge.allowed {
            let allowed = self.judge.allowed;
            self.judge.find(Invariant::GlobalCap, || format!("{live} are live, {allowed} may be"));
        }
        let of_business = self.provider.live_outbound().filter(|talk| talk.business == business).count();
        let limit = self.judge.limits[business];
        if of_business > limit as usize {
            self.judge
                .find(Invariant::BusinessLimit, || format!("{of_business} of business {business}, limit {limit}"));
        }
    }

    /// The gate has concluded by itself that a call is over, or never was.
    pub(super) fn judge_giving_up(&mut self, call_id: CallId) {
        let row = self.database.store.session(call_id);
        let names = row.map(|row| row.record.references.clone()).unwrap_or_default();
        let live = self.provider.live.iter().find(|talk| {
            let same_call = self.provider.talks[**talk].call_id == Some(call_id);
            same_call || self.provider.references(**talk).iter().any(|name| names.contains(name))
        });
        if let Some(talk) = live {
            let what = format!("{call_id} is conversation {talk}");
            self.judge.find(Invariant::NothingLiveIsGivenUp, || what);
        }
    }

    /// The provider is asked to dial.
    pub(super) fn judge_dial(&mut self, call_id: CallId) {
        if !self.provider.dialled.insert(call_id) {
            self.judge.find(Invariant::ExactlyOnce, || format!("{call_id} is dialled a second time"));
        }
        if self.database.store.session(call_id).is_none() {
            self.judge.find(Invariant::DurableFirst, || format!("{call_id} is dialled without a row"));
        }
    }

    /// Looks at everything that may have changed.
    pub(super) fn look_on(&mut self) {
        if let Some((invariant, what)) = self.database.broken.take() {
            self.judge.find(invariant, || what);
        }
        if !std::mem::take(&mut self.judge.dirty) {
            return;
        }
        let (held, allowed) = (self.database.held, self.judge.allowed);
        if held > allowed {
            self.judge.find(Invariant::CapInTheLog, || format!("{held} are held, {allowed} may be"));
        }
        let holders = self.redis.holders();
        let occupied = self.redis.occupied();
        let counted = |slot| holders.iter().filter(|holder| holder.slot == slot).count();
        if (counted(Slot::Held), counted(Slot::Overflow))
            != (occupied.total.held as usize, occupied.total.overflow as usize)
        {
            let counts = occupied.total;
            self.judge.find(Invariant::CountsAreHolders, || format!("{counts:?}, holders {holders:?}"));
        }
        if self.redis.epoch() != Some(self.database.store.epoch()) {
            return;
        }
        let counts = |call_id| holders.binary_search_by_key(&call_id, |holder| holder.call_id).is_ok();
        let missing = self
            .database
            .store
            .live_sessions()
            .find(|row| row.record.slot == SlotState::Held && !counts(row.call_id))
            .map(|row| row.call_id);
        if let Some(call_id) = missing {
            self.judge.find(Invariant::LedgerCovers, || format!("{call_id} holds a slot that is not counted"));
        }
        // The cap was lowered: once the ledger knows and there are no more, there are to be no more again.
        let cap = self.database.pool.cap;
        if cap < allowed && occupied.cap == cap && occupied.total.held <= cap && held <= cap {
            self.judge.allowed = cap;
        }
    }

    /// The day is over, and all was quiet for hours: nothing may be left.
    pub(super) fn judge_evening(&mut self) {
        let mut left = Vec::new();
        left.extend(self.provider.live.iter().map(|talk| format!("conversation {talk} is live")));
        left.extend(self.redis.holders().iter().map(|holder| format!("{} has {:?}", holder.call_id, holder.slot)));
        let live = self.database.store.sessions().filter(|row| row.record.status.is_live());
        let mut live: Vec<_> = live.map(|row| format!("{} is {}", row.call_id, row.record.status)).collect();
        live.sort_unstable();
        left.extend(live);
        self.tally.leaks = left.len() as u64;
        if !left.is_empty() {
            self.judge.find(Invariant::NoLeak, || left.join("; "));
        }
        let mut seen = HashMap::new();
        for row in self.database.store.sessions() {
            let Some(conversation) = row.record.references.conversation() else { continue };
            if let Some(other) = seen.insert(conversation.to_owned(), row.call_id) {
                let calls = [other.min(row.call_id), other.max(row.call_id)];
                self.judge.find(Invariant::ExactlyOnce, || format!("{conversation} is two calls: {calls:?}"));
            }
        }
    }
}
