//! What holds of every sweep: it converges, it ends nothing that is live, and nothing that is over keeps a slot.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::specification::{at, policy, s};
use super::*;
use crate::domain::admission::Holder;
use crate::domain::call::specification::profile;
use crate::domain::call::{
    Call, CallEvent, Command, Context, Direction, Doubt, EndReason, InboundDecision, Record, Reference, References,
    Slot, TerminationReason, Witness, decide, evolve,
};
use crate::domain::ids::CallId;

/// How far a call has come, by the table.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Placing,
    Uncertain,
    Active,
    Terminating,
    HungUpEarly,
    Unbound,
    Overflow,
    Ended,
    Failed,
}

/// One call, what is true of it, and what each view has of it.
#[derive(Clone, Debug)]
struct Case {
    stage: Stage,
    /// Seconds between its announcement, its latest event and the sweep.
    age: i64,
    quiet: i64,
    in_ledger: Option<bool>,
    /// Whether it is live at the provider.
    live: bool,
    /// What the provider says when it is asked about it.
    answer: Answers,
    on_list: bool,
}

/// How the provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    Truthfully,
    NotFound,
    Not,
}

fn case() -> impl Strategy<Value = Case> {
    use Stage::{Active, Ended, Failed, HungUpEarly, Overflow, Placing, Terminating, Unbound, Uncertain};
    let stages =
        prop::sample::select(&[Placing, Uncertain, Active, Terminating, HungUpEarly, Unbound, Overflow, Ended, Failed]);
    let answers = prop::sample::select(&[Answers::Truthfully, Answers::NotFound, Answers::Not]);
    let views = (prop::option::of(any::<bool>()), any::<bool>(), answers, any::<bool>());
    (stages, 0i64..20_000, 0i64..20_000, views).prop_map(|(stage, age, quiet, (in_ledger, live, answer, on_list))| {
        Case { stage, age, quiet: quiet.min(age), in_ledger, live, answer, on_list }
    })
}

fn call_id(n: usize) -> CallId {
    CallId::new(Uuid::from_u128(n as u128 + 1))
}

fn conversation(n: usize) -> String {
    format!("conv_{n}")
}

fn names(n: usize) -> References {
    std::iter::once(Reference::conversation(conversation(n))).collect()
}

/// A call by its events, and when the latest was.
#[derive(Debug)]
struct Stored {
    call: Call,
    as_of: u64,
    updated_at: chrono::DateTime<chrono::Utc>,
}

impl Stored {
    fn tell(&mut self, command: Command, now: chrono::DateTime<chrono::Utc>) -> Vec<CallEvent> {
        let events = decide(&self.call, command, &Context { now }).unwrap_or_default();
        for event in &events {
            self.call = evolve(std::mem::take(&mut self.call), event);
            self.as_of += 1;
            self.updated_at = now;
        }
        events
    }

    fn row(&self, n: usize) -> Row {
        let record = Record::of(&self.call).unwrap();
        Row { call_id: call_id(n), record, as_of: self.as_of, updated_at: self.updated_at }
    }
}

fn stored(n: usize, case: &Case) -> Stored {
    let (announced, latest) = (at(0).at - s(case.age), at(0).at - s(case.quiet));
    let mut stored = Stored { call: Call::Absent, as_of: 0, updated_at: announced };
    let request = Command::Request { profile: profile(Direction::Outbound), epoch: 1, business_limit: 9 };
    let receive =
        |references, decision| Command::Receive { profile: profile(Direction::Inbound), references, decision };
    let placed = Command::ConfirmPlacement { references: names(n), witness: Witness::Answer };
    let hang_up = Command::RequestTermination { reason: TerminationReason::Operator };
    let ended = Command::End {
        reason: EndReason::Completed,
        at: None,
        references: References::none(),
        witness: Witness::Webhook,
        note: None,
    };
    let failed =
        Command::FailPlacement { reason: EndReason::ProviderRefused, detail: String::new(), retry_after_seconds: None };
    let carrier = std::iter::once(Reference::call_sid(format!("CA{n}"))).collect();
    let admit = InboundDecision::Admit { epoch: 1, business_limit: 9 };
    let (first, then) = match case.stage {
        Stage::Placing => (request, vec![]),
        Stage::Uncertain => (request, vec![Command::DoubtPlacement { doubt: Doubt::Timeout }]),
        Stage::Active => (request, vec![placed]),
        Stage::Terminating => (request, vec![placed, hang_up]),
        Stage::HungUpEarly => (request, vec![hang_up]),
        Stage::Unbound => (receive(carrier, admit), vec![]),
        Stage::Overflow => (receive(names(n), InboundDecision::Overflow { cause: String::new() }), vec![]),
        Stage::Ended => (request, vec![placed, ended]),
        Stage::Failed => (request, vec![failed]),
    };
    stored.tell(first, announced);
    for command in then {
        stored.tell(command, latest);
    }
    stored
}

