//! The adapter against the simulated provider, over real HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Map, Value, json};

use super::*;
use crate::domain::call::{Doubt, Reference, ReferenceKind, References};
use crate::domain::ids::CallId;
use crate::domain::phone::E164;
use crate::provider::simulator::{Simulator, SimulatorOptions};
use crate::provider::twilio::{Account, TwilioOptions};
use crate::provider::{
    ConversationState, DialPermit, HangUp, HangUpWay, NotDialled, NotRegistered, Placement, PlacementOutcome,
    Registration, Stretch, VoiceProvider,
};
use crate::sources::{self, Moment};
use crate::telemetry::Metrics;

fn simulator(cap: u32) -> Simulator {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Simulator::start(SimulatorOptions {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        cap,
        webhook_url: None,
        initiation_url: None,
        webhook_secret: None,
        api_key: Some("key".to_owned()),
        voice_url: None,
        status_url: None,
        account: Some(account()),
    })
    .unwrap()
}

fn account() -> Account {
    Account { sid: "AC1".to_owned(), auth_token: "token".to_owned() }
}

fn adapter(address: SocketAddr, transport: Transport) -> ElevenLabs {
    let options = ElevenLabsOptions {
        base_url: format!("http://{address}"),
        api_key: "key".to_owned(),
        transport,
        place_timeout: Duration::from_millis(400),
        carrier: Some(TwilioOptions { base_url: format!("http://{address}"), account: account() }),
    };
    ElevenLabs::new(options, Arc::new(Metrics::new()))
}

fn placement(call_id: CallId) -> Placement {
    Placement {
        call_id,
        business_id: "42".parse().unwrap(),
        agent_id: "agent_1".parse().unwrap(),
        phone_number_id: "phnum_1".parse().unwrap(),
        to_number: E164::parse("+14155550123", None).unwrap(),
        user_id: None,
        client_data: Map::new(),
        ringing_timeout_seconds: Some(20),
    }
}

fn permit() -> DialPermit {
    DialPermit::new(Moment::now(), Duration::from_secs(5))
}

async fn behave(address: SocketAddr, behaviour: Value) {
    let client = awc::Client::default();
    let answer = client.put(format!("http://{address}/sim/behaviour")).send_json(&behaviour).await.unwrap();
    assert!(answer.status().is_success());
}

async fn state(address: SocketAddr) -> Value {
    awc::Client::default().get(format!("http://{address}/sim/state")).send().await.unwrap().json().await.unwrap()
}

#[rstest]
#[case(Transport::Twilio)]
#[case(Transport::Sip)]
#[actix::test]
async fn a_placed_call_is_found_by_its_id_its_names_and_the_list(#[case] transport: Transport) {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, transport);
    let call_id = sources::new_call_id();
    let before = sources::now();
    let PlacementOutcome::Placed(references) = provider.place(placement(call_id), permit()).await else {
        panic!("the provider is well and has room")
    };
    let id = references.conversation().unwrap();
    let looked_up = provider.look_up(id).await.unwrap().unwrap();
    assert_eq!(looked_up.state, ConversationState::Live);
    assert_eq!(looked_up.call_id, Some(call_id));
    assert_eq!(looked_up.references, references);
    assert_eq!(provider.find(call_id, None, before).await.unwrap(), Some(looked_up));
    assert_eq!(provider.find(sources::new_call_id(), None, before).await.unwrap(), None);
    assert_eq!(provider.list_live(Stretch::default(), None).await.unwrap().conversation_ids, [id]);
    assert_eq!(provider.look_up("conv_nobody").await.unwrap(), None);
}

#[actix::test]
async fn a_live_call_is_listed_in_the_stretch_of_time_in_which_it_began_and_at_both_its_ends() {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    let began = sources::now();
    provider.place(placement(sources::new_call_id()), permit()).await;
    let hour = chrono::TimeDelta::hours(1);
    let listed = async |from, to| provider.list_live(Stretch { from, to }, None).await.unwrap().conversation_ids.len();
    assert_eq!(listed(None, Some(began)).await, 1, "its end is part of a stretch");
    assert_eq!(listed(Some(began), None).await, 1, "and its beginning");
    assert_eq!(listed(Some(began - hour), Some(began + hour)).await, 1);
    assert_eq!(listed(None, Some(began - hour)).await, 0);
    assert_eq!(listed(Some(began + hour), None).await, 0);
}

#[actix::test]
async fn a_call_with_a_user_id_of_the_caller_is_found_among_that_users_calls() {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    let before = sources::now();
    let ids: Vec<_> = std::iter::repeat_with(sources::new_call_id).take(3).collect();
    for id in &ids {
        provider.place(Placement { user_id: Some("ada lovelace".to_owned()), ..placement(*id) }, permit()).await;
    }
    let found = provider.find(ids[1], Some("ada lovelace"), before).await.unwrap().unwrap();
    assert_eq!(found.call_id, Some(ids[1]));
}

