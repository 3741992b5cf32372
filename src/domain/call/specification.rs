//! The call's specification: given what happened, when something is asked, then what happens.

use super::*;
use crate::domain::ids::PoolId;
use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;

fn epoch() -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_500_000, 0).unwrap()
}

pub(crate) fn profile(direction: Direction) -> Profile {
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

pub(super) fn names(values: &[&str]) -> References {
    values.iter().map(|value| Reference::conversation(*value)).collect()
}

pub(super) fn request() -> Command {
    Command::Request { profile: profile(Direction::Outbound), epoch: 1, business_limit: 3 }
}

pub(super) fn receive(decision: InboundDecision) -> Command {
    Command::Receive { profile: profile(Direction::Inbound), references: names(&["conv_1"]), decision }
}

pub(super) fn admit() -> InboundDecision {
    InboundDecision::Admit { epoch: 1, business_limit: 3 }
}

pub(super) fn placed(witness: Witness) -> Command {
    Command::ConfirmPlacement { references: names(&["conv_1"]), witness }
}

pub(super) fn fail(reason: EndReason) -> Command {
    Command::FailPlacement { reason, detail: "no".to_owned(), retry_after_seconds: None }
}

pub(super) fn end(reason: EndReason, witness: Witness) -> Command {
    Command::End { reason, at: None, references: names(&["conv_1"]), witness, note: None }
}

pub(super) fn stalled() -> Command {
    Command::ReportStall { attempts: 10, detail: "refused".to_owned() }
}

const DOUBT: Command = Command::DoubtPlacement { doubt: Doubt::Timeout };
const HANG_UP: Command = Command::RequestTermination { reason: TerminationReason::Operator };

fn seen_live(asked: Asked) -> Command {
    Command::ObserveLive { references: names(&["conv_1"]), asked }
}

fn live() -> Command {
    seen_live(Asked::WhileOver)
}

struct Given(Vec<CallEvent>);

fn given(commands: impl IntoIterator<Item = Command>) -> Given {
    let mut events: Vec<CallEvent> = Vec::new();
    for command in commands {
        let at = epoch() + TimeDelta::seconds(i64::try_from(events.len()).unwrap());
        let news = decide(&replay(&events), command, &Context { now: at }).expect("the story is possible");
        assert!(!news.is_empty(), "every step of the story matters");
        events.extend(news);
    }
    Given(events)
}

impl Given {
    fn when(self, command: Command) -> Then {
        let before = replay(&self.0);
        let now = epoch() + TimeDelta::seconds(100);
        let result = decide(&before, command, &Context { now });
        let after = result.as_ref().map(|events| events.iter().fold(before, evolve)).ok();
        Then { result, after }
    }
}

struct Then {
    result: Result<Vec<CallEvent>, Refusal>,
    after: Option<Call>,
}

impl Then {
    fn events(self, expected: &[&str]) -> Self {
        let names: Vec<_> = self.result.as_ref().expect("no refusal").iter().map(|event| event.kind.name()).collect();
        assert_eq!(names, expected);
        self
    }

    fn refused(&self, refusal: Refusal) {
        assert_eq!(self.result, Err(refusal));
    }

    fn is(self, status: Status, slot: SlotState, reason: Option<EndReason>) {
        let record = Record::of(&self.after.expect("no refusal")).expect("there is a call");
        assert_eq!((record.status, record.slot, record.end_reason), (status, slot, reason));
    }

    fn nothing(self) {
        self.events(&[]);
    }
}

fn placing() -> Vec<Command> {
    vec![request()]
}

fn uncertain() -> Vec<Command> {
    vec![request(), DOUBT]
}

fn active() -> Vec<Command> {
    vec![request(), placed(Witness::Answer)]
}

fn terminating() -> Vec<Command> {
    vec![request(), placed(Witness::Answer), HANG_UP]
}

fn cancelled() -> Vec<Command> {
    vec![request(), HANG_UP]
}

fn ended() -> Vec<Command> {
    vec![request(), placed(Witness::Answer), end(EndReason::Completed, Witness::Webhook)]
}

fn given_up() -> Vec<Command> {
    vec![request(), DOUBT, fail(EndReason::ProviderMissing)]
}

fn refused_inbound() -> Vec<Command> {
    vec![receive(InboundDecision::Terminate { reason: TerminationReason::Capacity })]
}

#[test]
fn a_request_with_a_slot_is_being_placed() {
    given([]).when(request()).events(&["CallRequested", "CallAdmitted"]).is(Status::Placing, SlotState::Held, None);
}

#[rstest]
#[case::admitted(admit(), "CallAdmitted", Status::Active, SlotState::Held, None)]
#[case::kept(InboundDecision::Overflow { cause: "X".into() }, "CallOverflowed", Status::Active, SlotState::Overflow, None)]
#[case::full(InboundDecision::Terminate { reason: TerminationReason::Capacity }, "TerminationRequested", Status::Terminating, SlotState::Overflow, Some(EndReason::Capacity))]
#[case::turned_away(InboundDecision::TurnAway { reason: TerminationReason::Capacity }, "CallEnded", Status::TerminatedCapacity, SlotState::Released, Some(EndReason::Capacity))]
#[case::not_taken(InboundDecision::TurnAway { reason: TerminationReason::InboundDisabled }, "CallEnded", Status::Ended, SlotState::Released, Some(EndReason::InboundDisabled))]
fn an_inbound_call_is_admitted_kept_hung_up_or_turned_away(
    #[case] decision: InboundDecision,
    #[case] event: &str,
    #[case] status: Status,
    #[case] slot: SlotState,
    #[case] reason: Option<EndReason>,
) {
    given([]).when(receive(decision)).events(&["InboundReceived", event]).is(status, slot, reason);
}

#[test]
fn a_call_that_has_become_a_conversation_does_not_end_because_it_had_none_before() {
    let never = || Command::End {
        reason: EndReason::NeverBound,
        at: None,
        references: References::none(),
        witness: Witness::Gate,
        note: None,
    };
    given([receive(admit())]).when(never()).events(&[]);
    let references = std::iter::once(Reference::call_sid("CA1")).collect();
    let unbound = Command::Receive { profile: profile(Direction::Inbound), references, decision: admit() };
    given([unbound]).when(never()).events(&["CallEnded"]);
}

#[test]
fn a_call_that_was_turned_away_needs_no_hang_up_and_its_end_is_no_news() {
    let turned_away = || vec![receive(InboundDecision::TurnAway { reason: TerminationReason::Capacity })];
    given(turned_away()).when(HANG_UP).refused(Refusal::AlreadyOver);
    given(turned_away()).when(end(EndReason::Busy, Witness::Webhook)).is(
        Status::TerminatedCapacity,
        SlotState::Released,
        Some(EndReason::Capacity),
    );
    given(turned_away()).when(live()).events(&["CallRevived"]).is(
        Status::Terminating,
        SlotState::Overflow,
        Some(EndReason::Late),
    );
}

#[rstest]
fn nothing_but_a_beginning_happens_to_a_call_that_is_not(
    #[values(
        placed(Witness::Answer),
        live(),
        fail(EndReason::Provider429),
        DOUBT,
        end(EndReason::Completed, Witness::Webhook),
        HANG_UP,
        stalled(),
        Command::ConfirmTermination
    )]
    command: Command,
) {
    given([]).when(command).refused(Refusal::Unknown);
}

