use std::env;

use bitopro_auth::{Credentials, CredentialsError};
use thiserror::Error;

/// The environment variable that holds the API key.
pub const API_KEY_VARIABLE: &str = "BITOPRO_API_KEY";
/// The environment variable that holds the API secret.
pub const API_SECRET_VARIABLE: &str = "BITOPRO_API_SECRET";
/// The environment variable that holds the account's email address.
pub const EMAIL_VARIABLE: &str = "BITOPRO_EMAIL";
/// The environment variable that holds the base endpoint, such as `wss://host:port/ws`, if it is not the exchange's.
pub const WS_URL_VARIABLE: &str = "BITOPRO_WS_URL";

/// Why the environment holds no credentials. Never shows a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// Variables that are not set, are empty, or are not text.
    #[error("{} not set: set BITOPRO_API_KEY, BITOPRO_API_SECRET and BITOPRO_EMAIL", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// A variable that is not text.
    #[error("{0} is not text")]
    NotText(&'static str),
    /// All are set, and one of them cannot be used.
    #[error("the credentials in the environment cannot be used")]
    Invalid(#[from] CredentialsError),
}

/// Reads credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`, the names that the
/// exchange's own tools use.
///
/// # Errors
/// [`EnvironmentError`], which names every variable that is missing.
pub fn credentials_from_env() -> Result<Credentials, EnvironmentError> {
    read(|name| env::var(name).ok())
}

/// Reads the base endpoint from `BITOPRO_WS_URL`, if that is set and not empty.
pub(crate) fn endpoint_from_env() -> Result<Option<String>, EnvironmentError> {
    let value = env::var_os(WS_URL_VARIABLE).filter(|value| !value.is_empty());
    value.map(|value| value.into_string().map_err(|_| EnvironmentError::NotText(WS_URL_VARIABLE))).transpose()
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Credentials, EnvironmentError> {
    let filled = |name| variable(name).filter(|value| !value.is_empty());
    match (filled(API_KEY_VARIABLE), filled(API_SECRET_VARIABLE), filled(EMAIL_VARIABLE)) {
        (Some(key), Some(secret), Some(email)) => Ok(Credentials::new(key, secret, email)?),
        (key, secret, email) => {
            let missing = [(API_KEY_VARIABLE, key), (API_SECRET_VARIABLE, secret), (EMAIL_VARIABLE, email)];
            Err(EnvironmentError::Missing(
                missing.into_iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect(),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        API_KEY_VARIABLE, API_SECRET_VARIABLE, CredentialsError, EMAIL_VARIABLE, EnvironmentError, read,
    };

    #[test]
    fn every_missing_variable_is_named() {
        let all = |name: &str| Some(format!("value@{name}"));
        assert_eq!(read(all).unwrap().email(), "value@BITOPRO_EMAIL");
        let error = read(|name| all(name).filter(|_| name == API_KEY_VARIABLE)).unwrap_err();
        assert_eq!(error, EnvironmentError::Missing(vec![API_SECRET_VARIABLE, EMAIL_VARIABLE]));
        assert!(error.to_string().starts_with("BITOPRO_API_SECRET, BITOPRO_EMAIL not set: "), "{error}");
        let error = read(|name| Some(String::new()).filter(|_| name != EMAIL_VARIABLE)).unwrap_err();
        assert_eq!(
            error,
            EnvironmentError::Missing(vec![API_KEY_VARIABLE, API_SECRET_VARIABLE, EMAIL_VARIABLE])
        );
    }

    #[test]
    fn a_value_that_cannot_be_used_is_not_shown() {
        let error = read(|_| Some("sec ret".to_owned())).unwrap_err();
        assert_eq!(error, EnvironmentError::Invalid(CredentialsError::MalformedApiKey));
        assert!(!format!("{error} {error:?}").contains("sec ret"));
    }
}
