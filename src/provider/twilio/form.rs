//! What Twilio sends: forms. Which fields they have, and what they say.
//!
//! Source: Twilio "TwiML request parameters" and "status callbacks". Fields that are not needed are only signed.

use actix_web::web::Query;
use chrono::{DateTime, Utc};

use crate::domain::call::EndReason;

/// Longer names of calls are refused; Twilio's have 34 characters.
const LONGEST_SID: usize = 64;

/// The fields of a form, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// Why a form cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not `application/x-www-form-urlencoded`.
    #[error("the body is no form")]
    NoForm,
    /// No call.
    #[error("CallSid is missing, or not CA and up to {LONGEST_SID} printable characters")]
    NoCall,
}

impl Form {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed::NoForm)?;
        Query::<Vec<(String, String)>>::from_query(text)
            .map(|fields| Self(fields.into_inner()))
            .map_err(|_| Malformed::NoForm)
    }

    /// A form with these fields.
    pub fn of(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// Every field.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// The first field of that name, if it says something.
    pub fn text(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(other, _)| other == name);
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The call that it is about.
    pub fn call_sid(&self) -> Result<&str, Malformed> {
        let plain = |sid: &&str| sid.len() <= LONGEST_SID && sid.bytes().all(|byte| byte.is_ascii_graphic());
        self.text("CallSid").filter(|sid| sid.starts_with("CA")).filter(plain).ok_or(Malformed::NoCall)
    }

    /// When it happened, where it says so.
    pub fn occurred_at(&self) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc2822(self.text("Timestamp")?).ok().map(|at| at.to_utc())
    }
}

/// What a `CallStatus` says of the end of a call; nothing where the call is not over.
pub fn ending(status: &str) -> Option<EndReason> {
    match status {
        "completed" => Some(EndReason::Completed),
        "busy" => Some(EndReason::Busy),
        "no-answer" => Some(EndReason::NoAnswer),
        "canceled" => Some(EndReason::Cancelled),
        "failed" => Some(EndReason::InitiationFailed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_form_is_read_with_its_escapes() {
        let form = Form::read(b"CallSid=CA1&From=%2B14155550123&To=anonymous&Empty=&City=S%C3%A3o+Paulo").unwrap();
        assert_eq!(form.call_sid(), Ok("CA1"));
        assert_eq!((form.text("From"), form.text("City")), (Some("+14155550123"), Some("São Paulo")));
        assert_eq!((form.text("Empty"), form.text("Missing")), (None, None));
        assert_eq!(form.fields().len(), 5);
    }

    #[rstest]
    #[case("")]
    #[case("CallSid=")]
    #[case("CallSid=SCL_1")]
    #[case("CallSid=CA+1")]
    #[case("CallSid=CA%0A")]
    #[case("callsid=CA1")]
    fn a_form_without_a_call_is_refused(#[case] body: &str) {
        assert_eq!(Form::read(body.as_bytes()).unwrap().call_sid(), Err(Malformed::NoCall));
    }

    #[test]
    fn a_name_that_no_carrier_gives_is_refused() {
        let body = format!("CallSid=CA{}", "1".repeat(LONGEST_SID));
        assert_eq!(Form::read(body.as_bytes()).unwrap().call_sid(), Err(Malformed::NoCall));
        assert_eq!(Form::read(b"CallSid=\xff"), Err(Malformed::NoForm));
    }

    #[test]
    fn a_time_is_read_as_twilio_writes_it() {
        let form = Form::read(b"Timestamp=Tue%2C+27+Jan+2026+10%3A00%3A00+%2B0000").unwrap();
        assert_eq!(form.occurred_at().unwrap().to_rfc3339(), "2026-01-27T10:00:00+00:00");
        assert_eq!(Form::read(b"Timestamp=soon").unwrap().occurred_at(), None);
    }

    #[rstest]
    #[case("queued")]
    #[case("ringing")]
    #[case("in-progress")]
    #[case("Completed")]
    #[case("")]
    fn no_other_word_ends_a_call(#[case] status: &str) {
        assert_eq!(ending(status), None);
    }
}
