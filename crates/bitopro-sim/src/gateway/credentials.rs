use std::fmt;

use bitopro_auth::{Credentials, CredentialsError};

/// The one account of a simulated exchange, with its secret in plain text: it guards nothing.
///
/// `Debug` shows none of it, in case a real key is used.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimCredentials {
    /// The API key.
    pub api_key: String,
    /// The API key's secret.
    pub api_secret: String,
    /// The account's email address.
    pub email: String,
}

impl SimCredentials {
    /// Creates the credentials of any account. The simulator checks them when it starts.
    pub fn new(api_key: impl Into<String>, api_secret: impl Into<String>, email: impl Into<String>) -> Self {
        Self { api_key: api_key.into(), api_secret: api_secret.into(), email: email.into() }
    }

    /// Returns the credentials that a simulator has by default.
    pub fn demo() -> Self {
        Self::new("demo-key-of-the-simulator", "demo-secret-of-the-simulator", "demo@example.com")
    }

    /// Returns the same credentials in the form that a client signs with.
    ///
    /// # Errors
    /// [`CredentialsError`] if a part is empty or cannot be sent.
    pub fn to_credentials(&self) -> Result<Credentials, CredentialsError> {
        Credentials::new(self.api_key.as_str(), self.api_secret.as_str(), self.email.as_str())
    }
}

impl Default for SimCredentials {
    fn default() -> Self {
        Self::demo()
    }
}

impl fmt::Debug for SimCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimCredentials(redacted)")
    }
}
