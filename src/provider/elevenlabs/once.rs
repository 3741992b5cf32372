//! A request that is sent once, over a connection of its own, and only while its permit holds.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use awc::error::SendRequestError;
use awc::http::StatusCode;
use awc::http::header::{CONTENT_TYPE, HeaderMap};
use serde::Serialize;

use super::client::ElevenLabs;
use crate::domain::call::Doubt;
use crate::provider::{DialPermit, NotDialled};

/// What came of a request that was sent once.
pub(super) enum Sent {
    /// The provider answered.
    Answered(Answer),
    /// It was certainly not asked.
    NotAsked(NotDialled),
    /// It may have been asked, and nobody knows what it did.
    Unclear(Doubt, String),
}

/// An answer. The body of a certain refusal may be missing.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A client error says that nothing was done; 408 says only that somebody on the way lost patience.
    pub(super) fn is_certain_refusal(&self) -> bool {
        certain_refusal(self.status)
    }
}

fn certain_refusal(status: StatusCode) -> bool {
    (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT) || status.is_redirection()
}

/// The body of a request. Its first byte is given out only while the permit holds.
struct PermittedBody {
    bytes: Option<Bytes>,
    length: u64,
    permit: DialPermit,
    written: Rc<Cell<bool>>,
}

impl MessageBody for PermittedBody {
    type Error = NotDialled;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, NotDialled>>> {
        let body = self.get_mut();
        let Some(bytes) = body.bytes.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(body.permit.check().map(|()| {
            body.written.set(true);
            bytes
        })))
    }
}

impl ElevenLabs {
    pub(super) async fn send_once(
        &self,
        path: &str,
        request: &impl Serialize,
        permit: &DialPermit,
        timeout: Duration,
    ) -> Sent {
        if let Err(reason) = permit.check() {
            return Sent::NotAsked(reason);
        }
        let bytes = Bytes::from(serde_json::to_vec(request).expect("a request is a map with text keys"));
        let written = Rc::new(Cell::new(false));
        let body = PermittedBody {
            length: bytes.len() as u64,
            bytes: Some(bytes),
            permit: permit.clone(),
            written: Rc::clone(&written),
        };
        let request = self.placement(path, timeout).insert_header((CONTENT_TYPE, "application/json"));
        let answer = async {
            let mut response = request.send_body(body).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, SendRequestError>((status, headers, response.body().await))
        };
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok((status, headers, Ok(body)))) => Sent::Answered(Answer { status, headers, body }),
            Ok(Ok((status, headers, Err(_)))) if certain_refusal(status) => {
                Sent::Answered(Answer { status, headers, body: Bytes::new() })
            }
            Ok(Ok((_, _, Err(error)))) => Sent::Unclear(Doubt::ConnectionLost, error.to_string()),
            // Before its first byte was given out the provider cannot have had a request.
            Ok(Err(error)) if !written.get() => Sent::NotAsked(match permit.check() {
                Err(reason) => reason,
                Ok(()) => NotDialled::Unreachable(error.to_string()),
            }),
            Ok(Err(SendRequestError::Timeout)) => Sent::Unclear(Doubt::Timeout, "no answer in time".to_owned()),
            Ok(Err(error)) => Sent::Unclear(Doubt::ConnectionLost, error.to_string()),
            Err(_) if !written.get() => Sent::NotAsked(NotDialled::Unreachable("no connection in time".to_owned())),
            Err(_) => Sent::Unclear(Doubt::Timeout, "no answer in time".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::sources::Moment;

    fn body(permit: &DialPermit) -> PermittedBody {
        PermittedBody {
            bytes: Some(Bytes::from_static(b"{}")),
            length: 2,
            permit: permit.clone(),
            written: Rc::default(),
        }
    }

    fn first(body: &mut PermittedBody) -> Poll<Option<Result<Bytes, NotDialled>>> {
        Pin::new(body).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn i1_the_body_keeps_its_bytes_when_the_permit_is_taken_back_at_the_last_moment() {
        let permit = DialPermit::new(Moment::now(), Duration::from_secs(5));
        let mut kept = body(&permit);
        permit.cancel();
        assert!(matches!(first(&mut kept), Poll::Ready(Some(Err(NotDialled::Cancelled)))));
        assert!(!kept.written.get());
        assert!(matches!(first(&mut kept), Poll::Ready(None)));
    }

    #[test]
    fn a_body_with_a_permit_gives_its_bytes_once_and_says_so() {
        let mut given = body(&DialPermit::new(Moment::now(), Duration::from_secs(5)));
        assert!(matches!(first(&mut given), Poll::Ready(Some(Ok(_)))));
        assert!(given.written.get());
        assert!(matches!(first(&mut given), Poll::Ready(None)));
    }
}
