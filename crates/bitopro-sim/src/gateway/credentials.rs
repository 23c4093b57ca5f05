use std::fmt;

use bitopro_auth::{Credentials, CredentialsError};

/// The credentials of a simulated exchange's account.
///
/// The secret is public, since it protects nothing. `Debug` is redacted all the same, in case a real key is
/// used.
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
    /// Creates credentials. The simulator validates them when it starts.
    pub fn new(api_key: impl Into<String>, api_secret: impl Into<String>, email: impl Into<String>) -> Self {
        Self { api_key: api_key.into(), api_secret: api_secret.into(), email: email.into() }
    }

    /// Returns the default credentials of a simulator.
    pub fn demo() -> Self {
        Self::named("demo")
    }

    /// Returns credentials that are derived from the name of an account.
    ///
    /// # Examples
    ///
    /// ```
    /// let alice = bitopro_sim::SimCredentials::named("alice");
    /// assert_eq!(alice.api_key, "alice-key-of-the-simulator");
    /// assert_eq!(alice.api_secret, "alice-secret-of-the-simulator");
    /// assert_eq!(alice.email, "alice@example.com");
    /// ```
    pub fn named(name: &str) -> Self {
        Self::new(
            format!("{name}-key-of-the-simulator"),
            format!("{name}-secret-of-the-simulator"),
            format!("{name}@example.com"),
        )
    }

    /// Converts them to the credentials that a client signs with.
    ///
    /// # Errors
    ///
    /// Returns a [`CredentialsError`] if a part is empty or cannot be sent.
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
