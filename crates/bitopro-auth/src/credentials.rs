use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha384;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::payload::Payload;

type HmacSha384 = Hmac<Sha384>;

/// Who signs: the account's email, an API key and its secret.
///
/// The secret is kept only as a prepared HMAC key, and all of it is wiped from memory when the last
/// clone goes. `Debug` shows nothing, and there is neither `Display` nor `Serialize`.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    identity: Zeroizing<String>,
    api_key: Zeroizing<String>,
    key: HmacSha384,
}

/// Why credentials cannot be used. Names the parts at fault, never their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidCredentials {
    /// The identity is empty.
    #[error("the identity is empty: it is the email address of the BitoPro account")]
    EmptyIdentity,
    /// The API key is empty.
    #[error("the API key is empty: create one on BitoPro's API management page")]
    EmptyApiKey,
    /// The API key has characters that cannot stand in an HTTP header.
    #[error("the API key has spaces or other characters that an API key cannot have: was it copied whole?")]
    MalformedApiKey,
    /// The API secret is empty.
    #[error("the API secret is empty: it is shown once, when the API key is created")]
    EmptyApiSecret,
}

impl Credentials {
    /// Credentials of an account: its email address, an API key and that key's secret.
    ///
    /// What is passed by value is wiped after use; a copy elsewhere is the caller's to wipe.
    ///
    /// # Errors
    /// [`InvalidCredentials`] if a part is empty, or the API key cannot be an HTTP header's value.
    pub fn new(
        identity: impl Into<String>,
        api_key: impl Into<String>,
        api_secret: impl Into<String>,
    ) -> Result<Self, InvalidCredentials> {
        let identity = Zeroizing::new(identity.into());
        let api_key = Zeroizing::new(api_key.into());
        let api_secret = Zeroizing::new(api_secret.into());
        if identity.is_empty() {
            return Err(InvalidCredentials::EmptyIdentity);
        }
        if api_key.is_empty() {
            return Err(InvalidCredentials::EmptyApiKey);
        }
        if !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCredentials::MalformedApiKey);
        }
        if api_secret.is_empty() {
            return Err(InvalidCredentials::EmptyApiSecret);
        }
        // HMAC takes keys of any length, so this error cannot occur; the message would fit if it did.
        let key = HmacSha384::new_from_slice(api_secret.as_bytes())
            .map_err(|_| InvalidCredentials::EmptyApiSecret)?;
        Ok(Self(Arc::new(Inner { identity, api_key, key })))
    }

    /// The account's email address, which the payload of a GET carries.
    pub fn identity(&self) -> &str {
        &self.0.identity
    }

    /// The API key.
    pub fn api_key(&self) -> &str {
        &self.0.api_key
    }

    /// The HMAC of a payload's text.
    pub(crate) fn mac(&self, payload: &Payload) -> HmacSha384 {
        self.0.key.clone().chain_update(payload.as_str())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let credentials = Credentials::new("me@example.com", "the-key", "the-secret").unwrap();
        assert_eq!(
            format!("{credentials:?} {credentials:#?}"),
            "Credentials(redacted) Credentials(redacted)"
        );
    }

    #[test]
    fn each_missing_part_is_named() {
        let new = |identity: &str, key: &str, secret: &str| Credentials::new(identity, key, secret);
        assert_eq!(new("", "k", "s").unwrap_err(), InvalidCredentials::EmptyIdentity);
        assert_eq!(new("i", "", "s").unwrap_err(), InvalidCredentials::EmptyApiKey);
        assert_eq!(new("i", "k", "").unwrap_err(), InvalidCredentials::EmptyApiSecret);
        for key in ["k\n", "a b", "ключ"] {
            assert_eq!(new("i", key, "s").unwrap_err(), InvalidCredentials::MalformedApiKey);
        }
    }
}