#[rstest]
fn no_call_begins_twice(
    #[values(placing(), uncertain(), active(), terminating(), ended(), given_up(), vec![Command::Abandon])] story: Vec<
        Command,
    >,
    #[values(request(), receive(admit()), Command::Abandon)] command: Command,
) {
    given(story).when(command).refused(Refusal::AlreadyExists);
}

#[rstest]
#[case::placing(placing())]
#[case::uncertain(uncertain())]
fn a_placement_is_confirmed_by_answer_webhook_or_look_up(
    #[case] story: Vec<Command>,
    #[values(placed(Witness::Answer), placed(Witness::Webhook), live())] command: Command,
) {
    given(story).when(command).events(&["CallPlaced"]).is(Status::Active, SlotState::Held, None);
}

#[rstest]
#[case::placing(placing())]
#[case::uncertain(uncertain())]
#[case::cancelled(cancelled())]
fn a_failed_placement_frees_the_slot(#[case] story: Vec<Command>) {
    given(story).when(fail(EndReason::Provider429)).events(&["PlacementFailed"]).is(
        Status::Failed,
        SlotState::Released,
        Some(EndReason::Provider429),
    );
}

#[test]
fn an_uncertain_placement_keeps_its_slot() {
    given(placing()).when(DOUBT).events(&["PlacementUncertain"]).is(Status::Uncertain, SlotState::Held, None);
}

