use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha384;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::payload::Payload;

type HmacSha384 = Hmac<Sha384>;

/// An API key, its secret and the account's email address.
///
/// The secret is kept only as a prepared HMAC key, and everything is wiped from memory when the last clone is
/// dropped. `Debug` output is redacted, and neither `Display` nor `Serialize` is implemented.
///
/// # Examples
///
/// ```
/// use bitopro_auth::{Credentials, CredentialsError};
///
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// assert_eq!(credentials.email(), "me@example.com");
/// assert_eq!(format!("{credentials:?}"), "Credentials(redacted)");
///
/// let error = Credentials::new("api-key", "", "me@example.com").unwrap_err();
/// assert_eq!(error, CredentialsError::EmptyApiSecret);
/// # Ok::<(), CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    email: Zeroizing<String>,
    api_key: Zeroizing<String>,
    key: HmacSha384,
}

/// The error returned by [`Credentials::new`]. Names the invalid part, but never contains its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The API key is empty.
    #[error("the API key is empty; create one on BitoPro's API management page")]
    EmptyApiKey,
    /// The API key contains a character other than visible ASCII, such as a space or a line break.
    #[error(
        "the API key contains a space, a line break or another character that is not visible ASCII; copy it again, without \
         anything around it"
    )]
    MalformedApiKey,
    /// The API secret is empty.
    #[error("the API secret is empty; BitoPro shows it only once, when the API key is created")]
    EmptyApiSecret,
    /// The email address is empty.
    #[error("the email address is empty; use the address of the BitoPro account")]
    EmptyEmail,
    /// The email address has no `@`, for example because the arguments are in the wrong order.
    #[error("the email address has no `@`; use the address of the BitoPro account")]
    MalformedEmail,
}

impl Credentials {
    /// Creates the credentials of an account from an API key, its secret and the account's email address.
    ///
    /// bitopro-client and the `bitopro` command read these values from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET`
    /// and `BITOPRO_EMAIL`.
    ///
    /// Strings that are passed by value are wiped after use. The caller is responsible for any other copy.
    ///
    /// # Errors
    ///
    /// Returns a [`CredentialsError`] if a part is empty, the API key contains anything other than visible
    /// ASCII characters, or the email address has no `@`.
    pub fn new(
        api_key: impl Into<String>,
        api_secret: impl Into<String>,
        email: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        let api_key = Zeroizing::new(api_key.into());
        let api_secret = Zeroizing::new(api_secret.into());
        let email = Zeroizing::new(email.into());
        if api_key.is_empty() {
            return Err(CredentialsError::EmptyApiKey);
        }
        if !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialsError::MalformedApiKey);
        }
        if api_secret.is_empty() {
            return Err(CredentialsError::EmptyApiSecret);
        }
        if email.is_empty() {
            return Err(CredentialsError::EmptyEmail);
        }
        if !email.contains('@') {
            return Err(CredentialsError::MalformedEmail);
        }
        // HMAC accepts keys of any length, so this error cannot occur.
        let key = HmacSha384::new_from_slice(api_secret.as_bytes())
            .map_err(|_| CredentialsError::EmptyApiSecret)?;
        Ok(Self(Arc::new(Inner { email, api_key, key })))
    }

    /// Returns the account's email address, which the payload of a `GET` contains as `identity`.
    pub fn email(&self) -> &str {
        &self.0.email
    }

    /// Returns the API key.
    pub fn api_key(&self) -> &str {
        &self.0.api_key
    }

    /// Returns the HMAC of a payload's text, not yet finalized.
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
    use super::{Credentials, CredentialsError};

    #[test]
    fn debug_output_is_redacted() {
        let credentials = Credentials::new("the-key", "the-secret", "me@example.com").unwrap();
        assert_eq!(
            format!("{credentials:?} {credentials:#?}"),
            "Credentials(redacted) Credentials(redacted)"
        );
    }

    #[test]
    fn each_invalid_part_has_its_own_error() {
        let new = |key: &str, secret: &str, email: &str| Credentials::new(key, secret, email);
        assert_eq!(new("", "s", "e@x").unwrap_err(), CredentialsError::EmptyApiKey);
        assert_eq!(new("k", "", "e@x").unwrap_err(), CredentialsError::EmptyApiSecret);
        assert_eq!(new("k", "s", "").unwrap_err(), CredentialsError::EmptyEmail);
        // Earlier versions took the email first.
        assert_eq!(new("e@x", "k", "s").unwrap_err(), CredentialsError::MalformedEmail);
        for key in ["k\n", "a b", "ключ"] {
            assert_eq!(new(key, "s", "e@x").unwrap_err(), CredentialsError::MalformedApiKey);
        }
    }
}
