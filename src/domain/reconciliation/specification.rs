//! The table of the sweep, row by row: what was seen, and what it asks for.

use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;
use std::time::Duration;
use uuid::Uuid;

use super::conclusion::{Conclusion, Evidence, Seen, conclude};
use super::question::{Doubt, doubt};
use super::*;
use crate::domain::admission::Holder;
use crate::domain::call::specification::profile;
use crate::domain::call::{
    Asked, Command, Direction, EndReason, Record, Reference, References, Slot, SlotState, Status,
};
use crate::domain::ids::CallId;

pub(super) fn policy() -> Policy {
    Policy {
        grace: s(60),
        place_deadline: s(65),
        bind_timeout: s(60),
        max_call_age: s(3600),
        blind_max_age: s(14400),
        erases: true,
    }
}

pub(super) fn s(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

/// So many seconds after the beginning of all days.
pub(super) fn at(seconds: i64) -> Now {
    let monotonic = Duration::from_secs(u64::try_from(seconds).unwrap());
    Now { at: DateTime::<Utc>::UNIX_EPOCH + s(100_000 + seconds), monotonic, clock_steady: true }
}

fn call_id() -> CallId {
    CallId::new(Uuid::from_u128(7))
}

fn names() -> References {
    std::iter::once(Reference::conversation("conv_1")).collect()
}

/// An outbound call that was announced so many seconds ago, and quiet since.
fn row(status: Status, age: i64) -> Row {
    let announced_at = at(0).at - s(age);
    let placed = !matches!(status, Status::Placing | Status::Uncertain);
    let record = Record {
        profile: Some(profile(Direction::Outbound)),
        references: if placed { names() } else { References::none() },
        status,
        slot: if status.is_live() { SlotState::Held } else { SlotState::Released },
        announced_at,
        started_at: placed.then_some(announced_at),
        ended_at: (!status.is_live()).then_some(announced_at),
        end_reason: None,
        detail: None,
        hang_up_stalled: false,
    };
    Row { call_id: call_id(), record, as_of: 3, updated_at: announced_at }
}

trait But: Sized {
    /// The same, with a change.
    fn but(self, change: impl FnOnce(&mut Self)) -> Self;
}

impl But for Row {
    fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// An inbound call that has only a carrier's name.
fn unbound(age: i64) -> Row {
    row(Status::Active, age).but(|row| {
        row.record.profile.as_mut().unwrap().direction = Direction::Inbound;
        row.record.references = std::iter::once(Reference::call_sid("CA1")).collect();
    })
}

/// A hang-up that was asked for before the placement was answered.
fn hung_up_early(age: i64) -> Row {
    row(Status::Terminating, age).but(|row| {
        row.record.references = References::none();
        row.record.started_at = None;
    })
}

const LOOK_UP: Doubt = Doubt::Ask(Question::LookUp);
const FIND: Doubt = Doubt::Ask(Question::Find);

#[rstest]
#[case::listed(row(Status::Active, 100), Some(true), Doubt::None)]
#[case::not_listed(row(Status::Active, 100), Some(false), LOOK_UP)]
#[case::not_listed_but_just_begun(row(Status::Active, 4), Some(false), Doubt::None)]
#[case::no_list(row(Status::Active, 100), None, Doubt::None)]
#[case::no_list_and_old(row(Status::Active, 3600), None, LOOK_UP)]
#[case::placing(row(Status::Placing, 10), Some(false), Doubt::None)]
#[case::uncertain(row(Status::Uncertain, 1), None, FIND)]
#[case::unbound(unbound(60), Some(false), Doubt::Unclaimed)]
#[case::unbound_perhaps_on_the_list(unbound(60), None, Doubt::None)]
#[case::unbound_for_hours_without_a_list(unbound(14400), None, Doubt::Blind)]
#[case::hung_up_before_the_answer(hung_up_early(64), None, Doubt::None)]
#[case::hung_up_without_an_answer(hung_up_early(65), None, FIND)]
fn what_is_to_be_known(#[case] row: Row, #[case] listed: Option<bool>, #[case] expected: Doubt) {
    assert_eq!(doubt(&row, listed, &policy(), &at(0)), expected);
}

/// What the sweep concludes, in a word.
fn concluded(row: &Row, seen: Seen, missing_for: Option<i64>, account_proven: bool) -> &'static str {
    let evidence = Evidence { missing_for: missing_for.map(s), account_proven, list_is_short: false };
    match conclude(row, seen, evidence, &policy(), &at(0)) {
        Conclusion::Sound => "sound",
        Conclusion::StillMissing => "still missing",
        Conclusion::Unknown => "unknown",
        Conclusion::Tell(_, reason) => reason,
    }
}

const MISSING: Seen = Seen::Answer(Look::Missing);
const SILENCE: Seen = Seen::Answer(Look::Unanswered);

fn live() -> Seen {
    Seen::Answer(Look::Live(names()))
}

fn over() -> Seen {
    Seen::Answer(Look::Over { references: names(), at: None })
}

#[rstest]
#[case::live(row(Status::Active, 9999), live(), None, true, "sound")]
#[case::uncertain_and_live(row(Status::Uncertain, 1), live(), None, false, "placement_confirmed")]
#[case::over(row(Status::Active, 61), over(), None, false, "provider_ended")]
#[case::uncertain_and_over(row(Status::Uncertain, 1), over(), None, false, "provider_ended")]
#[case::missing_once(row(Status::Active, 100), MISSING, None, true, "still missing")]
#[case::missing_twice_too_soon(row(Status::Active, 100), MISSING, Some(29), true, "still missing")]
#[case::missing_twice(row(Status::Active, 100), MISSING, Some(30), true, "provider_missing")]
#[case::missing_at_a_strange_account(row(Status::Active, 100), MISSING, Some(30), false, "still missing")]
#[case::old_and_missing(row(Status::Terminating, 3600), MISSING, Some(30), true, "aged_out")]
#[case::old_and_missing_at_a_strange_account(row(Status::Active, 3600), MISSING, Some(30), false, "still missing")]
#[case::very_old_and_missing_at_a_strange_account(row(Status::Active, 14400), MISSING, Some(30), false, "aged_out")]
#[case::uncertain_and_missing_once(row(Status::Uncertain, 100), MISSING, None, false, "still missing")]
#[case::uncertain_and_missing_twice(row(Status::Uncertain, 100), MISSING, Some(30), false, "provider_missing")]
#[case::uncertain_but_young(row(Status::Uncertain, 59), MISSING, Some(40), false, "still missing")]
#[case::hung_up_in_doubt_and_missing_twice(hung_up_early(100), MISSING, Some(30), false, "provider_missing")]
#[case::perhaps_erased_by_us(row(Status::Terminating, 100).but(|row| row.record.slot = SlotState::Overflow), MISSING, Some(30), true, "still missing")]
#[case::perhaps_erased_by_us_and_old(row(Status::Terminating, 3600).but(|row| row.record.slot = SlotState::Overflow), MISSING, Some(30), true, "still missing")]
#[case::perhaps_erased_by_us_and_very_old(row(Status::Terminating, 14400).but(|row| row.record.slot = SlotState::Overflow), MISSING, Some(30), true, "aged_out")]
#[case::not_asked(row(Status::Active, 14400), Seen::Answer(Look::NotAsked), None, true, "unknown")]
#[case::unclaimed_once(unbound(100), Seen::Unclaimed, None, true, "still missing")]
#[case::unclaimed_twice(unbound(100), Seen::Unclaimed, Some(30), false, "never_bound")]
#[case::unclaimed_twice_but_young(unbound(59).but(|row| row.updated_at -= s(60)), Seen::Unclaimed, Some(30), false, "still missing")]
#[case::silence(row(Status::Active, 14399), SILENCE, None, false, "unknown")]
#[case::long_silence(row(Status::Active, 14400), SILENCE, None, false, "aged_out")]
fn an_answer_means(
    #[case] row: Row,
    #[case] seen: Seen,
    #[case] missing_for: Option<i64>,
    #[case] account_proven: bool,
    #[case] expected: &str,
) {
    assert_eq!(concluded(&row, seen, missing_for, account_proven), expected);
}

/// One sweep over what each view has of one call; the reasons of what it asks for.
fn swept(memory: &mut Memory, ledger: &[Holder], table: &[Row], now: &Now) -> Vec<&'static str> {
    let policy = policy();
    let mut planner = Planner::new(&policy, memory).with_ledger(ledger.to_vec());
    let live: Vec<Row> = table.iter().filter(|row| row.holder().is_some()).cloned().collect();
    let mut corrections = planner.table(&live, now);
    let surplus = planner.surplus();
    let rows: Vec<Row> = table.iter().filter(|row| surplus.contains(&row.call_id)).cloned().collect();
    corrections.extend(planner.left_over(&rows, now));
    corrections.iter().map(Correction::reason).collect()
}

