//! The signature of webhooks: `ElevenLabs-Signature: t=SECONDS,v0=HEX`.
//!
//! Source: the official SDK, `webhooks_custom.py`: HMAC-SHA256 over `SECONDS.BODY`. Unlike the SDK, the comparison
//! takes constant time, and a time too far in the future is refused as well.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header.
    #[error("the header ElevenLabs-Signature is missing")]
    Missing,
    /// No `t=SECONDS,v0=HEX`.
    #[error("the header ElevenLabs-Signature is not t=SECONDS,v0=HEX")]
    Malformed,
    /// Too old, or from the future.
    #[error("the signature's time is outside of the tolerance")]
    OutOfTime,
    /// Signed with none of the secrets.
    #[error("the signature fits none of the configured secrets")]
    Mismatch,
}

/// What a webhook's header claims: known before its body is read.
#[derive(Clone, Debug)]
pub struct Claim {
    seconds: String,
    signatures: Vec<Vec<u8>>,
}

impl Claim {
    /// Reads the header; its time must be within `tolerance` of `now`.
    pub fn read(header: Option<&str>, tolerance: TimeDelta, now: DateTime<Utc>) -> Result<Self, SignatureError> {
        let header = header.ok_or(SignatureError::Missing)?;
        let part = |name: &str| header.split(',').filter_map(|part| part.trim().strip_prefix(name)).collect::<Vec<_>>();
        let (times, signatures) = (part("t="), part("v0="));
        let [seconds] = times[..] else { return Err(SignatureError::Malformed) };
        let signed_at = seconds
            .parse()
            .ok()
            .filter(|_| seconds.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or(SignatureError::Malformed)?;
        let claimed: Vec<Vec<u8>> = signatures.iter().filter_map(|text| hex::decode(text).ok()).collect();
        if claimed.is_empty() || claimed.len() != signatures.len() {
            return Err(SignatureError::Malformed);
        }
        if (now - signed_at).abs() > tolerance {
            return Err(SignatureError::OutOfTime);
        }
        Ok(Self { seconds: seconds.to_owned(), signatures: claimed })
    }

    /// Believes `body` only if one of the secrets signed it.
    pub fn verify(&self, body: &[u8], secrets: &[&str]) -> Result<(), SignatureError> {
        let fits = |secret: &&str| -> bool {
            let expected = sign(secret, &self.seconds, body);
            self.signatures.iter().any(|claimed| bool::from(expected.ct_eq(claimed)))
        };
        if secrets.iter().any(fits) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

/// Whether two secrets are equal, in constant time.
pub fn secret_fits(claimed: &str, secrets: &[&str]) -> bool {
    secrets.iter().any(|secret| bool::from(secret.as_bytes().ct_eq(claimed.as_bytes())))
}

fn sign(secret: &str, seconds: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const NOW: i64 = 1_769_500_000;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap()
    }

    fn header(secret: &str, at: i64, body: &[u8]) -> String {
        format!("t={at},v0={}", hex::encode(sign(secret, &at.to_string(), body)))
    }

    fn check(header: Option<&str>, body: &[u8], secrets: &[&str]) -> Result<(), SignatureError> {
        Claim::read(header, TimeDelta::seconds(1800), now())?.verify(body, secrets)
    }

    #[test]
    fn any_configured_secret_is_believed() {
        let signed = header("old", NOW, b"{}");
        assert_eq!(check(Some(&signed), b"{}", &["new", "old"]), Ok(()));
        assert_eq!(check(Some(&signed), b"{}", &["new"]), Err(SignatureError::Mismatch));
        assert_eq!(check(Some(&signed), b"{}", &[]), Err(SignatureError::Mismatch));
        assert_eq!(check(Some(&signed), b"{ }", &["old"]), Err(SignatureError::Mismatch));
    }

    #[rstest]
    #[case(NOW - 1800, Ok(()))]
    #[case(NOW + 1800, Ok(()))]
    #[case(NOW - 1801, Err(SignatureError::OutOfTime))]
    #[case(NOW + 1801, Err(SignatureError::OutOfTime))]
    fn old_and_future_signatures_are_refused(#[case] at: i64, #[case] expected: Result<(), SignatureError>) {
        assert_eq!(check(Some(&header("s", at, b"x")), b"x", &["s"]), expected);
    }

    #[rstest]
    #[case(None, SignatureError::Missing)]
    #[case(Some(""), SignatureError::Malformed)]
    #[case(Some("v0=00"), SignatureError::Malformed)]
    #[case(Some("t=1769500000"), SignatureError::Malformed)]
    #[case(Some("t=soon,v0=00"), SignatureError::Malformed)]
    #[case(Some("t=-1,v0=00"), SignatureError::Malformed)]
    #[case(Some("t=99999999999999999999,v0=00"), SignatureError::Malformed)]
    #[case(Some("t=1769500000,v0=xyz"), SignatureError::Malformed)]
    #[case(Some("t=1769500000,t=1,v0=00"), SignatureError::Malformed)]
    #[case(Some("t=1769500000,v0=00"), SignatureError::Mismatch)]
    fn malformed_signatures_are_refused(#[case] header: Option<&str>, #[case] error: SignatureError) {
        assert_eq!(check(header, b"x", &["s"]), Err(error));
    }

    proptest! {
        #[test]
        fn nothing_is_believed_by_accident(header in "\\PC{0,80}", body in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(check(Some(&header), &body, &["secret"]).is_err());
        }
    }
}
