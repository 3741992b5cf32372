//! The handle of the simulated provider: it starts the server, knows its address and stops it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpServer, rt, web};

use super::operator::Operator;
use super::switchboard::{Switchboard, Targets, lock};
use super::{control, conversations, crowd, inbound, monitor, placement, refusal, registration, rest};
use crate::provider::twilio::Account;

/// How a simulated provider is set up. What it does can be changed later, under `/sim/behaviour`.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Calls it carries at once.
    pub cap: u32,
    /// Where webhooks are sent.
    pub webhook_url: Option<String>,
    /// Who is asked before an inbound call talks.
    pub initiation_url: Option<String>,
    /// Signs the webhooks; sent as `X-Callgate-Secret` to the initiation webhook.
    pub webhook_secret: Option<String>,
    /// The one accepted `xi-api-key`; any or none, if not set.
    pub api_key: Option<String>,
    /// Whom the simulated carrier asks what to do with a call.
    pub voice_url: Option<String>,
    /// Whom it tells that a call is over.
    pub status_url: Option<String>,
    /// The account that opens its API and signs what it sends; any and none, if not set.
    pub account: Option<Account>,
}

/// A running simulated provider. It runs on until it is stopped, or the actix system ends.
#[derive(Debug)]
pub struct Simulator {
    /// Where it listens.
    pub address: SocketAddr,
    server: ServerHandle,
    board: Arc<Mutex<Switchboard>>,
}

impl Simulator {
    /// Binds and starts the server, with one worker, in the current actix system. An error is that
    /// of binding. The process must have a rustls crypto provider installed, although only plain
    /// HTTP is spoken: the HTTP client for the webhooks cannot be built without.
    pub fn start(options: SimulatorOptions) -> std::io::Result<Self> {
        let SimulatorOptions { bind, cap, webhook_url, initiation_url, webhook_secret, api_key, .. } = options;
        let SimulatorOptions { voice_url, status_url, account, .. } = options;
        let targets =
            Targets { webhook: webhook_url, initiation: initiation_url, voice: voice_url, status: status_url };
        let board = Arc::new(Mutex::new(Switchboard::new(cap, targets)));
        let shared = Arc::clone(&board);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(Operator::new(Arc::clone(&shared), webhook_secret.clone(), account.clone())))
                .app_data(ApiKey(api_key.clone()))
                .configure(routes)
        })
        .workers(1)
        .disable_signals()
        .bind(bind)?;
        let address = server.addrs().first().copied().unwrap_or(bind);
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        Ok(Self { address, server: handle, board })
    }

    /// Stops at once; connections are dropped, and webhooks on their way too.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }

    /// The carrier asks and tells other addresses from now on.
    pub fn set_carrier_urls(&self, voice_url: String, status_url: String) {
        let mut board = lock(&self.board);
        board.targets.voice = Some(voice_url);
        board.targets.status = Some(status_url);
    }

    /// Sends webhooks to another address from now on.
    pub fn set_webhook_url(&self, url: String) {
        lock(&self.board).targets.webhook = Some(url);
    }
}

struct ApiKey(Option<String>);

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::scope("/v1/convai")
                .wrap(from_fn(require_key))
                .route("/twilio/outbound-call", web::post().to(placement::place_by_twilio))
                .route("/twilio/register-call", web::post().to(registration::register))
                .route("/sip-trunk/outbound-call", web::post().to(placement::place_by_sip))
                .route("/conversations", web::get().to(conversations::list))
                .route("/conversations/{id}", web::get().to(conversations::details))
                .route("/conversations/{id}", web::delete().to(conversations::delete))
                .route("/conversations/{id}/monitor", web::get().to(monitor::watch))
                .route("/analytics/live-count", web::get().to(conversations::live_count)),
        )
        .service(
            web::resource("/2010-04-01/Accounts/{account}/Calls/{call}.json")
                .route(web::get().to(rest::show))
                .route(web::post().to(rest::change)),
        )
        .service(
            web::scope("/sim")
                .route("/state", web::get().to(control::state))
                .route("/reset", web::post().to(control::reset))
                .route("/behaviour", web::get().to(control::behaviour))
                .route("/behaviour", web::put().to(control::change_behaviour))
                .route("/webhook", web::put().to(control::change_targets))
                .route("/inbound", web::post().to(inbound::ring_in))
                .route("/crowd", web::post().to(crowd::gather))
                .route("/calls/{id}/hangup", web::post().to(control::hang_up))
                .route("/calls/{id}/webhook", web::post().to(control::send_webhook)),
        );
}

async fn require_key(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
    let required = request.app_data::<ApiKey>().and_then(|key| key.0.as_deref());
    let given = request.headers().get("xi-api-key").and_then(|value| value.to_str().ok());
    if required.is_some() && required != given {
        return Err(InternalError::from_response("the API key is not the right one", refusal::unauthorized()).into());
    }
    next.call(request).await
}