#[rstest]
#[case::full_with_retry_after(json!({"placement": "429", "retryAfterSeconds": 17}), "RateLimited", 0)]
#[case::full_without(json!({"placement": "429"}), "RateLimited", 0)]
#[case::invalid(json!({"placement": "422"}), "Refused", 0)]
#[case::success_false(json!({"placement": "success_false"}), "Refused", 0)]
#[case::server_error(json!({"placement": "500"}), "Uncertain", 0)]
#[case::server_error_after_the_dial(json!({"placement": "500_after_dial"}), "Uncertain", 1)]
#[case::silence(json!({"placement": "hang_after_dial"}), "Uncertain", 1)]
#[case::cut(json!({"placement": "reset_after_dial"}), "Uncertain", 1)]
#[actix::test]
async fn every_fault_is_sorted(#[case] behaviour: Value, #[case] outcome: &str, #[case] live: u32) {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    behave(simulator.address, behaviour.clone()).await;
    let got = provider.place(placement(sources::new_call_id()), permit()).await;
    assert!(format!("{got:?}").starts_with(outcome), "{got:?}");
    assert_eq!(state(simulator.address).await["live"], live);
    if let PlacementOutcome::RateLimited { retry_after, .. } = got {
        assert_eq!(retry_after.map(|wait| wait.as_secs()), behaviour.get("retryAfterSeconds").and_then(Value::as_u64));
    }
}

#[actix::test]
async fn without_a_connection_nothing_was_dialled() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let got = adapter(address, Transport::Twilio).place(placement(sources::new_call_id()), permit()).await;
    assert!(matches!(got, PlacementOutcome::NotDialled(NotDialled::Unreachable(_))), "{got:?}");
}

#[actix::test]
async fn a_connection_that_never_answers_is_doubt() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let provider = adapter(listener.local_addr().unwrap(), Transport::Twilio);
    let got = provider.place(placement(sources::new_call_id()), permit()).await;
    assert!(matches!(got, PlacementOutcome::Uncertain { doubt: Doubt::Timeout, .. }), "{got:?}");
}

#[actix::test]
async fn i1_a_permit_that_ran_out_or_was_taken_back_dials_nothing() {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    let expired = DialPermit::new(Moment::now(), Duration::ZERO);
    let got = provider.place(placement(sources::new_call_id()), expired).await;
    assert_eq!(got, PlacementOutcome::NotDialled(NotDialled::Expired));
    let cancelled = permit();
    cancelled.cancel();
    let got = provider.place(placement(sources::new_call_id()), cancelled).await;
    assert_eq!(got, PlacementOutcome::NotDialled(NotDialled::Cancelled));
    assert_eq!(state(simulator.address).await["dialled"], 0);
}

#[rstest]
#[case::monitor(&[HangUpWay::Monitor, HangUpWay::Delete], "Confirmed")]
#[case::twilio(&[HangUpWay::Twilio], "Confirmed")]
#[case::delete_proves_nothing(&[HangUpWay::Delete], "Unconfirmed")]
#[actix::test]
async fn a_hang_up_is_confirmed_by_a_look(#[case] ways: &[HangUpWay], #[case] expected: &str) {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    let PlacementOutcome::Placed(references) = provider.place(placement(sources::new_call_id()), permit()).await else {
        panic!("the provider is well and has room")
    };
    let got = provider.hang_up(&references, ways).await;
    assert!(format!("{got:?}").starts_with(expected), "{got:?}");
    assert_eq!(state(simulator.address).await["live"], 0);
}

#[actix::test]
async fn a_refused_hang_up_is_not_confirmed() {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    let PlacementOutcome::Placed(references) = provider.place(placement(sources::new_call_id()), permit()).await else {
        panic!("the provider is well and has room")
    };
    behave(simulator.address, json!({"terminate": "refuse"})).await;
    let ways = [HangUpWay::Monitor, HangUpWay::Twilio, HangUpWay::Delete];
    let got = provider.hang_up(&references, &ways).await;
    assert!(matches!(got, HangUp::Unconfirmed { .. }), "{got:?}");
    assert_eq!(state(simulator.address).await["live"], 1);
}

#[actix::test]
async fn a_provider_in_trouble_proves_nothing() {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    behave(simulator.address, json!({"api": "500"})).await;
    assert!(provider.look_up("conv_1").await.is_err());
    assert!(provider.list_live(Stretch::default(), None).await.is_err());
    assert!(provider.find(sources::new_call_id(), None, sources::now()).await.is_err());
}

