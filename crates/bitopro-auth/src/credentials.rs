use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha384;
use zeroize::Zeroizing;

use crate::payload::Payload;
use crate::problem::{CredentialsError, CredentialsPart};

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
/// let error = Credentials::new("me@example.com", "", "api-key").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the API key contains `@` (it may be the email address); the API secret is empty (BitoPro shows it only once, \
///      when the API key is created); the email address has no `@` (use the address of the BitoPro account)"
/// );
/// # Ok::<(), CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    email: Zeroizing<String>,
    api_key: Zeroizing<String>,
    key: HmacSha384,
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
    /// Returns a [`CredentialsError`] that lists every problem: a part is empty or has a quote at its
    /// beginning or end, the API key or the secret contains anything other than visible ASCII characters, the
    /// email address contains a space, a control character or another invisible character, the API key
    /// contains an `@`, or the email address has none.
    pub fn new(
        api_key: impl Into<String>,
        api_secret: impl Into<String>,
        email: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        let api_key = Zeroizing::new(api_key.into());
        let api_secret = Zeroizing::new(api_secret.into());
        let email = Zeroizing::new(email.into());
        let parts = [
            (CredentialsPart::ApiKey, &api_key),
            (CredentialsPart::ApiSecret, &api_secret),
            (CredentialsPart::Email, &email),
        ];
        let problems: Vec<_> = parts.into_iter().flat_map(|(part, value)| part.problems(value)).collect();
        // HMAC accepts keys of any length.
        match HmacSha384::new_from_slice(api_secret.as_bytes()) {
            Ok(key) if problems.is_empty() => Ok(Self(Arc::new(Inner { email, api_key, key }))),
            _ => Err(CredentialsError::new(problems)),
        }
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
    use super::Credentials;

    #[test]
    fn debug_output_is_redacted() {
        let credentials = Credentials::new("the-key", "the-secret", "me@example.com").unwrap();
        assert_eq!(
            format!("{credentials:?} {credentials:#?}"),
            "Credentials(redacted) Credentials(redacted)"
        );
    }
}
