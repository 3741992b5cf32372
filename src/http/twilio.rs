//! What Twilio asks and says, for those who own their numbers: what to do with a call, and that it is over.
//! A question is answered with TwiML, and with 200 wherever there is an answer: Twilio reads nothing else.

use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::body;
use super::openapi::problems::{BUSY, NOT_FOUND, RAW_BODY, SIGNATURE, STORE, problems};
use super::problem::Problem;
use super::request;
use super::state::{AppState, Carrier};
use super::webhooks::{Receipt, answer, settled};
use crate::actors::inbound::{Outcome, Received, Reply, Ring};
use crate::domain::call::{EndReason, Reference};
use crate::domain::ids::AgentId;
use crate::domain::notice::{News, Notice};
use crate::domain::phone::{E164, MaskedNumber};
use crate::provider::twilio::form::{Form, ending};
use crate::provider::twilio::signature::{SignatureError, verify};
use crate::provider::twilio::twiml::{Rejection, announce, reject};

/// A caller who hides the number still has to be somebody.
const ANONYMOUS: &str = "anonymous";

problems!(
    /// Why a form is not taken.
    NotTaken: RAW_BODY, SIGNATURE, NOT_FOUND, STORE, BUSY
);

/// A call that comes in. Twilio sends more; the rest is only signed.
#[derive(ToSchema)]
#[schema(as = TwilioVoiceForm, rename_all = "PascalCase", examples(json!({
    "CallSid": "CA0123456789abcdef0123456789abcdef", "AccountSid": "AC0123456789abcdef0123456789abcdef",
    "From": "+14155550123", "To": "+14155550199"
})))]
#[expect(dead_code, reason = "the shape of a form, for the document")]
struct VoiceShape {
    /// The call.
    #[schema(pattern = "^CA[!-~]{0,62}$")]
    call_sid: String,
    /// The account, which must be ours.
    account_sid: String,
    /// Who calls.
    from: Option<String>,
    /// Which number was called.
    to: Option<String>,
}

/// How a call goes. Twilio sends more; the rest is only signed.
#[derive(ToSchema)]
#[schema(as = TwilioStatusForm, rename_all = "PascalCase", examples(json!({
    "CallSid": "CA0123456789abcdef0123456789abcdef", "AccountSid": "AC0123456789abcdef0123456789abcdef",
    "CallStatus": "completed"
})))]
#[expect(dead_code, reason = "the shape of a form, for the document")]
struct StatusShape {
    /// The call.
    #[schema(pattern = "^CA[!-~]{0,62}$")]
    call_sid: String,
    /// The account, which must be ours.
    account_sid: String,
    /// `completed`, `busy`, `no-answer`, `canceled` and `failed` end a call; all else is ignored.
    call_status: Option<String>,
    /// When it happened (RFC 2822).
    timestamp: Option<String>,
}

/// Tell Twilio what to do with a call.
#[utoipa::path(
    post,
    path = "/api/webhooks/twilio/voice",
    tag = "Webhooks",
    operation_id = "answerTwilioCall",
    description = "A call that gets a slot is connected to its agent; one that gets none hears that the line is busy. \
                   404 unless the account is in the settings.",
    params(("agentId" = Option<AgentId>, Query, description = "Who is to talk; else whoever is registered on the number.", example = "agent_1")),
    request_body(content = VoiceShape, content_type = "application/x-www-form-urlencoded"),
    responses(
        (
            status = 200, description = "TwiML.", body = String, content_type = "text/xml",
            example = json!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Reject reason=\"busy\"/></Response>"),
        ),
        NotTaken,
    ),
    security(("twilioSignature" = [])),
)]
pub(super) async fn voice(
    request: HttpRequest,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (carrier, form, body_hash) = believed(&request, &state, payload).await?;
    let call_sid = form.call_sid().map_err(|error| Problem::invalid(error.to_string(), &request))?;
    let entered = state.gate.enter().map_err(|error| Problem::of(&error, &state.gate, &request))?;
    let Some(agent_id) = agent_of(&request, &state, &form).await? else {
        let to = MaskedNumber::of(form.text("To").unwrap_or_default());
        tracing::warn!(%to, "a call is turned away: no agent talks on that number, and the address names none");
        state.gate.metrics().record_webhook("twilio_voice", "no_agent");
        return Ok(told(reject(Rejection::Rejected)));
    };
    let question = Ring {
        call_sid: call_sid.to_owned(),
        agent_id,
        from: form.text("From").unwrap_or(ANONYMOUS).to_owned(),
        to: form.text("To").unwrap_or_default().to_owned(),
        body_hash,
        trace: request::trace(&request, "twilio_voice"),
    };
    let intake = state.gate.intake().clone();
    // The work goes on where Twilio hangs up on us, and counts as in flight until it is done.
    let work = async move {
        let _entered = entered;
        intake.ring(question).await
    };
    let rung = settled(actix::spawn(work).await, &state, &request)?;
    state.gate.metrics().record_webhook("twilio_voice", rung.word);
    Ok(told(match rung.reply {
        Reply::Connect(twiml) => twiml,
        Reply::Busy => carrier.announcement.as_deref().map_or_else(|| reject(Rejection::Busy), announce),
        Reply::Rejected => reject(Rejection::Rejected),
    }))
}