#[test]
fn a_slot_of_a_call_that_is_over_is_released_and_counts_as_drift_once_it_is_overdue() {
    let over = row(Status::Ended, 1);
    let by_ledger = row(Status::Active, 1).holder().unwrap();
    assert_eq!(
        swept(&mut Memory::default(), std::slice::from_ref(&by_ledger), std::slice::from_ref(&over), &at(0)),
        ["slot_orphaned"]
    );
    for (later, overdue) in [(0, false), (1, true)] {
        let policy = policy();
        let mut memory = Memory::default();
        let mut planner = Planner::new(&policy, &mut memory).with_ledger(vec![by_ledger.clone()]);
        let corrections = planner.left_over(std::slice::from_ref(&over), &at(later));
        assert_eq!(corrections, [Correction::Release { call_id: call_id(), as_of: 3, overdue }]);
    }
}

#[test]
fn a_slot_without_a_call_is_taken_back_after_a_grace_and_not_before() {
    let (mut memory, holder) = (Memory::default(), row(Status::Active, 1).holder().unwrap());
    assert!(swept(&mut memory, std::slice::from_ref(&holder), &[], &at(0)).is_empty());
    assert!(swept(&mut memory, std::slice::from_ref(&holder), &[], &at(59)).is_empty());
    assert_eq!(swept(&mut memory, std::slice::from_ref(&holder), &[], &at(60)), ["db_missing"]);
}

