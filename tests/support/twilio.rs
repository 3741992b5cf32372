//! What the carrier asks and says, and its signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::door::Door;
use super::gate::{Builder, Gate};
use super::http::{Answer, Ask};

/// The account of the tests.
pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Its token.
pub(crate) const TOKEN: &str = "twilio-token-of-the-tests";

/// Where the carrier asks what to do with a call.
pub(crate) const VOICE: &str = "/api/webhooks/twilio/voice";
/// The same, with the agent in it.
pub(crate) const VOICE_OF_AGENT: &str = "/api/webhooks/twilio/voice?agentId=agent_in";
/// Where it says that a call is over.
pub(crate) const STATUS: &str = "/api/webhooks/twilio/status";

/// A gate with an account at the carrier, and business 42 with an agent.
pub(crate) async fn given(gate: Builder) -> Gate {
    let gate = gate.twilio().start().await;
    gate.put_business("42", "PRO").await;
    gate.put_agent("42", "agent_in").await;
    gate
}

/// The fields of a form.
pub(crate) type Fields<'a> = Vec<(&'a str, &'a str)>;

/// Somebody calls, as the carrier says it.
pub(crate) fn ringing(call_sid: &str) -> Fields<'_> {
    vec![
        ("CallSid", call_sid),
        ("AccountSid", ACCOUNT),
        ("From", "+12065550199"),
        ("To", "+12065550100"),
        ("CallStatus", "ringing"),
    ]
}

/// A call stands like this, as the carrier says it.
pub(crate) fn standing<'a>(call_sid: &'a str, status: &'a str) -> Fields<'a> {
    vec![("CallSid", call_sid), ("AccountSid", ACCOUNT), ("CallStatus", status), ("From", "+12065550199")]
}

/// The signature of a form that is sent to `url`.
pub(crate) fn signature(token: &str, url: &str, fields: &[(&str, &str)]) -> String {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let signed = sorted.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A form with its own signature, or with none.
pub(crate) fn unbelieved(path: &str, signature: Option<&str>, fields: &[(&str, &str)]) -> Ask {
    let escaped = |text: &str| text.replace('%', "%25").replace('+', "%2B").replace('&', "%26").replace(' ', "+");
    let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let ask = Ask::post(path).header("Content-Type", "application/x-www-form-urlencoded").body(body.join("&"));
    match signature {
        Some(signature) => ask.header("X-Twilio-Signature", signature),
        None => ask,
    }
}

impl Door {
    /// Delivers a form, signed for where it is sent.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let signature = signature(TOKEN, &format!("{}{path}", self.address()), fields);
        self.ask(unbelieved(path, Some(&signature), fields)).await
    }

    /// What the carrier is told to do with a call.
    pub(crate) async fn twiml_for(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post_form(path, fields).await;
        assert_eq!((answer.code(), answer.header("content-type")), (200, Some("text/xml; charset=utf-8")), "{answer}");
        answer.text()
    }

    /// What came of the carrier's word that a call stands like this.
    pub(crate) async fn outcome_of_status(&self, call_sid: &str, status: &str) -> String {
        let answer = self.post_form(STATUS, &standing(call_sid, status)).await.expect(200);
        answer["outcome"].as_str().unwrap().to_owned()
    }
}
