mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use bitopro_auth::{Credentials, CredentialsPart, CredentialsProblem};
use thiserror::Error;
use zeroize::Zeroizing;

/// The environment variable that holds the API key.
pub const API_KEY_VARIABLE: &str = "BITOPRO_API_KEY";
/// The environment variable that holds the API secret.
pub const API_SECRET_VARIABLE: &str = "BITOPRO_API_SECRET";
/// The environment variable that holds the account's email address.
pub const EMAIL_VARIABLE: &str = "BITOPRO_EMAIL";
/// The environment variable that holds the base URL, such as `wss://host:port/ws`. If it is unset or empty,
/// the client dials the exchange.
pub const WS_URL_VARIABLE: &str = "BITOPRO_WS_URL";
/// The environment variable that holds the base URL of the REST API, such as `https://host:port/v3`. If it is unset or
/// empty, the REST API is that of the exchange, or off if the streams are not those of the exchange.
pub const REST_URL_VARIABLE: &str = "BITOPRO_REST_URL";

/// Maximum number of edits between a misspelt name and the one that it may stand for: the length of `API_`.
const MAX_EDITS: usize = 4;

/// Maximum number of unreadable lines that are reported one by one, since a file may not be text at all.
const MAX_UNREADABLE: usize = 5;

/// The problems with the variables of a client, in the environment or in a file. Never contains their values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .problems.join("; "))]
pub struct EnvironmentError {
    problems: Vec<String>,
}

impl EnvironmentError {
    /// Returns a description of each problem.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// Reads the credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`.
///
/// The exchange's own tools use the same names.
///
/// # Errors
///
/// Returns an [`EnvironmentError`] that lists every missing variable and every problem of the others.
pub fn credentials_from_env() -> Result<Credentials, EnvironmentError> {
    Variables::of_env().into_credentials()
}

/// Reads the credentials from the contents of a file with a line `NAME=value` for each of
/// `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`.
///
/// The lines mean what they mean to a shell: a value may be in quotes, `export` may precede a name, `#` starts
/// a comment, and the last of several lines with the same name counts. What a shell would expand, such as an
/// unquoted `$`, is an error. A byte order mark, Windows line ends and other names are ignored.
///
/// The caller is responsible for wiping `contents`.
///
/// # Errors
///
/// Returns an [`EnvironmentError`] that lists every missing name, every unreadable line by its number, and
/// every problem of the values.
///
/// # Examples
///
/// ```
/// use bitopro_client::credentials_from_lines;
///
/// let file = b"# my key\nexport BITOPRO_API_KEY=api-key\nBITOPRO_API_SECRET='$ecret'\nBITOPRO_EMAIL=me@example.com\n";
/// assert_eq!(credentials_from_lines(file)?.api_key(), "api-key");
///
/// let error = credentials_from_lines(b"BITOPRO_APIKEY=api-key\nBITOPRO_API_SECRET=$ecret").unwrap_err();
/// assert_eq!(
///     error.problems(),
///     [
///         "no value for BITOPRO_API_KEY and BITOPRO_EMAIL",
///         "unknown name BITOPRO_APIKEY (did you mean BITOPRO_API_KEY?)",
///         "line 2 contains a character that a shell would interpret (put the value in single quotes)",
///     ]
/// );
/// # Ok::<(), bitopro_client::EnvironmentError>(())
/// ```
pub fn credentials_from_lines(contents: &[u8]) -> Result<Credentials, EnvironmentError> {
    Variables::of_lines(contents).into_credentials()
}

/// The base URLs in the environment.
pub(crate) struct BaseUrls {
    pub(crate) streams: Option<String>,
    pub(crate) rest: Option<String>,
}

/// Reads the credentials, and the base URLs that are set, from the environment.
pub(crate) fn settings_from_env() -> Result<(Credentials, BaseUrls), EnvironmentError> {
    let mut variables = Variables::of_env();
    let [streams, rest] = [WS_URL_VARIABLE, REST_URL_VARIABLE].map(|name| {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        value.into_string().map_err(|_| variables.problems.push(not_unicode(name))).ok()
    });
    Ok((variables.into_credentials()?, BaseUrls { streams, rest }))
}

/// Reads the base URL of the streams from the environment, if it is set.
pub(crate) fn ws_url_from_env() -> Result<Option<String>, EnvironmentError> {
    let value =
        env::var_os(WS_URL_VARIABLE).filter(|value| !value.is_empty()).map(std::ffi::OsString::into_string);
    value.transpose().map_err(|_| EnvironmentError { problems: vec![not_unicode(WS_URL_VARIABLE)] })
}

fn not_unicode(name: &str) -> String {
    format!("{name} is not valid Unicode")
}

/// The name of the variable for a part of the credentials.
fn variable(part: CredentialsPart) -> &'static str {
    match part {
        CredentialsPart::ApiKey => API_KEY_VARIABLE,
        CredentialsPart::ApiSecret => API_SECRET_VARIABLE,
        CredentialsPart::Email => EMAIL_VARIABLE,
    }
}

