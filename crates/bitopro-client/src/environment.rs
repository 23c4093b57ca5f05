use std::env;

use bitopro_auth::{Credentials, CredentialsError};
use thiserror::Error;

/// The environment variable that holds the API key.
pub const API_KEY_VARIABLE: &str = "BITOPRO_API_KEY";
/// The environment variable that holds the API secret.
pub const API_SECRET_VARIABLE: &str = "BITOPRO_API_SECRET";
/// The environment variable that holds the account's email address.
pub const EMAIL_VARIABLE: &str = "BITOPRO_EMAIL";
/// The environment variable that holds the base URL, such as `wss://host:port/ws`. If it is unset or empty,
/// the client dials the exchange.
pub const WS_URL_VARIABLE: &str = "BITOPRO_WS_URL";

/// An error in the environment variables of a client. It never shows their values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// These variables are unset, empty or not valid Unicode.
    #[error("{}", missing_text(.0))]
    Missing(Vec<&'static str>),
    /// A variable is not valid Unicode.
    #[error("{0} is not valid Unicode")]
    NotText(&'static str),
    /// All variables are set, but one of the values is not valid.
    #[error("the credentials in the environment are invalid")]
    Invalid(#[from] CredentialsError),
}

/// Reads the credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`.
///
/// The exchange's own tools use the same names.
///
/// # Errors
///
/// Returns an [`EnvironmentError`] that names every missing variable, or contains the reason why the
/// credentials are invalid.
pub fn credentials_from_env() -> Result<Credentials, EnvironmentError> {
    read_credentials(|name| env::var(name).ok())
}

/// Describes missing variables and what to do about them.
fn missing_text(names: &[&str]) -> String {
    let (last, others) = names.split_last().unwrap_or((&"a variable", &[]));
    if others.is_empty() {
        return format!("{last} is unset, empty or not valid Unicode; set it");
    }
    format!("{} and {last} are unset, empty or not valid Unicode; set them", others.join(", "))
}

/// Reads the base URL from `BITOPRO_WS_URL`. Returns `None` if the variable is unset or empty.
pub(crate) fn base_url_from_env() -> Result<Option<String>, EnvironmentError> {
    let value = env::var_os(WS_URL_VARIABLE).filter(|value| !value.is_empty());
    value.map(|value| value.into_string().map_err(|_| EnvironmentError::NotText(WS_URL_VARIABLE))).transpose()
}

fn read_credentials(variable: impl Fn(&str) -> Option<String>) -> Result<Credentials, EnvironmentError> {
    let non_empty = |name| variable(name).filter(|value| !value.is_empty());
    match (non_empty(API_KEY_VARIABLE), non_empty(API_SECRET_VARIABLE), non_empty(EMAIL_VARIABLE)) {
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
        API_KEY_VARIABLE, API_SECRET_VARIABLE, CredentialsError, EMAIL_VARIABLE, EnvironmentError,
        read_credentials,
    };

    #[test]
    fn every_missing_variable_is_named() {
        let all = |name: &str| Some(format!("value@{name}"));
        assert_eq!(read_credentials(all).unwrap().email(), "value@BITOPRO_EMAIL");
        let error = read_credentials(|name| all(name).filter(|_| name == API_KEY_VARIABLE)).unwrap_err();
        assert_eq!(error, EnvironmentError::Missing(vec![API_SECRET_VARIABLE, EMAIL_VARIABLE]));
        let expected = "BITOPRO_API_SECRET and BITOPRO_EMAIL are unset, empty or not valid Unicode; set them";
        assert_eq!(error.to_string(), expected);
        let error = EnvironmentError::Missing(vec![EMAIL_VARIABLE]);
        assert_eq!(error.to_string(), "BITOPRO_EMAIL is unset, empty or not valid Unicode; set it");
        let error =
            read_credentials(|name| Some(String::new()).filter(|_| name != EMAIL_VARIABLE)).unwrap_err();
        assert_eq!(
            error,
            EnvironmentError::Missing(vec![API_KEY_VARIABLE, API_SECRET_VARIABLE, EMAIL_VARIABLE])
        );
    }

    #[test]
    fn an_invalid_value_is_not_shown() {
        let error = read_credentials(|_| Some("sec ret".to_owned())).unwrap_err();
        assert_eq!(error, EnvironmentError::Invalid(CredentialsError::MalformedApiKey));
        assert!(!format!("{error} {error:?}").contains("sec ret"));
    }
}
