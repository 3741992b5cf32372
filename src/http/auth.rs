//! Who may do what: API keys and their scopes (`Authorization: Bearer KEY`, RFC 6750).

use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use moka::future::Cache;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use super::state::AppState;
use crate::store::{Scope, Store, StoreError};

/// A revoked key opens nothing on any replica after this.
const FRESH: Duration = Duration::from_millis(500);

/// Every key that opens something.
#[derive(Clone, Debug)]
pub struct Keyring {
    store: Store,
    admin_key: Option<[u8; 32]>,
    scopes: Cache<[u8; 32], Option<Scope>>,
    any: Cache<(), bool>,
    doors: Doors,
}

/// What happens to requests while there is no key at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    /// They pass, until there is a key: the gate was started without any, on loopback.
    OpenWithoutKeys,
    /// They do not pass: a gate that was started with keys never opens because the last one was revoked.
    Closed,
}

/// Equal length, so that the comparison tells nothing.
fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

impl Keyring {
    /// The keys in the database, and the one from the environment.
    pub fn new(store: Store, admin_key: Option<&str>, doors: Doors) -> Self {
        Self {
            store,
            admin_key: admin_key.map(digest),
            scopes: Cache::builder().time_to_live(FRESH).max_capacity(10_000).build(),
            any: Cache::builder().time_to_live(FRESH).build(),
            doors,
        }
    }

    /// Whether everything is open.
    async fn is_open(&self) -> Result<bool, StoreError> {
        if self.doors == Doors::Closed || self.admin_key.is_some() {
            return Ok(false);
        }
        let any = self.any.try_get_with((), self.store.has_keys()).await.map_err(|error| (*error).clone())?;
        Ok(!any)
    }

    /// What a key opens.
    async fn scope_of(&self, key: &str) -> Result<Option<Scope>, StoreError> {
        let digest = digest(key);
        if self.admin_key.is_some_and(|admin| bool::from(admin.ct_eq(&digest))) {
            return Ok(Some(Scope::Admin));
        }
        let read = self.scopes.try_get_with(digest, self.store.scope_of(key));
        read.await.map_err(|error| (*error).clone())
    }
}

/// The Bearer token of a request.
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Who asks, for the audit.
#[derive(Clone, Copy)]
struct Asker(&'static str);

/// Who asks, for the audit: a kind of key, never the key.
pub(super) fn asker(request: &HttpRequest) -> &'static str {
    request.extensions().get::<Asker>().map_or("nobody", |asker| asker.0)
}

/// Lets the request pass, if its key opens `needed`.
pub(super) async fn require(request: &HttpRequest, needed: Scope) -> Result<(), Problem> {
    let state = state(request);
    let away = |error: StoreError| Problem::store(&error, &state.gate, request);
    if state.keyring.is_open().await.map_err(away)? {
        request.extensions_mut().insert(Asker("anybody on loopback"));
        return Ok(());
    }
    let unauthorized = || Problem::new("UNAUTHORIZED", "send a valid key as Authorization: Bearer KEY", request);
    let key = bearer(request).ok_or_else(unauthorized)?;
    let scope = state.keyring.scope_of(key).await.map_err(away)?.ok_or_else(unauthorized)?;
    if scope < needed {
        let detail = format!("the key has the scope {}; {} is needed", scope.as_str(), needed.as_str());
        return Err(Problem::new("FORBIDDEN", detail, request));
    }
    request.extensions_mut().insert(Asker(match scope {
        Scope::Read => "a key with scope read",
        Scope::Call => "a key with scope call",
        Scope::Admin => "a key with scope admin",
    }));
    Ok(())
}

/// Comes to its end once the key of a request opens `needed` no more. While the database is away nobody knows.
pub(super) async fn revocation(request: HttpRequest, needed: Scope) {
    loop {
        tokio::time::sleep(FRESH).await;
        let refused = require(&request, needed).await.map_err(|problem| problem.status_code());
        if matches!(refused, Err(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) {
            return;
        }
    }
}

/// What every handler of this process shares.
pub(super) fn state(request: &HttpRequest) -> web::Data<AppState> {
    request.app_data::<web::Data<AppState>>().expect("the state is registered with the routes").clone()
}

macro_rules! access {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl FromRequest for $name {
            type Error = Problem;
            type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                Box::pin(async move { require(&request, $scope).await.map(|()| Self) })
            }
        }
    };
}

access!(
    /// The key of the request opens reading.
    CanRead,
    Scope::Read
);
access!(
    /// The key of the request opens calling.
    CanCall,
    Scope::Call
);
access!(
    /// The key of the request opens everything.
    IsAdmin,
    Scope::Admin
);