#[rstest]
#[case::placing(placing())]
#[case::uncertain(uncertain())]
#[case::active(active())]
fn any_live_call_ends_once_by_a_webhook(#[case] story: Vec<Command>) {
    let mut again = story.clone();
    let then = given(story).when(end(EndReason::Busy, Witness::Webhook));
    assert_eq!(then.result.as_ref().unwrap().last().unwrap().kind.name(), "CallEnded");
    then.is(Status::Failed, SlotState::Released, Some(EndReason::Busy));
    again.push(end(EndReason::Busy, Witness::Webhook));
    given(again).when(end(EndReason::Completed, Witness::Webhook)).nothing();
}

#[rstest]
#[case::placing(placing())]
#[case::uncertain(uncertain())]
#[case::active(active())]
fn a_live_call_is_hung_up_on_demand_and_keeps_its_slot_until_it_is(#[case] story: Vec<Command>) {
    given(story).when(HANG_UP).events(&["TerminationRequested"]).is(
        Status::Terminating,
        SlotState::Held,
        Some(EndReason::Operator),
    );
}

#[test]
fn hanging_up_twice_is_once_and_a_call_that_is_over_cannot_be_hung_up() {
    given(terminating()).when(HANG_UP).nothing();
    given(ended()).when(HANG_UP).refused(Refusal::AlreadyOver);
}

#[rstest]
#[case::confirmed(terminating(), Command::ConfirmTermination, Status::Ended, EndReason::Operator)]
#[case::by_webhook(terminating(), end(EndReason::Completed, Witness::Webhook), Status::Ended, EndReason::Operator)]
#[case::capacity(refused_inbound(), Command::ConfirmTermination, Status::TerminatedCapacity, EndReason::Capacity)]
#[case::capacity_by_webhook(
    refused_inbound(),
    end(EndReason::Completed, Witness::Webhook),
    Status::TerminatedCapacity,
    EndReason::Capacity
)]
#[case::before_the_dial(cancelled(), fail(EndReason::Cancelled), Status::Failed, EndReason::Cancelled)]
fn a_call_that_is_hung_up_ends_for_that_reason(
    #[case] story: Vec<Command>,
    #[case] command: Command,
    #[case] status: Status,
    #[case] reason: EndReason,
) {
    given(story).when(command).is(status, SlotState::Released, Some(reason));
}

#[test]
fn a_hang_up_that_takes_long_is_reported_with_its_time_and_goes_on() {
    let then = given(terminating()).when(stalled()).events(&["HangUpStalled"]);
    let kind = then.result.as_ref().unwrap()[0].kind.clone();
    // Asked for at the third second, reported at the hundredth.
    assert_eq!(kind, EventKind::HangUpStalled { attempts: 10, seconds: 97, detail: "refused".to_owned() });
    assert!(Record::of(then.after.as_ref().unwrap()).unwrap().hang_up_stalled);
    then.is(Status::Terminating, SlotState::Held, Some(EndReason::Operator));
}

#[test]
fn a_hang_up_is_reported_once_whatever_is_learnt_meanwhile() {
    let reported = || [terminating(), vec![stalled()]].concat();
    given(reported()).when(stalled()).nothing();
    let told = Command::ConfirmPlacement { references: names(&["conv_2"]), witness: Witness::Webhook };
    given([reported(), vec![told]].concat()).when(stalled()).nothing();
    let cancelled = [cancelled(), vec![DOUBT, stalled(), placed(Witness::Webhook)]].concat();
    given(cancelled).when(stalled()).nothing();
    given(reported()).when(Command::ConfirmTermination).is(
        Status::Ended,
        SlotState::Released,
        Some(EndReason::Operator),
    );
}

