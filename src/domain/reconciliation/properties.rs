//! What holds of every sweep: it converges, it ends nothing that is live, and nothing that is over keeps a slot.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::specification::{at, policy, s};
use super::*;
use crate::domain::admission::Holder;
use crate::domain::call::{
    Call, CallEvent, Command, Context, Direction, Doubt, EndReason, InboundDecision, Profile, Record, Reference,
    References, Slot, Source, TerminationReason, Witness, decide, evolve,
};
use crate::domain::ids::{CallId, PoolId};

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

fn profile(direction: Direction) -> Profile {
    Profile {
        pool: PoolId::default_pool(),
        business_id: "42".parse().unwrap(),
        plan: "PRO".parse().unwrap(),
        direction,
        source: Source::api(),
        agent_id: "agent_1".parse().unwrap(),
        phone_number_id: None,
        counterpart: None,
        user_id: None,
        request_hash: None,
        max_duration_seconds: None,
    }
}

/// A call by its events, and when the latest was.
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
struct World {
    cases: Vec<Case>,
    calls: Vec<Stored>,
    ledger: BTreeMap<usize, Holder>,
    memory: Memory,
    /// Of every list the provider leaves out whoever is not to be on it; the count tells the truth.
    account_is_right: bool,
    list: bool,
}

impl World {
    fn of(cases: Vec<Case>, account_is_right: bool, list: bool) -> Self {
        let calls: Vec<Stored> = cases.iter().enumerate().map(|(n, case)| stored(n, case)).collect();
        let in_ledger = |(n, case): (usize, &Case)| {
            let slot = if case.in_ledger? { Slot::Held } else { Slot::Overflow };
            let (business_id, plan) = ("42".parse().unwrap(), "PRO".parse().unwrap());
            Some((n, Holder { call_id: call_id(n), business_id, plan, slot }))
        };
        let ledger = cases.iter().enumerate().filter_map(in_ledger).collect();
        Self { cases, calls, ledger, memory: Memory::default(), account_is_right, list }
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        self.calls.iter().enumerate().map(|(n, stored)| stored.row(n))
    }

    fn listed(&self) -> Option<Listed> {
        let live = || self.cases.iter().enumerate().filter(|(_, case)| case.live && self.account_is_right);
        let conversations = live().filter(|(_, case)| case.on_list).map(|(n, _)| conversation(n)).collect();
        self.list.then(|| Listed { conversations, count: Some(live().count() as u64) })
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
                Look::Unanswered => Stranger::Unanswered,
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

proptest! {
    /// Whatever the views say, and whoever does not answer.
    #[test]
    fn i3_a_sweep_that_is_repeated_changes_nothing(
        cases in prop::collection::vec(case(), 0..8), account_is_right in any::<bool>(), list in any::<bool>(),
    ) {
        let mut world = World::of(cases, account_is_right, list);
        world.sweep(&at(0));
        prop_assert_eq!(world.sweep(&at(0)), 0);
    }

    #[test]
    fn i6_after_a_sweep_the_ledger_is_the_table(
        cases in prop::collection::vec(case(), 0..8), account_is_right in any::<bool>(), list in any::<bool>(),
    ) {
        let mut world = World::of(cases, account_is_right, list);
        world.sweep(&at(0));
        let by_table: Vec<Holder> = world.rows().filter_map(|row| row.holder()).collect();
        let by_ledger: Vec<Holder> = world.ledger.values().cloned().collect();
        prop_assert_eq!(by_table, by_ledger);
    }

    /// With every webhook lost, at a provider that answers.
    #[test]
    fn i3_within_two_sweeps_every_call_that_is_over_is_over_here(cases in prop::collection::vec(case(), 0..8)) {
        let answering = |case: Case| Case { answer: Answers::Truthfully, on_list: true, ..case };
        let mut world = World::of(cases.into_iter().map(answering).collect(), true, true);
        world.sweep(&at(0));
        for later in [3600, 7200] {
            world.sweep(&at(later));
        }
        for n in 0..world.cases.len() {
            let dialled_nothing = matches!(world.cases[n].stage, Stage::Unbound);
            prop_assert!(
                world.cases[n].live || dialled_nothing || !world.is_live_by_the_table(n),
                "{:?} {:?}", world.cases[n], world.calls[n].row(n)
            );
        }
    }

    /// The provider is silent, denies everything, or cuts its lists short; clocks jump; sweeps come at any time.
    #[test]
    fn i1_a_live_call_is_never_ended_by_absence(
        cases in prop::collection::vec(case(), 1..8),
        account_is_right in any::<bool>(), list in any::<bool>(),
        sweeps in prop::collection::vec((0i64..4_000, any::<bool>(), -50_000i64..50_000), 1..6),
    ) {
        // What a wrong account, or a provider that denies one call and shows another, can do after hours is by policy.
        let young = |case: Case| {
            let denied = case.answer == Answers::NotFound && account_is_right;
            Case {
                age: case.age.min(5_000),
                quiet: case.quiet.min(5_000),
                live: true,
                answer: if denied { Answers::Truthfully } else { case.answer },
                ..case
            }
        };
        let cases: Vec<Case> = cases.into_iter().map(young).collect();
        let mut world = World::of(cases, account_is_right, list);
        let before: Vec<bool> = (0..world.cases.len()).map(|n| world.is_live_by_the_table(n)).collect();
        let mut monotonic = 0;
        for (pause, clock_steady, jump) in sweeps {
            monotonic += pause.min(1_800);
            let true_time = at(monotonic);
            let jump = if clock_steady { 0 } else { jump };
            world.sweep(&Now { at: true_time.at + s(jump), clock_steady, ..true_time });
        }
        for (n, was_live) in before.into_iter().enumerate() {
            // Who was never dialled as far as anybody can find is another matter: that is a look at a whole list.
            let findable = matches!(world.cases[n].stage, Stage::Active | Stage::Terminating | Stage::Overflow);
            prop_assert!(!was_live || !findable || world.is_live_by_the_table(n), "{:?}", world.cases[n]);
        }
    }

    #[test]
    fn i3_an_over_call_never_keeps_a_slot(
        cases in prop::collection::vec(case(), 1..8), account_is_right in any::<bool>(), list in any::<bool>(),
        clock_steady in any::<bool>(),
    ) {
        let mut world = World::of(cases, account_is_right, list);
        world.sweep(&Now { clock_steady, ..at(0) });
        for n in 0..world.cases.len() {
            prop_assert!(world.is_live_by_the_table(n) || !world.ledger.contains_key(&n));
        }
    }
}