#[test]
fn a_slot_that_was_gone_in_between_is_a_new_finding() {
    let (mut memory, holder) = (Memory::default(), row(Status::Active, 1).holder().unwrap());
    assert!(swept(&mut memory, std::slice::from_ref(&holder), &[], &at(0)).is_empty());
    assert!(swept(&mut memory, &[], &[], &at(30)).is_empty());
    assert!(swept(&mut memory, &[holder], &[], &at(60)).is_empty());
}

#[test]
fn a_call_whose_slot_the_ledger_lost_or_has_otherwise_gets_it_back() {
    let table = [row(Status::Active, 1)];
    assert_eq!(swept(&mut Memory::default(), &[], &table, &at(0)), ["redis_missing"]);
    let otherwise = Holder { slot: Slot::Overflow, ..table[0].holder().unwrap() };
    assert_eq!(swept(&mut Memory::default(), &[otherwise], &table, &at(0)), ["redis_missing"]);
    assert!(swept(&mut Memory::default(), &[table[0].holder().unwrap()], &table, &at(0)).is_empty());
}

#[test]
fn a_placement_that_cannot_be_under_way_any_more_is_in_doubt_and_asked_for_at_once() {
    let (policy, mut memory) = (policy(), Memory::default());
    let table = [row(Status::Placing, 65)];
    let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(Listed::default()));
    let told: Vec<_> = planner.table(&table, &at(0)).iter().map(Correction::reason).collect();
    assert_eq!(told, ["placement_uncertain"]);
    assert_eq!(planner.inquiries(&at(0)).iter().map(|inquiry| inquiry.question).collect::<Vec<_>>(), [Question::Find]);
    let jumped = Now { clock_steady: false, ..at(0) };
    assert!(Planner::new(&policy, &mut memory).table(&table, &jumped).is_empty());
}

fn listed(conversations: &[&str], count: Option<u64>) -> Listed {
    Listed { conversations: conversations.iter().map(|id| (*id).to_owned()).collect(), count }
}

