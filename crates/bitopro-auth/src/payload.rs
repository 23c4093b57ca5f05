use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Credentials, Nonce};

/// The signed part of a request: JSON in base64, with the standard alphabet and padding.
///
/// The text is wiped from memory on drop.
///
/// # Examples
///
/// ```
/// use bitopro_auth::Payload;
///
/// assert_eq!(Payload::of_body(b"{}").as_str(), "e30=");
///
/// let payload = Payload::received("eyJpZGVudGl0eSI6Im1lQGV4YW1wbGUuY29tIiwibm9uY2UiOjd9");
/// let claim = payload.identity_claim()?;
/// assert_eq!((claim.identity.as_str(), claim.nonce), ("me@example.com", 7));
/// # Ok::<(), bitopro_auth::PayloadError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Zeroizing<String>);

impl Payload {
    /// Creates the payload of a `GET` or `DELETE` request or of a WebSocket upgrade: an identity and a nonce.
    pub fn of_identity(credentials: &Credentials, nonce: Nonce) -> Self {
        Self::of_body(&IdentityBody { identity: credentials.email(), nonce: nonce.get() }.to_json())
    }

    /// Creates the payload of a `POST` or `PUT` request from its JSON body, which must be sent unchanged.
    pub fn of_body(body: &[u8]) -> Self {
        Self(STANDARD.encode(body).into())
    }

    /// Creates a payload from the value of a received header, to verify or decode it.
    pub fn received(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the base64 text, as in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_text(self) -> Zeroizing<String> {
        self.0
    }

    /// Decodes the identity and the nonce.
    ///
    /// Accepts every variant that clients of the exchange send: either base64 alphabet, with or without
    /// padding, and JSON with any key order and whitespace.
    ///
    /// # Errors
    ///
    /// Returns a [`PayloadError`] if the text is not base64, or its content is not a JSON object with an
    /// identity and a nonce.
    pub fn identity_claim(&self) -> Result<IdentityClaim, PayloadError> {
        let body = Zeroizing::new(self.decode()?);
        serde_json::from_slice(&body).map_err(|_| PayloadError::Json)
    }

    /// Decodes the signed JSON, from either base64 alphabet, with or without padding. The result is not wiped from
    /// memory on drop.
    ///
    /// # Errors
    ///
    /// Returns [`PayloadError::Base64`] if the text is not base64.
    pub fn decode(&self) -> Result<Vec<u8>, PayloadError> {
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if self.0.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        GeneralPurpose::new(alphabet, lenient).decode(self.as_str()).map_err(|_| PayloadError::Base64)
    }
}

/// The JSON of an identity payload, with the keys in the documented order.
#[derive(Serialize)]
struct IdentityBody<'a> {
    identity: &'a str,
    nonce: u64,
}

impl IdentityBody<'_> {
    /// Returns an upper bound of the length in bytes: `{"identity":"","nonce":}`, a nonce of 20 digits, and
    /// an identity in which every byte is escaped in the form `\u0000`.
    fn max_len(&self) -> usize {
        24 + 20 + 6 * self.identity.len()
    }

    fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // A buffer that grows leaves unwiped copies behind, so this one has its full size from the start.
        let mut json = Zeroizing::new(Vec::with_capacity(self.max_len()));
        // Serializing a string and a number cannot fail. The exchange would reject a truncated body anyway.
        let _ = serde_json::to_writer(&mut *json, self);
        json
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(redacted)")
    }
}

/// The identity and nonce that a payload claims, which are unproven until the signature is verified.
///
/// The identity is wiped from memory on drop.
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

/// The error returned by [`Payload::identity_claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The text is not valid base64.
    #[error("the payload is not valid base64")]
    Base64,
    /// The content is not a JSON object with a string `identity` and an integer `nonce`.
    #[error("the payload is not a JSON object with a string `identity` and an integer `nonce`")]
    Json,
}

#[cfg(test)]
mod tests {
    use super::{
        Credentials, Engine as _, IdentityBody, Nonce, Payload, PayloadError, STANDARD, ZeroizeOnDrop,
    };
    use base64::engine::general_purpose::URL_SAFE;

