//! What comes with every request: its id, its page, its names in the path.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::{HttpMessage, HttpRequest};

use super::problem::Problem;
use crate::domain::ids::CallId;
use crate::store::Trace;

/// The id of a request: the caller's `X-Request-Id`, if it is a plain short word, else a new one.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// To which request an event belongs.
pub(super) fn trace(request: &HttpRequest, cause: &str) -> Trace {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    Trace { correlation_id: id, causation_id: Some(cause.to_owned()) }
}

/// A name in the path.
pub(super) fn name<T: FromStr>(text: &str, request: &HttpRequest) -> Result<T, Problem>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Problem::invalid(error.to_string(), request))
}

/// A call in the path; what is no id is the id of no call.
pub(super) fn call_id(text: &str, request: &HttpRequest) -> Result<CallId, Problem> {
    text.parse().map_err(|_| Problem::not_found("call of that id", request))
}

/// The `limit` of a page.
pub(super) fn limit(text: Option<&str>, default: u64, most: u64, request: &HttpRequest) -> Result<u64, Problem> {
    let Some(text) = text else { return Ok(default) };
    match text.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Problem::invalid(format!("limit is a whole number from 1 to {most}"), request)),
    }
}

/// The parameters of the query, of which only `known` are accepted, each once.
pub(super) fn query<'a>(request: &'a HttpRequest, known: &[&str]) -> Result<Query<'a>, Problem> {
    let mut pairs: Vec<(std::borrow::Cow<'a, str>, String)> = Vec::new();
    for (name, value) in parse(request.query_string()) {
        if !known.contains(&name.as_ref()) {
            let detail = format!("the parameter {name} is not known; known are: {}", known.join(", "));
            return Err(Problem::invalid(detail, request));
        }
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(Problem::invalid(format!("the parameter {name} is given twice"), request));
        }
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    Ok(Query { pairs, request })
}

fn parse(text: &str) -> Vec<(std::borrow::Cow<'_, str>, String)> {
    actix_web::web::Query::<Vec<(String, String)>>::from_query(text)
        .map(|pairs| pairs.into_inner().into_iter().map(|(name, value)| (name.into(), value)).collect())
        .unwrap_or_default()
}

/// The parameters of a query.
pub(super) struct Query<'a> {
    pairs: Vec<(std::borrow::Cow<'a, str>, String)>,
    request: &'a HttpRequest,
}

impl Query<'_> {
    /// The parameter's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The parameter, read.
    pub(super) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: Display,
    {
        let read = |text: &str| {
            text.parse().map_err(|error: T::Err| Problem::invalid(format!("{name}: {error}"), self.request))
        };
        self.text(name).map(read).transpose()
    }
}