fn nobodys(began: Option<i64>) -> Stranger {
    let began_at = began.map(|seconds| at(seconds).at);
    Stranger::Nobodys { may_be_ours: false, names_its_carrier: true, began_at }
}

#[test]
fn a_conversation_that_is_nobodys_is_taken_in_after_a_grace() {
    let (policy, mut memory) = (policy(), Memory::default());
    for (now, began, expected) in [(0, None, false), (59, None, false), (60, None, true), (60, Some(0), true)] {
        let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(listed(&["conv_9"], None)));
        assert_eq!(planner.strangers(), ["conv_9"]);
        let taken_in = planner.stranger("conv_9", nobodys(began), &at(now));
        assert_eq!(taken_in.map(|correction| correction.reason()), expected.then_some("unmanaged"), "{now} {began:?}");
    }
    let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(listed(&["conv_9"], None)));
    let perhaps = Stranger::Nobodys { may_be_ours: true, names_its_carrier: true, began_at: None };
    assert_eq!(planner.stranger("conv_9", perhaps, &at(99)), None, "a call that is being placed may be it");
}

#[rstest]
#[case::its_placement_was_uncertain(row(Status::Uncertain, 100), Some("placement_confirmed"))]
#[case::its_answer_is_on_its_way(row(Status::Placing, 1), None)]
#[case::it_was_over_long_ago(row(Status::Ended, 100), Some("late"))]
#[case::it_has_just_ended(row(Status::Ended, 59), None)]
fn a_stranger_that_is_ours_is_told_so(#[case] row: Row, #[case] expected: Option<&str>) {
    let (policy, mut memory) = (policy(), Memory::default());
    let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(listed(&["conv_1"], None)));
    let ours = Stranger::Ours { row: Box::new(row), references: names() };
    let correction = planner.stranger("conv_1", ours, &at(0));
    assert_eq!(correction.as_ref().map(Correction::reason), expected);
    if let Some(Correction::Tell { command, reason, .. }) = correction {
        let asked = if reason == "late" { Asked::WhileOver } else { Asked::WhileLive };
        assert_eq!(*command, Command::ObserveLive { references: names(), asked });
    }
}

#[test]
fn i1_a_stranger_that_turns_out_to_be_an_unbound_call_answers_what_was_to_be_asked_about_it() {
    let (policy, mut memory) = (policy(), Memory::default());
    let mut told = Vec::new();
    for (seconds, conversations) in [(0, &[][..]), (30, &["conv_1"][..])] {
        let list = listed(conversations, Some(conversations.len() as u64));
        let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(list));
        planner.table(&[unbound(100)], &at(seconds));
        for id in planner.strangers() {
            let ours = Stranger::Ours { row: Box::new(unbound(100)), references: names() };
            told.extend(planner.stranger(&id, ours, &at(seconds)));
        }
        told.extend(planner.answers(Vec::new(), &at(seconds)));
    }
    let told: Vec<_> = told.iter().map(Correction::reason).collect();
    assert_eq!(told, ["placement_confirmed"], "it is not given up in the same breath");
}

/// An unbound call is looked at twice, far enough apart, at a provider that shows these.
fn unbound_twice(show: impl Fn(&mut Planner<'_>, &Now), listed: Option<&Listed>) -> Vec<Correction> {
    let (policy, mut memory) = (policy(), Memory::default());
    let mut told = Vec::new();
    for seconds in [0, 30] {
        let mut planner = Planner::new(&policy, &mut memory).with_provider(listed.cloned());
        told.extend(planner.table(&[unbound(100)], &at(seconds)));
        show(&mut planner, &at(seconds));
        assert!(planner.inquiries(&at(seconds)).is_empty());
        told.extend(planner.answers(Vec::new(), &at(seconds)));
    }
    told
}

#[test]
fn an_inbound_call_that_never_became_a_conversation_ends_only_where_every_conversation_is_known_to_be_another() {
    let none = |_: &mut Planner<'_>, _: &Now| {};
    let reasons = |told: Vec<Correction>| told.iter().map(Correction::reason).collect::<Vec<_>>();
    let never = EndReason::NeverBound.as_str();
    assert_eq!(reasons(unbound_twice(none, Some(&listed(&[], Some(0))))), [never]);
    assert_eq!(reasons(unbound_twice(none, Some(&listed(&["conv_9"], Some(1))))), [never], "nobody asked about it");
    let silent = |planner: &mut Planner<'_>, now: &Now| drop(planner.stranger("conv_9", Stranger::Unanswered, now));
    assert!(unbound_twice(silent, Some(&listed(&["conv_9"], Some(1)))).is_empty());
    let nameless = |planner: &mut Planner<'_>, now: &Now| {
        let found = Stranger::Nobodys { may_be_ours: false, names_its_carrier: false, began_at: None };
        assert_eq!(planner.stranger("conv_9", found, now), None);
    };
    assert!(unbound_twice(nameless, Some(&listed(&["conv_9"], Some(1)))).is_empty());
    assert!(unbound_twice(none, Some(&listed(&[], Some(1)))).is_empty(), "the list is shorter than the count");
    assert!(unbound_twice(none, Some(&listed(&[], None))).is_empty(), "nothing says that the list is whole");
    assert!(unbound_twice(none, None).is_empty(), "there is no list");
}