    #[test]
    fn the_documented_payload_is_reproduced() {
        let credentials = Credentials::new("key", "secret", "support@bitoex.com").unwrap();
        let payload = Payload::of_identity(&credentials, Nonce(1_554_380_909_131));
        assert_eq!(
            payload.as_str(),
            "eyJpZGVudGl0eSI6InN1cHBvcnRAYml0b2V4LmNvbSIsIm5vbmNlIjoxNTU0MzgwOTA5MTMxfQ=="
        );
    }

    #[test]
    fn identities_are_escaped_as_json() {
        for identity in ["a\"b\\c@example.com", "名字@example.com", "~?>@example.com"] {
            let credentials = Credentials::new("key", "secret", identity).unwrap();
            let claim = Payload::of_identity(&credentials, Nonce(7)).identity_claim().unwrap();
            assert_eq!((claim.identity.as_str(), claim.nonce), (identity, 7));
        }
    }

    #[test]
    fn debug_output_shows_only_the_nonce() {
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let payload = Payload::of_identity(&credentials, Nonce(7));
        assert_eq!(format!("{payload:?}"), "Payload(redacted)");
        assert_eq!(format!("{:?}", payload.identity_claim().unwrap()), "IdentityClaim { nonce: 7, .. }");
    }

    #[test]
    fn a_body_never_outgrows_its_buffer() {
        let body = IdentityBody { identity: "\u{1}\u{1f}", nonce: u64::MAX };
        assert_eq!(body.to_json().len(), body.max_len());
        assert_eq!(body.to_json().capacity(), body.max_len());
    }

    /// Reading wiped memory would need `unsafe`, so this checks only that the types implement
    /// `ZeroizeOnDrop`.
    #[test]
    fn personal_data_is_wiped_on_drop() {
        fn assert_wiped<T: ZeroizeOnDrop>(_: &T) {}
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let payload = Payload::of_identity(&credentials, Nonce(7));
        assert_wiped(&payload.0);
        assert_wiped(&payload.identity_claim().unwrap());
        let headers = credentials.sign(payload);
        assert_wiped(&headers.api_key);
        assert_wiped(&headers.payload);
        assert_wiped(&headers.signature);
    }

    #[test]
    fn either_alphabet_is_read_with_and_without_padding() {
        let body = "{\"nonce\": 7, \"identity\": \"~~~???>>>名@example.com\"}";
        let url_safe = URL_SAFE.encode(body);
        assert!(url_safe.contains('-') || url_safe.contains('_'), "{url_safe}");
        for text in [STANDARD.encode(body), url_safe.clone(), url_safe.trim_end_matches('=').to_owned()] {
            let claim = Payload::received(text).identity_claim().unwrap();
            assert_eq!((claim.identity.as_str(), claim.nonce), ("~~~???>>>名@example.com", 7));
        }
    }

    #[test]
    fn either_url_safe_character_selects_the_url_safe_alphabet() {
        for (identity, sign, other) in [("a~", '-', '_'), ("a?", '_', '-')] {
            let text = URL_SAFE.encode(format!("{{\"identity\":\"{identity}\",\"nonce\":7}}"));
            assert!(text.contains(sign) && !text.contains(other), "{text}");
            assert_eq!(Payload::received(text).identity_claim().unwrap().identity, identity);
        }
    }

    #[test]
    fn payloads_are_written_in_the_standard_alphabet() {
        assert_eq!(Payload::of_body(b"\xfb\xff").as_str(), "+/8=");
    }

    #[test]
    fn unreadable_payloads_report_the_reason() {
        assert_eq!(Payload::received("***").identity_claim(), Err(PayloadError::Base64));
        assert_eq!(Payload::of_body(b"[]").identity_claim(), Err(PayloadError::Json));
        assert_eq!(Payload::of_body(b"{\"identity\":\"a\"}").identity_claim(), Err(PayloadError::Json));
    }
}
