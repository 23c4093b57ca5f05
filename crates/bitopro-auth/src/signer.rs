use std::sync::Arc;

use hmac::Mac;
use thiserror::Error;

use crate::{Credentials, Nonce, NonceSource, Payload, SignedHeaders};

/// Credentials and the one nonce source of their API key. Clones share both.
///
/// Everything that signs with the same API key should share one signer, or the exchange may see a nonce
/// that goes back.
#[derive(Debug, Clone)]
pub struct Signer {
    credentials: Credentials,
    nonces: Arc<NonceSource>,
}

impl Signer {
    /// A signer with a nonce source of its own.
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, nonces: Arc::new(NonceSource::new()) }
    }

    /// Who signs.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Signs a `GET` or `DELETE`, or a WebSocket upgrade, at this time in Unix milliseconds.
    ///
    /// Sign at the last moment: the exchange refuses a nonce that is much older than its clock.
    pub fn sign_identity(&self, now_ms: u64) -> SignedHeaders {
        self.credentials.sign(Payload::of_identity(&self.credentials, self.nonces.next(now_ms)))
    }

    /// Returns the last nonce that was made with this key's source, if any.
    pub fn last_nonce(&self) -> Option<Nonce> {
        self.nonces.last()
    }

    /// Signs a `POST` or `PUT` with this JSON body, which must be sent byte for byte.
    pub fn sign_body(&self, body: &[u8]) -> SignedHeaders {
        self.credentials.sign(Payload::of_body(body))
    }
}

impl From<Credentials> for Signer {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}

/// The signature does not belong to the payload and the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature does not belong to this payload and API secret")]
pub struct SignatureError;

impl Credentials {
    /// The three headers for a payload.
    pub fn sign(&self, payload: Payload) -> SignedHeaders {
        let signature = hex::encode(self.mac(&payload).finalize().into_bytes());
        SignedHeaders {
            api_key: self.api_key().to_owned().into(),
            payload: payload.into_text(),
            signature: signature.into(),
        }
    }

    /// Verifies a signature (lowercase or uppercase hex) in constant time, as a server does.
    ///
    /// # Errors
    /// [`SignatureError`] if it is not hex, or not that of this payload and secret.
    pub fn verify(&self, payload: &Payload, signature: &str) -> Result<(), SignatureError> {
        let signature = hex::decode(signature).map_err(|_| SignatureError)?;
        self.mac(payload).verify_slice(&signature).map_err(|_| SignatureError)
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Nonce, NonceSource, Payload, SignatureError, SignedHeaders, Signer};

    /// The vector of the exchange's documentation.
    const PAYLOAD: &str = "eyJpZGVudGl0eSI6ImhjbWxpbmpAZ21haWwuY29tIiwibm9uY2UiOjE1NTQzODA5MDkxMzF9";
    const SIGNATURE: &str =
        "01a85a9083db47c20da7196380598f3feacd3c76a9077aaf7ffaf08ce0091abf65b61778792607b010921adfe1c2941a";

    fn documented() -> Credentials {
        Credentials::new("key", "bitopro", "hcmlinj@gmail.com").unwrap()
    }

    #[test]
    fn documented_signature() {
        let headers = documented().sign(Payload::received(PAYLOAD));
        assert_eq!(headers.signature(), SIGNATURE);
        let nonce = Nonce(1_554_380_909_131);
        assert_eq!(Payload::of_identity(&documented(), nonce).as_str(), PAYLOAD);
        assert_eq!(Signer::new(documented()).sign_identity(1_554_380_909_131).signature(), SIGNATURE);
    }

    #[test]
    fn the_three_headers_in_order() {
        let headers = Signer::new(documented()).sign_body(b"{}");
        let pairs: Vec<_> = headers.iter().collect();
        assert_eq!(pairs[0], ("X-BITOPRO-APIKEY", "key"));
        assert_eq!(pairs[1], ("X-BITOPRO-PAYLOAD", "e30="));
        assert_eq!(pairs[2], ("X-BITOPRO-SIGNATURE", headers.signature()));
        assert_eq!((headers.api_key(), headers.payload()), ("key", "e30="));
        assert_eq!(format!("{headers:?}"), "SignedHeaders(redacted)");
    }

    #[test]
    fn verifies_its_own_signature_and_no_other() {
        let payload = Payload::received(PAYLOAD);
        assert_eq!(documented().verify(&payload, SIGNATURE), Ok(()));
        assert_eq!(documented().verify(&payload, &SIGNATURE.to_uppercase()), Ok(()));
        let other = Credentials::new("key", "bitopro2", "hcmlinj@gmail.com").unwrap();
        assert_eq!(other.verify(&payload, SIGNATURE), Err(SignatureError));
        assert_eq!(documented().verify(&Payload::received("e30="), SIGNATURE), Err(SignatureError));
        let flipped = SIGNATURE.replacen('0', "1", 1);
        for wrong in ["", "zz", &SIGNATURE[2..], &flipped] {
            assert_eq!(documented().verify(&payload, wrong), Err(SignatureError), "{wrong}");
        }
    }

    #[test]
    fn clones_of_a_signer_share_the_nonces() {
        let signer = Signer::new(documented());
        let (first, second) = (signer.sign_identity(9), signer.clone().sign_identity(9));
        let nonce = |h: &SignedHeaders| Payload::received(h.payload()).identity_claim().unwrap().nonce;
        assert_eq!((nonce(&first), nonce(&second)), (9, 10));
    }

    #[test]
    fn public_types_can_be_shared_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<Credentials>();
        check::<Signer>();
        check::<NonceSource>();
        check::<Payload>();
        check::<SignedHeaders>();
        check::<SignatureError>();
    }
}
