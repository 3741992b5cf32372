//! What the carrier did not sign for this address, this form and this account is not believed.

use rstest::rstest;

use crate::support::gate::Gate;
use crate::support::twilio::{STATUS, TOKEN, VOICE, VOICE_OF_AGENT, given, ringing, signature, unbelieved};

#[rstest]
#[case::missing(None)]
#[case::empty(Some(String::new()))]
#[case::of_another_secret(Some(signature("another token", "http://x", &ringing("CA1"))))]
#[actix::test]
async fn what_the_carrier_did_not_sign_is_not_believed(
    #[case] forged: Option<String>,
    #[values(VOICE_OF_AGENT, STATUS)] path: &str,
) {
    let gate = given(Gate::builder()).await;
    let answer = gate.ask(unbelieved(path, forged.as_deref(), &ringing("CA1"))).await;
    answer.problem(401, "INVALID_SIGNATURE");
    gate.holds(0).await;
}

#[actix::test]
async fn a_signature_is_for_one_address_one_form_and_one_account() {
    let gate = given(Gate::builder()).await;
    let fields = ringing("CA1");
    let signed = |path: &str| signature(TOKEN, &format!("{}{path}", gate.address()), &fields);
    for (path, signature, fields) in [
        (VOICE, signed(VOICE_OF_AGENT), fields.clone()),
        (VOICE_OF_AGENT, signed(STATUS), fields.clone()),
        (VOICE_OF_AGENT, signed(VOICE_OF_AGENT), ringing("CA2")),
    ] {
        gate.ask(unbelieved(path, Some(&signature), &fields)).await.problem(401, "INVALID_SIGNATURE");
    }
    let mut of_another_account = fields.clone();
    of_another_account[1].1 = "AC2";
    gate.post_form(VOICE_OF_AGENT, &of_another_account).await.problem(401, "INVALID_SIGNATURE");
    of_another_account.remove(1);
    gate.post_form(VOICE_OF_AGENT, &of_another_account).await.problem(401, "INVALID_SIGNATURE");
    assert!(gate.get_calls("").await.is_empty());
}

#[actix::test]
async fn the_signature_is_checked_for_the_public_address() {
    let gate = given(Gate::builder().env("CALLGATE__SERVER__PUBLIC_URL", "https://calls.example.com/gate")).await;
    let fields = ringing("CA1");
    let signed = |base: &str| signature(TOKEN, &format!("{base}{VOICE_OF_AGENT}"), &fields);

    let inside = gate.ask(unbelieved(VOICE_OF_AGENT, Some(&signed(gate.address())), &fields)).await;
    inside.problem(401, "INVALID_SIGNATURE");
    let outside = signed("https://calls.example.com/gate");
    assert_eq!(gate.ask(unbelieved(VOICE_OF_AGENT, Some(&outside), &fields)).await.code(), 200);
}

#[actix::test]
async fn without_an_account_there_are_no_such_addresses_and_what_cannot_be_read_is_refused() {
    let gate = Gate::start().await;
    for path in [VOICE_OF_AGENT, STATUS] {
        gate.post_form(path, &ringing("CA1")).await.problem(404, "NOT_FOUND");
    }
    drop(gate);
    let gate = given(Gate::builder()).await;
    for path in [VOICE_OF_AGENT, STATUS] {
        let nameless = ringing("CA1").split_off(1);
        gate.post_form(path, &nameless).await.problem(400, "INVALID_REQUEST");
        gate.post_form(path, &ringing("SCL_1")).await.problem(400, "INVALID_REQUEST");
    }
    let nobody = format!("{VOICE}?agentId=");
    gate.post_form(&nobody, &ringing("CA1")).await.problem(400, "INVALID_REQUEST");
    gate.holds(0).await;
    // What else its owner writes into the address is no matter.
    let more = gate.post_form(&format!("{VOICE_OF_AGENT}&region=eu"), &ringing("CA1")).await;
    assert!(more.text().contains("<Connect>"), "{more}");
    gate.holds(1).await;
}