/// Every view, as far as a sweep reads it.
#[derive(Debug)]
struct World {
    cases: Vec<Case>,
    calls: Vec<Stored>,
    ledger: BTreeMap<usize, Holder>,
    memory: Memory,
    /// Of every list the provider leaves out whoever is not to be on it; the count tells the truth.
    account_is_right: bool,
    list: bool,
    /// Whether the provider counts what is live.
    counts: bool,
}

impl World {
    fn of(cases: Vec<Case>, account_is_right: bool, list: bool, counts: bool) -> Self {
        let calls: Vec<Stored> = cases.iter().enumerate().map(|(n, case)| stored(n, case)).collect();
        let in_ledger = |(n, case): (usize, &Case)| {
            let slot = if case.in_ledger? { Slot::Held } else { Slot::Overflow };
            let (business_id, plan) = ("42".parse().unwrap(), "PRO".parse().unwrap());
            Some((n, Holder { call_id: call_id(n), business_id, plan, slot }))
        };
        let ledger = cases.iter().enumerate().filter_map(in_ledger).collect();
        Self { cases, calls, ledger, memory: Memory::default(), account_is_right, list, counts }
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        self.calls.iter().enumerate().map(|(n, stored)| stored.row(n))
    }

    fn listed(&self) -> Option<Listed> {
        let live = || self.cases.iter().enumerate().filter(|(_, case)| case.live && self.account_is_right);
        let conversations = live().filter(|(_, case)| case.on_list).map(|(n, _)| conversation(n)).collect();
        self.list.then(|| Listed { conversations, count: self.counts.then(|| live().count() as u64) })
    }

    fn look(&self, n: usize) -> Look {
        match (self.account_is_right, self.cases[n].answer, self.cases[n].live) {
            (_, Answers::Not, _) => Look::Unanswered,
            (false, ..) | (_, Answers::NotFound, _) => Look::Missing,
            (true, Answers::Truthfully, true) => Look::Live(names(n)),
            (true, Answers::Truthfully, false) => Look::Over { references: names(n), at: None },
        }
    }

    /// One sweep: plans, and carries out. Gives how many of the corrections changed something.
    fn sweep(&mut self, now: &Now) -> usize {
        let policy = policy();
        let mut memory = std::mem::take(&mut self.memory);
        let holders = self.ledger.values().cloned().collect();
        let mut planner = Planner::new(&policy, &mut memory).with_ledger(holders).with_provider(self.listed());
        let live: Vec<Row> = self.rows().filter(|row| row.holder().is_some()).collect();
        let mut changed = 0;
        for page in live.chunks(3) {
            changed += self.carry_out(planner.table(page, now), now);
        }
        let surplus: HashSet<CallId> = planner.surplus().into_iter().collect();
        let left_over: Vec<Row> = self.rows().filter(|row| surplus.contains(&row.call_id)).collect();
        changed += self.carry_out(planner.left_over(&left_over, now), now);
        for id in planner.strangers() {
            let n: usize = id.trim_start_matches("conv_").parse().unwrap();
            let found = match self.look(n) {
                Look::Live(references) => Stranger::Ours { row: Box::new(self.calls[n].row(n)), references },
                Look::Unanswered | Look::NotAsked => Stranger::Unanswered,
                Look::Over { .. } | Look::Missing => Stranger::Over,
            };
            let correction = planner.stranger(&id, found, now);
            changed += self.carry_out(correction.into_iter().collect(), now);
        }
        let answers: Vec<_> = planner.inquiries(now).iter().map(|inquiry| inquiry.row.call_id).collect();
        let answers = answers.into_iter().map(|id| (id, self.look(number_of(id)))).collect();
        changed += self.carry_out(planner.answers(answers, now), now);
        self.memory = memory;
        changed
    }

    fn carry_out(&mut self, corrections: Vec<Correction>, now: &Now) -> usize {
        corrections.into_iter().filter(|correction| self.corrects(correction, now)).count()
    }

    fn corrects(&mut self, correction: &Correction, now: &Now) -> bool {
        match correction {
            Correction::Release { call_id, .. } | Correction::Abandon { call_id } => {
                self.ledger.remove(&number_of(*call_id)).is_some()
            }
            Correction::PutBack { call_id } => {
                let n = number_of(*call_id);
                let Some(holder) = self.calls[n].row(n).holder() else { return false };
                self.ledger.insert(n, holder.clone()) != Some(holder)
            }
            Correction::Tell { call_id, command, .. } => {
                let n = number_of(*call_id);
                let changed = !self.calls[n].tell(command.as_ref().clone(), now.at).is_empty();
                // The ledger follows the log.
                match self.calls[n].row(n).holder() {
                    Some(holder) => drop(self.ledger.insert(n, holder)),
                    None => drop(self.ledger.remove(&n)),
                }
                changed
            }
            Correction::TakeIn { .. } => false,
        }
    }

