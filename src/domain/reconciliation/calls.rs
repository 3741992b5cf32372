//! One call against the provider: what to ask about it, and what the answer means.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::call::{Direction, EndReason, Status};

/// How patient the sweep is.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Younger findings are no findings.
    pub grace: TimeDelta,
    /// A placement that is older cannot be under way any more.
    pub place_deadline: TimeDelta,
    /// An inbound call that was admitted before it talked has this long to become a conversation.
    pub bind_timeout: TimeDelta,
    /// No call is older and live, unless the provider says so.
    pub max_call_age: TimeDelta,
    /// No call is older and live, even if the provider cannot be asked.
    pub blind_max_age: TimeDelta,
}

/// A live call as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallView {
    /// Where it stands.
    pub status: Status,
    /// Who dialled.
    pub direction: Direction,
    /// Whether its conversation is known.
    pub bound: bool,
    /// Whether the provider ever had it.
    pub placed: bool,
    /// Whether the gate may have erased its record: then its absence says nothing.
    pub perhaps_erased: bool,
    /// Since it was announced.
    pub age: TimeDelta,
    /// Since its latest event.
    pub quiet: TimeDelta,
}

/// What to ask the provider about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Nothing.
    None,
    /// Look its conversation up.
    LookUp,
    /// Find its conversation.
    Find,
    /// Nothing to ask by: it has not become a conversation in time.
    Unbound,
}

/// What the provider answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is live.
    Live,
    /// It is over.
    Over {
        /// Since when.
        at: Option<DateTime<Utc>>,
    },
    /// It knows nothing of it.
    Missing,
    /// Every conversation that is live at the provider is another call.
    Unclaimed,
    /// It gave no usable answer.
    Unanswered,
}

/// What is known beside the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Since the first of an unbroken row of looks that found nothing.
    pub missing_for: Option<TimeDelta>,
    /// In this sweep the provider answered for some conversation that was once bound: it is the right account.
    pub account_proven: bool,
    /// The clock by which ages are told has not jumped for a grace. Otherwise no age ends a call.
    pub clock_steady: bool,
}

/// A change that the sweep asks of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// It is live at the provider.
    ObserveLive,
    /// It is over, for this reason; a provider's word or the sweep's own conclusion.
    End {
        /// Why.
        reason: EndReason,
        /// Since when.
        at: Option<DateTime<Utc>>,
    },
    /// Its placement failed: there is no trace of it.
    FailPlacement,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Nothing to do; what was missing is not missing any more.
    Sound,
    /// Nothing to do yet; remember that it was missing.
    StillMissing,
    /// Nothing can be concluded.
    Unknown,
    /// Do this.
    Correct(Correction),
}

/// What to ask the provider about a call. `listed_live`: whether the list of live conversations has it, for a call
/// without a conversation whether the list has one that may be it; none where that is not known.
pub fn question(call: &CallView, listed_live: Option<bool>, policy: &Policy) -> Question {
    let inbound = call.direction == Direction::Inbound;
    match (call.status, call.bound, listed_live) {
        (Status::Active | Status::Terminating, false, Some(false)) if inbound => Question::Unbound,
        (Status::Active | Status::Terminating, false, _) if inbound => Question::None,
        // Its placement may be under way.
        (Status::Terminating, false, _) if !call.placed && call.age < policy.place_deadline => Question::None,
        (Status::Uncertain, ..) | (Status::Active | Status::Terminating, false, _) => Question::Find,
        (Status::Active | Status::Terminating, true, Some(false)) if call.quiet >= policy.grace => Question::LookUp,
        // Without a list every old call is asked for by itself.
        (Status::Active | Status::Terminating, true, None) if call.age >= policy.max_call_age => Question::LookUp,
        _ => Question::None,
    }
}