/// The variables of one source.
#[derive(Default)]
struct Variables {
    /// The values by name. `None` is an unreadable value.
    values: BTreeMap<&'static str, Option<Zeroizing<String>>>,
    other_names: BTreeSet<String>,
    problems: Vec<String>,
}

impl Variables {
    fn of_env() -> Self {
        let mut variables = Self::default();
        for (name, value) in env::vars_os() {
            // Taken apart without a copy, so that every value is wiped.
            let value = text(value.into_encoded_bytes());
            if let Some(name) = name.to_str() {
                variables.add(name, value.ok_or_else(|| not_unicode(name)));
            }
        }
        variables
    }

    fn of_lines(contents: &[u8]) -> Self {
        let mut variables = Self::default();
        for line in lines::parse(contents) {
            match line {
                Ok((name, value)) => variables.add(name, value),
                Err(problem) => variables.problems.push(problem),
            }
        }
        let more = variables.problems.len().saturating_sub(MAX_UNREADABLE);
        if more > 0 {
            variables.problems.truncate(MAX_UNREADABLE);
            variables.problems.push(format!("{more} more lines cannot be read"));
        }
        variables
    }

    /// Adds a value, or the problem that makes it unreadable. The last value of a name counts.
    fn add(&mut self, name: &str, value: Result<Zeroizing<String>, String>) {
        let known = [API_KEY_VARIABLE, API_SECRET_VARIABLE, EMAIL_VARIABLE];
        let Some(known) = known.into_iter().find(|known| *known == name) else {
            self.other_names.insert(name.to_owned());
            return;
        };
        let value = value.map_err(|problem| self.problems.push(problem)).ok();
        self.values.insert(known, value);
    }

    fn into_credentials(mut self) -> Result<Credentials, EnvironmentError> {
        // Moves the strings, which `Credentials::new` wipes.
        let mut take = |part| {
            let value = self.values.get_mut(variable(part)).and_then(Option::as_mut);
            value.map(|value| std::mem::take(&mut **value)).unwrap_or_default()
        };
        let (key, secret) = (take(CredentialsPart::ApiKey), take(CredentialsPart::ApiSecret));
        let credentials = Credentials::new(key, secret, take(CredentialsPart::Email));
        let problems = match &credentials {
            Ok(_) => &[][..],
            Err(error) => error.problems(),
        };
        let mut missing = Vec::new();
        for problem in problems {
            match problem {
                CredentialsProblem::Empty(part) => missing.push(variable(*part)),
                other => self.problems.push(other.to_string()),
            }
        }
        missing.retain(|name| !matches!(self.values.get(name), Some(None)));
        self.problems.splice(0..0, describe_missing(&missing, &self.other_names));
        match credentials {
            Ok(credentials) if self.problems.is_empty() => Ok(credentials),
            _ => Err(EnvironmentError { problems: self.problems }),
        }
    }
}

/// Converts bytes to text without a copy, or wipes them.
fn text(bytes: Vec<u8>) -> Option<Zeroizing<String>> {
    match String::from_utf8(bytes) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            None
        }
    }
}

/// Describes missing variables, and the names that may be misspelt ones of them.
fn describe_missing(missing: &[&'static str], other_names: &BTreeSet<String>) -> Vec<String> {
    let Some((last, others)) = missing.split_last() else { return Vec::new() };
    let names =
        if others.is_empty() { (*last).to_owned() } else { format!("{} and {last}", others.join(", ")) };
    let hints = missing.iter().filter_map(|name| {
        let edits = |other: &str| strsim::levenshtein(&other.to_ascii_uppercase(), name);
        let similar = other_names.iter().filter(|other| edits(other) <= MAX_EDITS);
        let similar = similar.min_by_key(|other| edits(other))?;
        Some(format!("unknown name {similar} (did you mean {name}?)"))
    });
    std::iter::once(format!("no value for {names}")).chain(hints).collect()
}

#[cfg(test)]
mod tests;
