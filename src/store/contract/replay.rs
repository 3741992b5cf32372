//! i6: whatever is asked of calls, the session table is what replaying their events gives.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;

use super::support::*;
use crate::domain::admission::Holder;
use crate::domain::call::{
    Asked, Command, Direction, Doubt, EndReason, InboundDecision, Record, Reference, References, TerminationReason,
    Witness, replay,
};
use crate::store::{Conflict, EventStore, Store};

/// Calls that live side by side and compete for names.
const CALLS: usize = 3;

fn names() -> impl Strategy<Value = References> {
    let name = prop_oneof![
        "[a-d]".prop_map(Reference::conversation),
        "[a-d]".prop_map(Reference::call_sid),
        "[a-d]".prop_map(Reference::sip_call_id),
    ];
    prop::collection::vec(name, 0..3).prop_map(References::from_iter)
}

fn decisions() -> impl Strategy<Value = InboundDecision> {
    prop_oneof![
        Just(InboundDecision::Admit { epoch: 1, business_limit: 3 }),
        Just(InboundDecision::Overflow { cause: "GLOBAL_CAPACITY".to_owned() }),
        prop::sample::select(TerminationReason::ALL).prop_map(|reason| InboundDecision::Terminate { reason }),
        prop::sample::select(TerminationReason::ALL).prop_map(|reason| InboundDecision::TurnAway { reason }),
    ]
}

fn commands() -> impl Strategy<Value = Command> {
    let reason = || prop::sample::select(EndReason::ALL);
    let witness = || prop::sample::select(Witness::ALL);
    prop_oneof![
        4 => Just(request()),
        2 => (names(), decisions()).prop_map(|(references, decision)| Command::Receive {
            profile: profile(Direction::Inbound, "42"),
            references,
            decision,
        }),
        3 => (names(), witness()).prop_map(|(references, witness)| Command::ConfirmPlacement { references, witness }),
        1 => names().prop_map(|references| Command::ObserveLive { references, asked: Asked::WhileOver }),
        1 => (reason(), prop::option::of(0u64..90)).prop_map(|(reason, retry_after_seconds)| {
            Command::FailPlacement { reason, detail: "näh".to_owned(), retry_after_seconds }
        }),
        1 => prop::sample::select(Doubt::ALL).prop_map(|doubt| Command::DoubtPlacement { doubt }),
        2 => (reason(), prop::option::of(0i64..90_000), names(), witness(), prop::option::of("[ -~]{0,12}")).prop_map(
            |(reason, at, references, witness, note)| Command::End {
                reason,
                at: at.map(after_noon),
                references,
                witness,
                note,
            }
        ),
        1 => prop::sample::select(TerminationReason::ALL).prop_map(|reason| Command::RequestTermination { reason }),
        1 => Just(Command::ConfirmTermination),
        1 => Just(Command::Abandon),
    ]
}

/// Gives the names of each story an ending of their own: all stories run in one database.
fn told_apart(command: Command, story: u64) -> Command {
    let apart = |references: References| {
        references.iter().map(|it| Reference { value: format!("{}_{story}", it.value), ..it.clone() }).collect()
    };
    match command {
        Command::Receive { profile, references, decision } => {
            Command::Receive { profile, references: apart(references), decision }
        }
        Command::ConfirmPlacement { references, witness } => {
            Command::ConfirmPlacement { references: apart(references), witness }
        }
        Command::ObserveLive { references, asked } => Command::ObserveLive { references: apart(references), asked },
        Command::End { reason, at, references, witness, note } => {
            Command::End { reason, at, references: apart(references), witness, note }
        }
        command => command,
    }
}

/// Commits the commands one by one, as sessions do: what loses for its names is not adopted.
async fn live_through(store: &Store, asked: Vec<(usize, u32, Command)>) -> Vec<Session> {
    static STORIES: AtomicU64 = AtomicU64::new(0);
    let number = STORIES.fetch_add(1, Ordering::Relaxed);
    let mut calls: Vec<Session> = (0..CALLS).map(|_| Session::new()).collect();
    let mut now = noon();
    for (call, milliseconds, command) in asked {
        now += chrono::TimeDelta::milliseconds(milliseconds.into());
        calls[call].now = now;
        let Some(append) = calls[call].decide(told_apart(command, number)) else { continue };
        match commit(store, append.clone()).await {
            Ok(_) => calls[call].adopt(&append),
            Err(Conflict::ReferenceTaken(owner)) => {
                let owner = calls.iter().find(|session| session.id == owner).expect("a call of this story");
                assert_ne!(owner.id, append.call_id);
                let known = owner.call.references().expect("the owner is known by a name");
                let told = append.events.iter().filter_map(|event| event.kind.references());
                assert!(told.flat_map(References::iter).any(|name| known.contains(name)));
            }
            Err(conflict) => panic!("{conflict}"),
        }
    }
    calls
}

async fn check(store: &Store, calls: Vec<Session>) {
    let mut holders = Vec::new();
    for session in &calls {
        let stream = store.load(session.id).await.unwrap();
        let call = replay(stream.0.iter().map(|recorded| &recorded.event));
        assert_eq!(call, session.call, "the log is what the session lived through");
        assert_eq!(stream.sequence(), session.sequence);
        assert!(stream.0.iter().zip(1..).all(|(recorded, place)| recorded.sequence.0 == place), "no gap");

        let row = store.session(session.id).await.unwrap();
        assert_eq!(row.as_ref().map(|row| row.record.clone()), Record::of(&call));
        assert_eq!(row.map_or(0, |row| row.sequence.0), session.sequence.0);
        for name in call.references().into_iter().flat_map(References::iter) {
            let owner = store.call_of(&[name.clone()].into_iter().collect()).await.unwrap();
            assert_eq!(owner, Some(session.id), "{name}");
        }
        holders.extend(call.slot().zip(call.profile()).map(|(slot, profile)| Holder {
            call_id: session.id,
            business_id: profile.business_id.clone(),
            plan: profile.plan.clone(),
            slot,
        }));
    }
    let live = store.live_sessions().await.unwrap();
    let of_this_story = live.iter().filter(|live| calls.iter().any(|session| session.id == live.call_id));
    let mut stored: Vec<_> = of_this_story.map(|session| session.holder().expect("a live call holds")).collect();
    stored.sort_by_key(|holder| holder.call_id);
    holders.sort_by_key(|holder| holder.call_id);
    assert_eq!(stored, holders);
}

#[rstest]
fn i6_the_session_table_is_what_replaying_the_log_gives(#[values(Sqlite, Postgres)] on: Database) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(fresh(on));
    let stories = prop::collection::vec((0..CALLS, 0..3_000u32, commands()), 0..40);
    TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() })
        .run(&stories, |story| {
            runtime.block_on(async { check(&store, live_through(&store, story).await).await });
            Ok(())
        })
        .unwrap();
}
