//! What a day is like: its size, its traffic, and how much goes wrong. All of it is drawn from the seed.

use callgate::domain::reception::{InboundPolicy, OnFull, Unmanaged};
use callgate::domain::reconciliation::Policy;
use chrono::TimeDelta;

use super::chance::{Chance, MINUTE, Millis, SECOND};

/// A task that committed an admission dials within this.
pub(super) const DIAL_WITHIN: Millis = 5 * SECOND;
/// A placement without an answer is uncertain after this.
pub(super) const PLACE_TIMEOUT: Millis = 60 * SECOND;
/// Between sweeps of ledger against table.
pub(super) const LEDGER_INTERVAL: Millis = 30 * SECOND;
/// Between sweeps of all views.
pub(super) const FULL_INTERVAL: Millis = 10 * MINUTE;
/// Between sweeps that a full pool brings about, at least.
pub(super) const ON_DEMAND: Millis = 5 * SECOND;
/// Younger findings are no findings.
pub(super) const GRACE: Millis = 60 * SECOND;

/// A mechanism that a day goes without: what it protects must break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sabotage {
    /// Nothing is missing.
    Nothing,
    /// A release that comes a second time takes whatever slot there is.
    ReleaseTwice,
    /// A placement of which nobody knows what became of it gives its slot back.
    ReleaseOnAmbiguous,
    /// An admission commits under any epoch.
    AnyEpoch,
    /// A task dials however long ago its admission was.
    DialAnyTime,
    /// Nobody sweeps.
    NoSweep,
}

/// The terms of one day.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) replicas: usize,
    pub(super) cap: u32,
    /// The provider refuses beyond this; above the gate's cap, or it would hide what the gate does wrong.
    pub(super) provider_cap: u32,
    pub(super) businesses: usize,
    /// Between campaigns of outbound calls.
    pub(super) campaign_every: Millis,
    /// Between inbound calls.
    pub(super) inbound_every: Millis,
    /// Webhooks that never come, in percent.
    pub(super) lost: u64,
    /// Webhooks that come minutes late, in percent.
    pub(super) late: u64,
    /// Webhooks that come again, in percent.
    pub(super) again: u64,
    /// Calls of which the provider says that they began, in percent.
    pub(super) announced: u64,
    /// Placements of which nobody knows what became of them, in thousandths.
    pub(super) ambiguous: u64,
    /// One commit in so many has no answer.
    pub(super) commit_in_doubt: u64,
    /// One batch at the ledger in so many has no answer.
    pub(super) batch_in_doubt: u64,
    /// One question to the provider in so many has no answer.
    pub(super) silence: u64,
    /// A replica dies after one of its steps in so many.
    pub(super) crash: u64,
    /// A replica is stopped for minutes right after one of so many commits of an admission.
    pub(super) stall: u64,
    /// Between other faults.
    pub(super) fault_every: Millis,
    /// Between two things that an operator does.
    pub(super) operator_every: Millis,
    pub(super) inbound: InboundPolicy,
}

impl Terms {
    pub(super) fn drawn(chance: &mut Chance) -> Self {
        let cap = u32::try_from(chance.between(3, 8)).unwrap_or(3);
        let slack = u32::try_from(chance.between(0, 6)).unwrap_or(0);
        let wild = chance.between(0, 3);
        let rare = |chance: &mut Chance, often: u64| chance.between(often, 8 * often).checked_div(wild).unwrap_or(0);
        Self {
            replicas: 1 + chance.place(3),
            cap,
            provider_cap: if chance.one_in(5) { cap } else { cap + 4 + slack },
            businesses: 2 + chance.place(4),
            campaign_every: chance.between(4 * MINUTE, 15 * MINUTE),
            inbound_every: chance.between(3 * MINUTE, 20 * MINUTE),
            lost: chance.between(0, 10 * wild),
            late: chance.between(0, 5 * wild),
            again: chance.between(0, 10 * wild),
            announced: chance.between(0, 100),
            ambiguous: chance.between(0, 40 * wild),
            commit_in_doubt: rare(chance, 60),
            batch_in_doubt: rare(chance, 100),
            silence: rare(chance, 50),
            crash: rare(chance, 800),
            stall: rare(chance, 40),
            fault_every: rare(chance, 20 * MINUTE),
            operator_every: chance.between(20 * MINUTE, 120 * MINUTE),
            inbound: InboundPolicy {
                on_full: if chance.one_in(2) { OnFull::Terminate } else { OnFull::Admit },
                unmanaged: if chance.one_in(2) { Unmanaged::Adopt } else { Unmanaged::Terminate },
            },
        }
    }

    /// The same day, when nothing goes wrong any more.
    pub(super) fn mended(&self) -> Self {
        Self {
            lost: 0,
            late: 0,
            again: 0,
            ambiguous: 0,
            commit_in_doubt: 0,
            batch_in_doubt: 0,
            silence: 0,
            crash: 0,
            stall: 0,
            ..self.clone()
        }
    }
}

/// How patient a sweep is: the defaults.
pub(super) fn policy() -> Policy {
    let seconds = TimeDelta::seconds;
    Policy {
        grace: seconds(60),
        place_deadline: seconds(65),
        bind_timeout: seconds(60),
        max_call_age: seconds(3_600),
        blind_max_age: seconds(14_400),
        erases: false,
    }
}