#[test]
fn i1_an_uncertain_placement_is_not_given_up_while_the_provider_counts_a_call_that_it_does_not_list() {
    for (count, told) in [(0, vec!["provider_missing"]), (1, vec![])] {
        let (policy, mut memory) = (policy(), Memory::default());
        let uncertain = row(Status::Uncertain, 100);
        let mut reasons = Vec::new();
        for seconds in [0, 30] {
            let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(listed(&[], Some(count))));
            planner.table(std::slice::from_ref(&uncertain), &at(seconds));
            let corrections = planner.answers(vec![(uncertain.call_id, Look::Missing)], &at(seconds));
            reasons.extend(corrections.iter().map(Correction::reason));
        }
        assert_eq!(reasons, told, "{count}");
    }
}

/// A call that the list has not and that the provider denies, looked at twice, while another call of ours is listed.
fn denied_twice(count: u64) -> Vec<&'static str> {
    let (policy, mut memory) = (policy(), Memory::default());
    let known = row(Status::Active, 100);
    let denied = row(Status::Active, 100).but(|row| {
        row.call_id = CallId::new(Uuid::from_u128(8));
        row.record.references = std::iter::once(Reference::conversation("conv_2")).collect();
    });
    let mut told = Vec::new();
    for seconds in [0, 30] {
        let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(listed(&["conv_1"], Some(count))));
        told.extend(planner.table(&[known.clone(), denied.clone()], &at(seconds)));
        assert_eq!(planner.inquiries(&at(seconds)).len(), 1);
        told.extend(planner.answers(vec![(denied.call_id, Look::Missing)], &at(seconds)));
    }
    told.iter().map(Correction::reason).collect()
}

#[test]
fn i1_what_the_provider_denies_ends_only_where_its_count_does_not_say_that_the_list_was_cut_short() {
    assert_eq!(denied_twice(1), ["provider_missing"]);
    assert!(denied_twice(2).is_empty(), "one more is live than is listed: it may be this one");
}

#[test]
fn a_call_that_is_over_is_missing_no_more() {
    let (policy, mut memory) = (policy(), Memory::default());
    for (table, missing) in [(vec![row(Status::Active, 100)], 1), (vec![], 0)] {
        let mut planner = Planner::new(&policy, &mut memory).with_provider(Some(listed(&["conv_9"], Some(1))));
        planner.table(&table, &at(0));
        planner.answers(table.iter().map(|row| (row.call_id, Look::Missing)).collect(), &at(0));
        assert_eq!(memory.missing(&at(0)).len(), missing);
    }
}

#[test]
fn the_count_is_trusted_once_it_agreed_with_the_list() {
    let (policy, mut memory) = (policy(), Memory::default());
    assert!(!memory.trusts_the_count());
    for (shown, trusted) in
        [(listed(&["a", "b"], Some(2)), true), (listed(&["a", "b"], Some(1)), false), (listed(&["a"], None), false)]
    {
        let _ = Planner::new(&policy, &mut memory).with_provider(Some(shown.clone()));
        assert_eq!(memory.trusts_the_count(), trusted, "{shown:?}");
    }
}