/// Hear from Twilio how a call goes.
#[utoipa::path(
    post,
    path = "/api/webhooks/twilio/status",
    tag = "Webhooks",
    operation_id = "receiveTwilioStatus",
    description = "A status callback. 404 unless the account is in the settings.",
    request_body(content = StatusShape, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "It is stored, or ignored.", body = Receipt), NotTaken),
    security(("twilioSignature" = [])),
)]
pub(super) async fn status(
    request: HttpRequest,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (_, form, body_hash) = believed(&request, &state, payload).await?;
    let call_sid = form.call_sid().map_err(|error| Problem::invalid(error.to_string(), &request))?;
    let entered = state.gate.enter().map_err(|error| Problem::of(&error, &state.gate, &request))?;
    let Some(reason) = form.text("CallStatus").and_then(ending) else {
        state.gate.metrics().record_webhook("twilio_status", "ignored");
        return Ok(answer(&Outcome { word: "ignored", call_id: None }));
    };
    let received = Received {
        body_hash,
        event_type: "twilio_status".to_owned(),
        notice: end_of(call_sid, reason, &form),
        trace: request::trace(&request, "twilio_status"),
    };
    let intake = state.gate.intake().clone();
    let work = async move {
        let _entered = entered;
        intake.receive(received).await
    };
    let outcome = settled(actix::spawn(work).await, &state, &request)?;
    state.gate.metrics().record_webhook("twilio_status", outcome.word);
    Ok(answer(&outcome))
}

/// The form of a request that Twilio signed for our account, and the SHA-256 of its bytes in hex.
async fn believed<'a>(
    request: &HttpRequest,
    state: &'a AppState,
    payload: web::Payload,
) -> Result<(&'a Carrier, Form, String), Problem> {
    let carrier =
        state.carrier.as_ref().ok_or_else(|| Problem::not_found("Twilio account in the settings", request))?;
    let forged = |error: SignatureError| Problem::new("INVALID_SIGNATURE", error.to_string(), request);
    let claimed = request.headers().get("X-Twilio-Signature").map(|value| value.to_str().unwrap_or_default());
    if claimed.is_none() {
        return Err(forged(SignatureError::Missing));
    }
    let body = body::read(payload, body::JSON_LIMIT, request).await?;
    let form = Form::read(&body).map_err(|error| Problem::invalid(error.to_string(), request))?;
    verify(claimed, &carrier.account.auth_token, &address(request, &state.public_url), &form).map_err(forged)?;
    if form.text("AccountSid") != Some(carrier.account.sid.as_str()) {
        return Err(forged(SignatureError::OtherAccount));
    }
    Ok((carrier, form, hex::encode(Sha256::digest(&body))))
}

/// The whole address that Twilio was given.
fn address(request: &HttpRequest, public_url: &str) -> String {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if public_url.is_empty() {
        // Who invents these headers still has no signature for them.
        let seen = request.connection_info();
        format!("{}://{}{path}", seen.scheme(), seen.host())
    } else {
        format!("{public_url}{path}")
    }
}

/// Who is to talk: whom the address names, else whoever is registered on the number that was called.
async fn agent_of(request: &HttpRequest, state: &AppState, form: &Form) -> Result<Option<AgentId>, Problem> {
    // Whatever else is in the address is its owner's: Twilio shows no problem document to anybody.
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let query = query.map_err(|error| Problem::invalid(error.to_string(), request))?;
    if let Some((_, agent_id)) = query.iter().find(|(name, _)| name == "agentId") {
        let invalid = |error: &dyn std::fmt::Display| Problem::invalid(format!("agentId: {error}"), request);
        return agent_id.parse().map(Some).map_err(|error| invalid(&error));
    }
    let Some(number) = form.text("To").and_then(|to| E164::parse(to, None).ok()) else { return Ok(None) };
    let found = state.gate.cache().agent_on(&number).await;
    found.map_err(|error| Problem::store(&error, &state.gate, request))
}

fn end_of(call_sid: &str, reason: EndReason, form: &Form) -> Notice {
    Notice {
        news: News::Ended { reason },
        call_id: None,
        references: std::iter::once(Reference::call_sid(call_sid)).collect(),
        agent_id: None,
        direction: None,
        counterpart: form.text("From").map(MaskedNumber::of),
        occurred_at: form.occurred_at(),
    }
}

fn told(twiml: String) -> HttpResponse {
    HttpResponse::Ok().content_type("text/xml; charset=utf-8").body(twiml)
}
