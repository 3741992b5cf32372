//! Properties of the call: any command in any order, any event in any order.

use super::specification::{admit, end, fail, names, placed, profile, receive, request, stalled};
use super::*;
use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

fn asked() -> impl Strategy<Value = Asked> {
    prop::sample::select(&[Asked::WhileLive, Asked::WhileOver][..])
}

fn commands() -> impl Strategy<Value = Command> {
    let reason = || prop::sample::select(EndReason::ALL);
    let witness = || prop::sample::select(Witness::ALL);
    prop_oneof![
        Just(request()),
        Just(receive(admit())),
        Just(receive(InboundDecision::Overflow { cause: "X".to_owned() })),
        prop::sample::select(TerminationReason::ALL).prop_map(|reason| receive(InboundDecision::Terminate { reason })),
        prop::sample::select(TerminationReason::ALL).prop_map(|reason| receive(InboundDecision::TurnAway { reason })),
        witness().prop_map(placed),
        ("[a-c]", asked()).prop_map(|(name, asked)| Command::ObserveLive { references: names(&[&name]), asked }),
        reason().prop_map(fail),
        prop::sample::select(Doubt::ALL).prop_map(|doubt| Command::DoubtPlacement { doubt }),
        (reason(), witness()).prop_map(|(reason, witness)| end(reason, witness)),
        prop::sample::select(TerminationReason::ALL).prop_map(|reason| Command::RequestTermination { reason }),
        Just(Command::ConfirmTermination),
        Just(stalled()),
        Just(Command::Abandon),
    ]
}

fn events() -> impl Strategy<Value = CallEvent> {
    let references = "[a-c]".prop_map(|name| names(&[&name]));
    let kind = prop_oneof![
        Just(EventKind::CallRequested { profile: profile(Direction::Outbound) }),
        references
            .clone()
            .prop_map(|references| EventKind::InboundReceived { profile: profile(Direction::Inbound), references }),
        Just(EventKind::CallAdmitted { epoch: 1, business_limit: 1 }),
        Just(EventKind::CallOverflowed { cause: "X".to_owned() }),
        references.clone().prop_map(|references| EventKind::CallPlaced { references, witness: Witness::Answer }),
        references.clone().prop_map(|references| EventKind::ReferencesLearned { references }),
        prop::sample::select(EndReason::ALL).prop_map(|reason| EventKind::PlacementFailed {
            reason,
            detail: String::new(),
            retry_after_seconds: None
        }),
        Just(EventKind::PlacementUncertain { doubt: Doubt::Crash }),
        prop::sample::select(TerminationReason::ALL).prop_map(|reason| EventKind::TerminationRequested { reason }),
        Just(EventKind::HangUpStalled { attempts: 10, seconds: 300, detail: String::new() }),
        prop::sample::select(EndReason::ALL).prop_map(|reason| EventKind::CallEnded {
            reason,
            witness: Witness::Webhook,
            note: None
        }),
        references.prop_map(|references| EventKind::CallRevived { references, witness: Witness::LookUp }),
        Just(EventKind::AdmissionAbandoned {}),
    ];
    (kind, 0i64..1_000_000)
        .prop_map(|(kind, seconds)| CallEvent { occurred_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds), kind })
}

/// Runs the commands as a session does; gives every event, and the states in between.
fn story(commands: Vec<Command>) -> (Vec<CallEvent>, Vec<Call>) {
    let mut log = Vec::new();
    let mut states = vec![Call::Absent];
    for (second, command) in (0i64..).zip(commands) {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
        let mut call = states.last().cloned().unwrap();
        for event in decide(&call, command, &Context { now }).unwrap_or_default() {
            call = evolve(call, &event);
            log.push(event);
        }
        states.push(call);
    }
    (log, states)
}

proptest! {
    #[test]
    fn evolve_is_total(log in prop::collection::vec(events(), 0..30)) {
        let call = replay(&log);
        let _ = Record::of(&call);
    }

    #[test]
    fn i6_replay_gives_the_live_state(commands in prop::collection::vec(commands(), 0..30)) {
        let (log, states) = story(commands);
        prop_assert_eq!(&replay(&log), states.last().unwrap());
    }

    /// i3: what is taken is given back exactly once before it is taken again; never two, never lost.
    #[test]
    fn i3_a_call_never_holds_two_slots_and_never_loses_one(commands in prop::collection::vec(commands(), 0..30)) {
        let (_, states) = story(commands);
        let mut admissions = 0;
        for pair in states.windows(2) {
            let (before, after) = (pair[0].slot(), pair[1].slot());
            if before.is_none() && after == Some(Slot::Held) {
                admissions += 1;
            }
            // A slot leaves a call only by its end, and never turns into another kind.
            prop_assert!(before.is_none() || after == before || matches!(pair[1], Call::Over(_)));
            prop_assert_eq!(after.is_some(), matches!(pair[1], Call::Live(_)));
        }
        prop_assert!(admissions <= 1, "a call is admitted at most once");
    }

    #[test]
    fn i4_the_same_command_again_changes_nothing(
        before in prop::collection::vec(commands(), 0..20),
        command in commands(),
        times in 1usize..4,
    ) {
        let once: Vec<_> = before.iter().cloned().chain([command.clone()]).collect();
        let often: Vec<_> = before.into_iter().chain(std::iter::repeat_n(command.clone(), 1 + times)).collect();
        let (once_log, _) = story(once);
        let (often_log, _) = story(often);
        // A look-up that says "live" is news after every end, and the only word that is.
        if !matches!(command, Command::ObserveLive { .. }) {
            prop_assert_eq!(once_log.len(), often_log.len());
        }
    }

    #[test]
    fn what_is_stored_is_read_back(event in events()) {
        let text = serde_json::to_string(&event.kind).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(value["type"].as_str(), Some(event.kind.name()));
        prop_assert_eq!(serde_json::from_str::<EventKind>(&text).unwrap(), event.kind);
    }
}
