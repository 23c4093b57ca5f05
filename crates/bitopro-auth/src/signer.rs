use std::sync::Arc;

use hmac::Mac;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{Credentials, Nonce, NonceSource, Payload, SignedHeaders};

/// Credentials together with the nonce source of their API key. Clones share both.
///
/// Everything that signs with the same API key should share one signer. Otherwise the exchange may receive a
/// nonce that is smaller than the previous one, and reject the request.
///
/// # Examples
///
/// ```
/// use bitopro_auth::{Credentials, Nonce, Signer};
///
/// let signer = Signer::new(Credentials::new("api-key", "api-secret", "me@example.com")?);
/// let now_ms = 1_554_380_909_131;
/// let first = signer.sign_identity(now_ms);
/// assert_eq!(first.api_key(), "api-key");
///
/// // A second request in the same millisecond has a larger nonce, so its signature differs.
/// let second = signer.sign_identity(now_ms);
/// assert_ne!(first.signature(), second.signature());
/// assert_eq!(signer.last_nonce().map(Nonce::get), Some(now_ms + 1));
/// # Ok::<(), bitopro_auth::CredentialsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Signer {
    credentials: Credentials,
    nonces: Arc<NonceSource>,
}

impl Signer {
    /// Creates a signer with its own nonce source.
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, nonces: Arc::new(NonceSource::new()) }
    }

    /// Returns the credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Signs a `GET` or `DELETE` request, or a WebSocket upgrade, at the given time in Unix milliseconds.
    ///
    /// Sign immediately before sending: the exchange rejects a nonce that is much older than its own time.
    pub fn sign_identity(&self, now_ms: u64) -> SignedHeaders {
        self.credentials.sign(Payload::of_identity(&self.credentials, self.nonces.next(now_ms)))
    }

    /// Returns the last nonce that this signer or one of its clones used, if any.
    pub fn last_nonce(&self) -> Option<Nonce> {
        self.nonces.last()
    }

    /// Returns the next nonce at the given time in Unix milliseconds, for the `timestamp` in the body of a `POST`.
    ///
    /// It comes from the same source as the nonces of [`sign_identity`](Self::sign_identity), so two orders
    /// that are placed in the same millisecond have different bodies.
    pub fn next_nonce(&self, now_ms: u64) -> Nonce {
        self.nonces.next(now_ms)
    }

    /// Signs a `POST` or `PUT` request with this JSON body, which must be sent unchanged.
    pub fn sign_body(&self, body: &[u8]) -> SignedHeaders {
        self.credentials.sign(Payload::of_body(body))
    }
}

impl From<Credentials> for Signer {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}

/// The error returned by [`Credentials::verify`] for a signature that does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature does not match the payload and the API secret")]
pub struct SignatureError;

impl Credentials {
    /// Signs a payload and returns the three headers of the request.
    pub fn sign(&self, payload: Payload) -> SignedHeaders {
        let signature = to_hex(&self.mac(&payload).finalize().into_bytes());
        SignedHeaders { api_key: self.api_key().to_owned().into(), payload: payload.into_text(), signature }
    }

    /// Verifies a signature in constant time, as a server does. Accepts lowercase and uppercase hex.
    ///
    /// # Errors
    ///
    /// Returns a [`SignatureError`] if the signature is not hex or does not match the payload and the API
    /// secret.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_auth::{Credentials, Payload};
    ///
    /// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
    /// let headers = credentials.sign(Payload::of_body(b"{}"));
    ///
    /// let payload = Payload::received(headers.payload());
    /// assert!(credentials.verify(&payload, headers.signature()).is_ok());
    /// assert!(credentials.verify(&payload, "00").is_err());
    /// # Ok::<(), bitopro_auth::CredentialsError>(())
    /// ```
    pub fn verify(&self, payload: &Payload, signature: &str) -> Result<(), SignatureError> {
        let signature = hex::decode(signature).map_err(|_| SignatureError)?;
        self.mac(payload).verify_slice(&signature).map_err(|_| SignatureError)
    }
}

