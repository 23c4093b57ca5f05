use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Credentials, Nonce};

/// The text that is signed: the JSON body of a request in base64 (standard alphabet, padded). Wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Zeroizing<String>);

impl Payload {
    /// The payload of a `GET` or `DELETE`, so of every WebSocket upgrade: identity and nonce.
    pub fn of_identity(credentials: &Credentials, nonce: Nonce) -> Self {
        Self::of_body(&Body { identity: credentials.email(), nonce: nonce.get() }.to_json())
    }

    /// The payload of a `POST` or `PUT`: the request's JSON body, byte for byte as it is sent.
    pub fn of_body(body: &[u8]) -> Self {
        Self(STANDARD.encode(body).into())
    }

    /// A payload as it was received, to be verified.
    pub fn received(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The base64 text, as in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_text(self) -> Zeroizing<String> {
        self.0
    }

    /// Reads identity and nonce back. Accepts what clients of the exchange send: either base64
    /// alphabet, padded or not, and JSON in any order and spacing.
    ///
    /// # Errors
    /// [`PayloadError`] if the text is not base64 or not such JSON.
    pub fn identity_claim(&self) -> Result<IdentityClaim, PayloadError> {
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if self.0.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        let body = GeneralPurpose::new(alphabet, lenient).decode(self.as_str());
        let body = Zeroizing::new(body.map_err(|_| PayloadError::Base64)?);
        serde_json::from_slice(&body).map_err(|_| PayloadError::Json)
    }
}

/// The body of a `GET`, its keys in the order in which the exchange documents them.
#[derive(Serialize)]
struct Body<'a> {
    identity: &'a str,
    nonce: u64,
}

impl Body<'_> {
    /// The most bytes there can be: `{"identity":"","nonce":}`, a nonce of 20 digits, and an identity whose
    /// every byte is escaped as `\u0000` is.
    fn max_len(&self) -> usize {
        24 + 20 + 6 * self.identity.len()
    }

    fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // A buffer that grows leaves its old self behind, not wiped: so there is room from the start.
        let mut json = Zeroizing::new(Vec::with_capacity(self.max_len()));
        // A struct of a string and a number has no way to fail; a body cut short would be refused, not misread.
        let _ = serde_json::to_writer(&mut *json, self);
        json
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(redacted)")
    }
}

/// Who a payload says it is from, and its nonce. A claim until the signature is verified. Wiped on drop.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct IdentityClaim {
    /// The account's email address.
    pub identity: String,
    /// The nonce, in Unix milliseconds.
    pub nonce: u64,
}

impl fmt::Debug for IdentityClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityClaim").field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

impl Drop for IdentityClaim {
    fn drop(&mut self) {
        self.identity.zeroize();
    }
}

impl ZeroizeOnDrop for IdentityClaim {}

/// Why a received payload could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Not base64.
    #[error("the payload is not base64")]
    Base64,
    /// Not JSON with a textual `identity` and a numeric `nonce`.
    #[error("the payload is not JSON with a textual `identity` and a numeric `nonce`")]
    Json,
}

#[cfg(test)]
mod tests {
    use super::{Body, Credentials, Engine as _, Nonce, Payload, PayloadError, STANDARD, ZeroizeOnDrop};
    use base64::engine::general_purpose::URL_SAFE;

    /// The vector of the exchange's documentation.
    #[test]
    fn documented_payload() {
        let credentials = Credentials::new("key", "secret", "support@bitoex.com").unwrap();
        let payload = Payload::of_identity(&credentials, Nonce(1_554_380_909_131));
        assert_eq!(
            payload.as_str(),
            "eyJpZGVudGl0eSI6InN1cHBvcnRAYml0b2V4LmNvbSIsIm5vbmNlIjoxNTU0MzgwOTA5MTMxfQ=="
        );
    }

    #[test]
    fn identities_are_escaped_as_json() {
        for identity in ["a\"b\\c@example.com", "名字@example.com", "tab\t@example.com", "~?>@example.com"]
        {
            let credentials = Credentials::new("key", "secret", identity).unwrap();
            let claim = Payload::of_identity(&credentials, Nonce(7)).identity_claim().unwrap();
            assert_eq!((claim.identity.as_str(), claim.nonce), (identity, 7));
        }
    }

    #[test]
    fn what_is_shown_of_a_payload_is_its_nonce_at_most() {
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let payload = Payload::of_identity(&credentials, Nonce(7));
        assert_eq!(format!("{payload:?}"), "Payload(redacted)");
        assert_eq!(format!("{:?}", payload.identity_claim().unwrap()), "IdentityClaim { nonce: 7, .. }");
    }

    #[test]
    fn a_body_never_outgrows_its_buffer() {
        let body = Body { identity: "\u{1}\u{1f}", nonce: u64::MAX };
        assert_eq!(body.to_json().len(), body.max_len());
        assert_eq!(body.to_json().capacity(), body.max_len());
    }

    /// Whether memory is wiped cannot be seen without `unsafe`; that the types promise it can.
    #[test]
    fn what_is_personal_is_wiped_on_drop() {
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let payload = Payload::of_identity(&credentials, Nonce(7));
        wiped(&payload.0);
        wiped(&payload.identity_claim().unwrap());
        let headers = credentials.sign(payload);
        wiped(&headers.api_key);
        wiped(&headers.payload);
        wiped(&headers.signature);
    }

    #[test]
    fn payloads_of_other_clients_are_read() {
        let body = "{\"nonce\": 7, \"identity\": \"~~~???>>>名@example.com\"}";
        let url_safe = URL_SAFE.encode(body);
        assert!(url_safe.contains('-') || url_safe.contains('_'), "{url_safe}");
        for text in [STANDARD.encode(body), url_safe.clone(), url_safe.trim_end_matches('=').to_owned()] {
            let claim = Payload::received(text).identity_claim().unwrap();
            assert_eq!((claim.identity.as_str(), claim.nonce), ("~~~???>>>名@example.com", 7));
        }
    }

    #[test]
    fn either_character_of_the_other_alphabet_tells_it() {
        for (identity, sign, other) in [("a~", '-', '_'), ("a?", '_', '-')] {
            let text = URL_SAFE.encode(format!("{{\"identity\":\"{identity}\",\"nonce\":7}}"));
            assert!(text.contains(sign) && !text.contains(other), "{text}");
            assert_eq!(Payload::received(text).identity_claim().unwrap().identity, identity);
        }
    }

    #[test]
    fn the_alphabet_is_the_standard_one() {
        assert_eq!(Payload::of_body(b"\xfb\xff").as_str(), "+/8=");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(Payload::received("***").identity_claim(), Err(PayloadError::Base64));
        assert_eq!(Payload::of_body(b"[]").identity_claim(), Err(PayloadError::Json));
        assert_eq!(Payload::of_body(b"{\"identity\":\"a\"}").identity_claim(), Err(PayloadError::Json));
    }
}