/// What the answer to [`question`] means.
pub fn conclude(call: &CallView, look: Look, evidence: Evidence, policy: &Policy) -> Conclusion {
    let twice = evidence.clock_steady
        && evidence.missing_for.is_some_and(|gap| gap * 2 >= policy.grace)
        && call.quiet >= policy.grace;
    let end = |reason| Conclusion::Correct(Correction::End { reason, at: None });
    match look {
        Look::Live if call.bound && call.placed => Conclusion::Sound,
        Look::Live => Conclusion::Correct(Correction::ObserveLive),
        Look::Over { at } => Conclusion::Correct(Correction::End { reason: EndReason::ProviderEnded, at }),
        Look::Unclaimed if twice && call.age >= policy.bind_timeout => end(EndReason::NeverBound),
        Look::Missing if twice && !call.placed => Conclusion::Correct(Correction::FailPlacement),
        Look::Missing if twice && call.age >= policy.max_call_age => end(EndReason::AgedOut),
        Look::Missing if twice && evidence.account_proven && !call.perhaps_erased => end(EndReason::ProviderMissing),
        Look::Missing | Look::Unclaimed => Conclusion::StillMissing,
        Look::Unanswered if evidence.clock_steady && call.age >= policy.blind_max_age => end(EndReason::AgedOut),
        Look::Unanswered => Conclusion::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn s(seconds: i64) -> TimeDelta {
        TimeDelta::seconds(seconds)
    }

    fn policy() -> Policy {
        Policy {
            grace: s(60),
            place_deadline: s(65),
            bind_timeout: s(60),
            max_call_age: s(3600),
            blind_max_age: s(14400),
        }
    }

    fn call(status: Status, age: i64) -> CallView {
        CallView {
            status,
            direction: Direction::Outbound,
            bound: status != Status::Uncertain,
            placed: status != Status::Uncertain,
            perhaps_erased: false,
            age: s(age),
            quiet: s(age),
        }
    }

    fn evidence(missing_for: Option<i64>, account_proven: bool) -> Evidence {
        Evidence { missing_for: missing_for.map(s), account_proven, clock_steady: true }
    }

    #[rstest]
    #[case::listed(call(Status::Active, 100), Some(true), Question::None)]
    #[case::not_listed(call(Status::Active, 100), Some(false), Question::LookUp)]
    #[case::not_listed_but_young(call(Status::Active, 59), Some(false), Question::None)]
    #[case::no_list(call(Status::Active, 100), None, Question::None)]
    #[case::no_list_and_old(call(Status::Active, 3600), None, Question::LookUp)]
    #[case::placing(call(Status::Placing, 10), Some(false), Question::None)]
    #[case::uncertain(call(Status::Uncertain, 1), None, Question::Find)]
    #[case::hang_up_without_a_name(CallView { bound: false, ..call(Status::Terminating, 1) }, None, Question::Find)]
    #[case::inbound_unbound(CallView { bound: false, direction: Direction::Inbound, ..call(Status::Active, 60) }, Some(false), Question::Unbound)]
    #[case::inbound_perhaps_on_the_list(CallView { bound: false, direction: Direction::Inbound, ..call(Status::Active, 60) }, None, Question::None)]
    #[case::hang_up_before_the_answer(CallView { bound: false, placed: false, ..call(Status::Terminating, 64) }, None, Question::None)]
    #[case::hang_up_without_an_answer(CallView { bound: false, placed: false, ..call(Status::Terminating, 65) }, None, Question::Find)]
    fn the_right_question_is_asked(#[case] call: CallView, #[case] listed: Option<bool>, #[case] expected: Question) {
        assert_eq!(question(&call, listed, &policy()), expected);
    }

    #[rstest]
    #[case::live(call(Status::Active, 9999), Look::Live, evidence(None, true), Conclusion::Sound)]
    #[case::uncertain_found(
        call(Status::Uncertain, 1),
        Look::Live,
        evidence(None, false),
        Conclusion::Correct(Correction::ObserveLive)
    )]
    #[case::over(call(Status::Active, 61), Look::Over { at: None }, evidence(None, false), Conclusion::Correct(Correction::End { reason: EndReason::ProviderEnded, at: None }))]
    #[case::missing_once(call(Status::Active, 100), Look::Missing, evidence(None, true), Conclusion::StillMissing)]
    #[case::missing_twice_too_soon(
        call(Status::Active, 100),
        Look::Missing,
        evidence(Some(29), true),
        Conclusion::StillMissing
    )]
    #[case::missing_twice(call(Status::Active, 100), Look::Missing, evidence(Some(30), true), Conclusion::Correct(Correction::End { reason: EndReason::ProviderMissing, at: None }))]
    #[case::missing_twice_elsewhere(
        call(Status::Active, 100),
        Look::Missing,
        evidence(Some(30), false),
        Conclusion::StillMissing
    )]
    #[case::old_and_missing(call(Status::Active, 3600), Look::Missing, evidence(Some(30), false), Conclusion::Correct(Correction::End { reason: EndReason::AgedOut, at: None }))]
    #[case::uncertain_missing_once(
        call(Status::Uncertain, 100),
        Look::Missing,
        evidence(None, false),
        Conclusion::StillMissing
    )]
    #[case::uncertain_missing_twice(
        call(Status::Uncertain, 100),
        Look::Missing,
        evidence(Some(30), false),
        Conclusion::Correct(Correction::FailPlacement)
    )]
    #[case::uncertain_young(
        call(Status::Uncertain, 59),
        Look::Missing,
        evidence(Some(40), false),
        Conclusion::StillMissing
    )]
    #[case::hung_up_in_doubt_missing_twice(CallView { bound: false, placed: false, ..call(Status::Terminating, 100) }, Look::Missing, evidence(Some(30), false), Conclusion::Correct(Correction::FailPlacement))]
    #[case::perhaps_erased(CallView { perhaps_erased: true, ..call(Status::Terminating, 100) }, Look::Missing, evidence(Some(30), true), Conclusion::StillMissing)]
    #[case::unclaimed_once(call(Status::Active, 100), Look::Unclaimed, evidence(None, true), Conclusion::StillMissing)]
    #[case::unclaimed_twice(call(Status::Active, 100), Look::Unclaimed, evidence(Some(30), false), Conclusion::Correct(Correction::End { reason: EndReason::NeverBound, at: None }))]
    #[case::unclaimed_twice_but_young(CallView { quiet: s(60), ..call(Status::Active, 59) }, Look::Unclaimed, evidence(Some(30), false), Conclusion::StillMissing)]
    #[case::silence(call(Status::Active, 14399), Look::Unanswered, evidence(None, false), Conclusion::Unknown)]
    #[case::long_silence(call(Status::Active, 14400), Look::Unanswered, evidence(None, false), Conclusion::Correct(Correction::End { reason: EndReason::AgedOut, at: None }))]
    fn an_answer_means(
        #[case] call: CallView,
        #[case] look: Look,
        #[case] known: Evidence,
        #[case] expected: Conclusion,
    ) {
        assert_eq!(conclude(&call, look, known, &policy()), expected);
    }

    proptest! {
        #[test]
        fn i1_what_the_provider_calls_live_is_never_ended(
            status in prop::sample::select(&[Status::Uncertain, Status::Active, Status::Terminating]),
            bound in any::<bool>(), age in -100i64..100_000, quiet in -100i64..100_000,
            missing_for in prop::option::of(-100i64..100_000), account_proven in any::<bool>(),
        ) {
            let call = CallView { bound, quiet: s(quiet), ..call(status, age) };
            let concluded = conclude(&call, Look::Live, evidence(missing_for, account_proven), &policy());
            prop_assert!(matches!(concluded, Conclusion::Sound | Conclusion::Correct(Correction::ObserveLive)));
        }

        #[test]
        fn while_the_clock_is_not_steady_only_the_providers_word_ends_a_call(
            status in prop::sample::select(&[Status::Uncertain, Status::Active, Status::Terminating]),
            look in prop::sample::select(&[Look::Live, Look::Over { at: None }, Look::Missing, Look::Unclaimed, Look::Unanswered]),
            bound in any::<bool>(), placed in any::<bool>(), perhaps_erased in any::<bool>(),
            age in -100i64..100_000, quiet in -100i64..100_000,
            missing_for in prop::option::of(-100i64..100_000), account_proven in any::<bool>(),
        ) {
            let call = CallView { bound, placed, perhaps_erased, quiet: s(quiet), ..call(status, age) };
            let known = Evidence { clock_steady: false, ..evidence(missing_for, account_proven) };
            match conclude(&call, look, known, &policy()) {
                Conclusion::Correct(Correction::ObserveLive) => prop_assert_eq!(look, Look::Live),
                Conclusion::Correct(_) => prop_assert_eq!(look, Look::Over { at: None }),
                Conclusion::Sound | Conclusion::StillMissing | Conclusion::Unknown => {}
            }
        }

        #[test]
        fn one_look_that_finds_nothing_never_ends_a_call(
            status in prop::sample::select(&[Status::Uncertain, Status::Active, Status::Terminating]),
            age in 0i64..100_000, account_proven in any::<bool>(),
        ) {
            prop_assert_eq!(conclude(&call(status, age), Look::Missing, evidence(None, account_proven), &policy()), Conclusion::StillMissing);
        }
    }
}