    fn is_live_by_the_table(&self, n: usize) -> bool {
        self.calls[n].row(n).holder().is_some()
    }
}

fn number_of(call_id: CallId) -> usize {
    usize::try_from(call_id.uuid().as_u128()).unwrap() - 1
}

fn worlds() -> impl Strategy<Value = World> {
    let cases = prop::collection::vec(case(), 0..8);
    (cases, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(cases, account_is_right, list, counts)| World::of(cases, account_is_right, list, counts))
}

/// A provider that answers, lists and counts everything.
fn truthful_worlds() -> impl Strategy<Value = World> {
    let answering = |case: Case| Case { answer: Answers::Truthfully, on_list: true, ..case };
    prop::collection::vec(case().prop_map(answering), 0..8).prop_map(|cases| World::of(cases, true, true, true))
}

/// Every call is live. The provider may be silent, deny all it knows by being another account, or cut its lists short.
/// What one that denies a call and shows others does in the end is by policy: here none does, and none is hours old.
fn live_worlds() -> impl Strategy<Value = World> {
    let live = |case: Case| Case {
        age: case.age.min(5_000),
        quiet: case.quiet.min(5_000),
        live: true,
        answer: if case.answer == Answers::NotFound { Answers::Truthfully } else { case.answer },
        ..case
    };
    let cases = prop::collection::vec(case().prop_map(live), 1..8);
    (cases, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(cases, account_is_right, list, counts)| World::of(cases, account_is_right, list, counts))
}

/// Sweeps at any time, by clocks that jump and say so.
fn sweeps() -> impl Strategy<Value = Vec<Now>> {
    prop::collection::vec((0i64..1_800, any::<bool>(), -50_000i64..50_000), 1..6).prop_map(|pauses| {
        let mut monotonic = 0;
        let now = |(pause, clock_steady, jump)| {
            monotonic += pause;
            let jump = if clock_steady { 0 } else { jump };
            Now { at: at(monotonic).at + s(jump), clock_steady, ..at(monotonic) }
        };
        pauses.into_iter().map(now).collect()
    })
}

proptest! {
    /// Whatever the views say, and whoever does not answer.
    #[test]
    fn i3_a_sweep_that_is_repeated_changes_nothing(mut world in worlds()) {
        world.sweep(&at(0));
        prop_assert_eq!(world.sweep(&at(0)), 0);
    }

    #[test]
    fn i6_after_a_sweep_the_ledger_is_the_table_and_nothing_that_is_over_keeps_a_slot(
        mut world in worlds(), clock_steady in any::<bool>(),
    ) {
        world.sweep(&Now { clock_steady, ..at(0) });
        let by_table: Vec<Holder> = world.rows().filter_map(|row| row.holder()).collect();
        let by_ledger: Vec<Holder> = world.ledger.values().cloned().collect();
        prop_assert_eq!(by_table, by_ledger);
    }

    /// With every webhook lost. What has a conversation is freed by one sweep; what may never have become one, by looks
    /// a grace apart.
    #[test]
    fn i3_every_call_that_is_over_is_over_here(mut world in truthful_worlds()) {
        world.sweep(&at(5));
        for (n, case) in world.cases.iter().enumerate() {
            let bound = matches!(case.stage, Stage::Active | Stage::Terminating | Stage::Overflow);
            prop_assert!(case.live || !bound || !world.is_live_by_the_table(n), "{:?}", case);
        }
        for later in [70, 140, 210] {
            world.sweep(&at(later));
        }
        for (n, case) in world.cases.iter().enumerate() {
            prop_assert!(case.live || !world.is_live_by_the_table(n), "{:?} {:?}", case, world.calls[n].row(n));
        }
    }

    #[test]
    fn i1_a_live_call_is_never_ended_by_absence(mut world in live_worlds(), sweeps in sweeps()) {
        let before: Vec<bool> = (0..world.cases.len()).map(|n| world.is_live_by_the_table(n)).collect();
        for now in sweeps {
            world.sweep(&now);
        }
        for (n, was_live) in before.into_iter().enumerate() {
            // At another account nobody finds what has no conversation yet: there it is missing on a whole list.
            let bound = matches!(world.cases[n].stage, Stage::Active | Stage::Terminating | Stage::Overflow);
            let may_be_lost = !bound && !world.account_is_right;
            prop_assert!(!was_live || may_be_lost || world.is_live_by_the_table(n), "{:?}", world.cases[n]);
        }
    }
}