#[test]
fn a_call_that_comes_alive_again_is_another_hang_up() {
    let given_up = vec![request(), DOUBT, HANG_UP, stalled(), fail(EndReason::ProviderMissing)];
    let revived = [given_up, vec![live()]].concat();
    given(revived.clone()).when(stalled()).events(&["HangUpStalled"]);
    given([revived, vec![stalled()]].concat()).when(stalled()).nothing();
}

#[rstest]
#[case::placing(placing())]
#[case::uncertain(uncertain())]
#[case::active(active())]
#[case::ended(ended())]
#[case::abandoned(vec![Command::Abandon])]
fn what_is_not_being_hung_up_does_not_stall(#[case] story: Vec<Command>) {
    given(story).when(stalled()).nothing();
}

#[test]
fn an_answer_during_the_hang_up_tells_what_to_hang_up() {
    let then = given(cancelled()).when(placed(Witness::Answer)).events(&["CallPlaced"]);
    assert_eq!(then.after.as_ref().unwrap().references().unwrap().conversation(), Some("conv_1"));
    then.is(Status::Terminating, SlotState::Held, Some(EndReason::Operator));
}

#[rstest]
#[case::failed(fail(EndReason::Provider429))]
#[case::doubt(DOUBT)]
#[case::placed(placed(Witness::Answer))]
#[case::confirmed(Command::ConfirmTermination)]
fn an_active_call_learns_nothing_from_what_is_late(#[case] command: Command) {
    given(active()).when(command).nothing();
}

#[test]
fn another_name_is_learnt_in_every_state_that_has_names() {
    let told = || Command::ConfirmPlacement { references: names(&["conv_1", "conv_2"]), witness: Witness::Webhook };
    given(active()).when(told()).events(&["ReferencesLearned"]);
    given(terminating()).when(told()).events(&["ReferencesLearned"]);
    given(ended()).when(told()).events(&["ReferencesLearned"]);
}

#[rstest]
#[case::started(placed(Witness::Webhook))]
#[case::the_answer_to_the_placement(placed(Witness::Answer))]
#[case::failed(fail(EndReason::Provider429))]
#[case::doubt(DOUBT)]
#[case::ended(end(EndReason::NoAnswer, Witness::Webhook))]
#[case::confirmed(Command::ConfirmTermination)]
#[case::a_look_that_began_before_it(seen_live(Asked::WhileLive))]
fn what_comes_after_the_providers_end_changes_nothing(#[case] command: Command) {
    given(ended()).when(command).nothing();
}

#[test]
fn a_call_that_the_provider_shows_as_live_after_its_end_is_hung_up_as_late() {
    let then = given(ended()).when(live()).events(&["CallRevived"]);
    then.is(Status::Terminating, SlotState::Overflow, Some(EndReason::Late));
}

#[rstest]
#[case::look_up(live())]
#[case::a_look_that_began_before_it_was(seen_live(Asked::WhileLive))]
#[case::answer(placed(Witness::Answer))]
fn a_call_that_was_given_up_and_comes_alive_is_hung_up_as_late(#[case] command: Command) {
    given(given_up()).when(command).events(&["CallRevived"]).is(
        Status::Terminating,
        SlotState::Overflow,
        Some(EndReason::Late),
    );
}

#[test]
fn a_started_webhook_alone_revives_nothing() {
    given(given_up()).when(placed(Witness::Webhook)).events(&["ReferencesLearned"]).is(
        Status::Failed,
        SlotState::Released,
        Some(EndReason::ProviderMissing),
    );
}

#[test]
fn an_abandoned_admission_never_was() {
    let then = given([]).when(Command::Abandon).events(&["AdmissionAbandoned"]);
    then.is(Status::Failed, SlotState::None, Some(EndReason::Abandoned));
    given([Command::Abandon]).when(live()).nothing();
    given([Command::Abandon]).when(HANG_UP).refused(Refusal::Unknown);
}

#[test]
fn an_end_is_never_in_the_future() {
    let at = Some(epoch() + TimeDelta::days(1));
    let command = Command::End {
        reason: EndReason::Completed,
        at,
        references: References::none(),
        witness: Witness::Webhook,
        note: None,
    };
    let then = given(active()).when(command);
    assert_eq!(then.result.unwrap().last().unwrap().occurred_at, epoch() + TimeDelta::seconds(100));
}
