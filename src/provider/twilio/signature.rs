//! The signature of Twilio's requests: `X-Twilio-Signature`.
//!
//! Source: Twilio "security: validating signatures": base64 of HMAC-SHA1 over the whole URL, followed by every field
//! of the form, sorted by name, as name and value without anything in between. The key is the account's token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::form::Form;

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header.
    #[error("the header X-Twilio-Signature is missing")]
    Missing,
    /// No base64.
    #[error("the header X-Twilio-Signature is not base64")]
    Malformed,
    /// Not signed with the account's token, or for another address.
    #[error(
        "the signature does not fit this address, form and account; Twilio must have the address as server.public_url has it"
    )]
    Mismatch,
    /// Signed, but for another account.
    #[error("the request is about another account")]
    OtherAccount,
}

/// Believes a form that was sent to `url` only if the token signed both.
pub fn verify(claimed: Option<&str>, auth_token: &str, url: &str, form: &Form) -> Result<(), SignatureError> {
    let claimed = STANDARD.decode(claimed.ok_or(SignatureError::Missing)?).map_err(|_| SignatureError::Malformed)?;
    // Compares in constant time.
    mac(auth_token, url, form).verify_slice(&claimed).map_err(|_| SignatureError::Mismatch)
}

/// The header for a form that is sent to `url`.
pub fn sign(auth_token: &str, url: &str, form: &Form) -> String {
    STANDARD.encode(mac(auth_token, url, form).finalize().into_bytes())
}

fn mac(auth_token: &str, url: &str, form: &Form) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    let mut fields: Vec<_> = form.fields().iter().collect();
    fields.sort();
    // A field that is given twice is signed once, as Twilio's own libraries do.
    fields.dedup();
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const TOKEN: &str = "12345";
    const URL: &str = "https://example.com/myapp.php?foo=1&bar=2";
    const BODY: &[u8] =
        b"Digits=1234&To=%2B18005551212&From=%2B14158675310&Caller=%2B14158675310&CallSid=CA1234567890ABCDE";

    fn form() -> Form {
        Form::read(BODY).unwrap()
    }

    /// The signature of a text that was put together by hand.
    fn of_text(text: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    #[test]
    fn the_signature_covers_the_address_and_the_fields_in_the_order_of_their_names() {
        let text = format!("{URL}CallSidCA1234567890ABCDECaller+14158675310Digits1234From+14158675310To+18005551212");
        assert_eq!(sign(TOKEN, URL, &form()), of_text(&text));
        assert_eq!(verify(Some(&of_text(&text)), TOKEN, URL, &form()), Ok(()));
    }

    #[test]
    fn a_field_that_came_twice_is_signed_once() {
        let form = Form::read(b"b=2&a=1&b=2&b=1").unwrap();
        assert_eq!(sign(TOKEN, URL, &form), of_text(&format!("{URL}a1b1b2")));
    }

    #[rstest]
    #[case::missing(None, SignatureError::Missing)]
    #[case::no_base64(Some("not base64!"), SignatureError::Malformed)]
    #[case::empty(Some(""), SignatureError::Mismatch)]
    #[case::short(Some("AAAA"), SignatureError::Mismatch)]
    fn what_is_no_signature_is_refused(#[case] claimed: Option<&str>, #[case] error: SignatureError) {
        assert_eq!(verify(claimed, TOKEN, URL, &form()), Err(error));
    }

    #[test]
    fn another_token_address_or_field_is_refused() {
        let signed = sign(TOKEN, URL, &form());
        let other_form = Form::read(b"CallSid=CA2").unwrap();
        assert_eq!(verify(Some(&signed), "12346", URL, &form()), Err(SignatureError::Mismatch));
        assert_eq!(verify(Some(&signed), TOKEN, "https://example.com/", &form()), Err(SignatureError::Mismatch));
        assert_eq!(verify(Some(&signed), TOKEN, URL, &other_form), Err(SignatureError::Mismatch));
    }

    proptest! {
        #[test]
        fn nothing_is_believed_by_accident(claimed in "[A-Za-z0-9+/=]{0,40}") {
            prop_assert!(verify(Some(&claimed), TOKEN, URL, &form()).is_err());
        }
    }
}