/// Returns the lowercase hex text of `bytes`. `hex::encode` appends one character at a time, which is slower.
fn to_hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = vec![0; 2 * bytes.len()];
    // Neither step can fail: the buffer has the right length, and hex digits are ASCII.
    let _ = hex::encode_to_slice(bytes, &mut text);
    Zeroizing::new(String::from_utf8(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Nonce, NonceSource, Payload, SignatureError, SignedHeaders, Signer};

    /// The worked example in the exchange's documentation.
    const PAYLOAD: &str = "eyJpZGVudGl0eSI6ImhjbWxpbmpAZ21haWwuY29tIiwibm9uY2UiOjE1NTQzODA5MDkxMzF9";
    const SIGNATURE: &str =
        "01a85a9083db47c20da7196380598f3feacd3c76a9077aaf7ffaf08ce0091abf65b61778792607b010921adfe1c2941a";

    fn documented_credentials() -> Credentials {
        Credentials::new("key", "bitopro", "hcmlinj@gmail.com").unwrap()
    }

    #[test]
    fn the_documented_signature_is_reproduced() {
        let headers = documented_credentials().sign(Payload::received(PAYLOAD));
        assert_eq!(headers.signature(), SIGNATURE);
        let nonce = Nonce(1_554_380_909_131);
        assert_eq!(Payload::of_identity(&documented_credentials(), nonce).as_str(), PAYLOAD);
        assert_eq!(
            Signer::new(documented_credentials()).sign_identity(1_554_380_909_131).signature(),
            SIGNATURE
        );
    }

    #[test]
    fn the_three_headers_are_iterated_in_order() {
        let headers = Signer::new(documented_credentials()).sign_body(b"{}");
        let pairs: Vec<_> = headers.iter().collect();
        assert_eq!(pairs[0], ("X-BITOPRO-APIKEY", "key"));
        assert_eq!(pairs[1], ("X-BITOPRO-PAYLOAD", "e30="));
        assert_eq!(pairs[2], ("X-BITOPRO-SIGNATURE", headers.signature()));
        assert_eq!((headers.api_key(), headers.payload()), ("key", "e30="));
        assert_eq!(format!("{headers:?}"), "SignedHeaders(redacted)");
    }

    #[test]
    fn only_the_matching_signature_verifies() {
        let payload = Payload::received(PAYLOAD);
        assert_eq!(documented_credentials().verify(&payload, SIGNATURE), Ok(()));
        assert_eq!(documented_credentials().verify(&payload, &SIGNATURE.to_uppercase()), Ok(()));
        let other = Credentials::new("key", "bitopro2", "hcmlinj@gmail.com").unwrap();
        assert_eq!(other.verify(&payload, SIGNATURE), Err(SignatureError));
        assert_eq!(
            documented_credentials().verify(&Payload::received("e30="), SIGNATURE),
            Err(SignatureError)
        );
        let flipped = SIGNATURE.replacen('0', "1", 1);
        for wrong in ["", "zz", &SIGNATURE[2..], &flipped] {
            assert_eq!(documented_credentials().verify(&payload, wrong), Err(SignatureError), "{wrong}");
        }
    }

    #[test]
    fn clones_of_a_signer_share_a_nonce_source() {
        let signer = Signer::new(documented_credentials());
        let (first, second) = (signer.sign_identity(9), signer.clone().sign_identity(9));
        let nonce = |h: &SignedHeaders| Payload::received(h.payload()).identity_claim().unwrap().nonce;
        assert_eq!((nonce(&first), nonce(&second)), (9, 10));
        assert_eq!(signer.next_nonce(9).get(), 11);
        assert_eq!(signer.last_nonce().map(Nonce::get), Some(11));
    }

    #[test]
    fn public_types_are_send_and_sync() {
        fn check<T: Send + Sync>() {}
        check::<Credentials>();
        check::<Signer>();
        check::<NonceSource>();
        check::<Payload>();
        check::<SignedHeaders>();
        check::<SignatureError>();
    }
}