fn registration() -> Registration {
    Registration {
        call_id: sources::new_call_id(),
        business_id: "42".parse().unwrap(),
        agent_id: "agent_1".parse().unwrap(),
        from: "anonymous".to_owned(),
        to: "+14155550100".to_owned(),
    }
}

#[actix::test]
async fn a_registered_call_is_expected_and_not_live() {
    let simulator = simulator(1);
    let provider = adapter(simulator.address, Transport::Twilio);
    let twiml = provider.register_call(registration(), permit()).await.unwrap();
    assert!(twiml.contains("<Connect>"), "{twiml}");
    let state = state(simulator.address).await;
    assert_eq!((&state["live"], &state["carrier"]["registered"]), (&json!(0), &json!(1)));
}

#[rstest]
#[case::full("429", "Full")]
#[case::refused("422", "Refused")]
#[case::nobody_knows("500", "Unclear")]
#[case::nobody_knows_and_it_is("500_after_dial", "Unclear")]
#[case::silence("hang_after_dial", "Unclear")]
#[case::a_broken_line("reset_after_dial", "Unclear")]
#[actix::test]
async fn every_answer_to_a_registration_is_sorted(#[case] placement: &str, #[case] expected: &str) {
    let simulator = simulator(1);
    let provider = adapter(simulator.address, Transport::Twilio);
    behave(simulator.address, json!({"placement": placement})).await;
    let failed = provider.register_call(registration(), permit()).await.unwrap_err();
    assert!(format!("{failed:?}").starts_with(expected), "{failed:?}");
}

#[actix::test]
async fn i1_a_call_is_not_registered_without_a_permit_or_a_provider() {
    let simulator = simulator(1);
    let provider = adapter(simulator.address, Transport::Twilio);
    let expired = DialPermit::new(Moment::now(), Duration::ZERO);
    let failed = provider.register_call(registration(), expired).await;
    assert_eq!(failed, Err(NotRegistered::NotAsked(NotDialled::Expired)));
    assert_eq!(state(simulator.address).await["carrier"]["registered"], 0);
    let nobody = adapter(SocketAddr::from(([127, 0, 0, 1], 1)), Transport::Twilio);
    let failed = nobody.register_call(registration(), permit()).await;
    assert!(matches!(failed, Err(NotRegistered::NotAsked(NotDialled::Unreachable(_)))), "{failed:?}");
}

#[actix::test]
async fn a_call_without_a_conversation_is_hung_up_and_proven_over_by_its_carrier() {
    let simulator = simulator(5);
    let provider = adapter(simulator.address, Transport::Twilio);
    let PlacementOutcome::Placed(references) = provider.place(placement(sources::new_call_id()), permit()).await else {
        panic!("the provider is well and has room")
    };
    let call_sid = references.of_kind(ReferenceKind::CallSid).unwrap();
    let known_to_the_carrier: References = std::iter::once(Reference::call_sid(call_sid)).collect();
    let nobodys: References = std::iter::once(Reference::call_sid("CA_unknown")).collect();
    let ways = [HangUpWay::Monitor, HangUpWay::Twilio, HangUpWay::Delete];

    let got = provider.hang_up(&nobodys, &ways).await;
    assert!(matches!(got, HangUp::Unconfirmed { .. }), "what no carrier knows proves nothing: {got:?}");
    let got = provider.hang_up(&known_to_the_carrier, &[HangUpWay::Monitor]).await;
    assert!(matches!(got, HangUp::Unconfirmed { .. }), "no allowed way fits: {got:?}");
    assert_eq!(state(simulator.address).await["live"], 1);

    assert_eq!(provider.hang_up(&known_to_the_carrier, &ways).await, HangUp::Confirmed);
    let state = state(simulator.address).await;
    assert_eq!((&state["live"], &state["calls"][0]["endReason"]), (&json!(0), &json!("carrier")));
}

/// A provider that answers every question alike.
fn alike(answer: Value) -> SocketAddr {
    use actix_web::{App, HttpResponse, HttpServer, rt, web};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let told = move || {
        let answer = answer.clone();
        async move { HttpResponse::Ok().json(answer) }
    };
    let server = HttpServer::new(move || App::new().default_service(web::to(told.clone())));
    rt::spawn(server.workers(1).listen(listener).unwrap().disable_signals().run());
    address
}

#[actix::test]
async fn i1_what_is_told_of_another_conversation_is_no_answer() {
    let over = json!({"conversation_id": "conv_other", "status": "done", "metadata": {}});
    let provider = adapter(alike(over), Transport::Twilio);
    assert!(matches!(provider.look_up("conv_other").await, Ok(Some(_))));
    let error = provider.look_up("conv_1").await.unwrap_err();
    assert!(error.to_string().contains("conv_other"), "{error}");
}
