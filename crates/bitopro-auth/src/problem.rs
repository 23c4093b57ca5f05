use std::fmt;

use thiserror::Error;

/// Quotes that often remain around a value which was copied from a file.
const QUOTES: [char; 2] = ['"', '\''];

/// The error returned by [`Credentials::new`](crate::Credentials::new): every problem, none of which contains a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", join(.problems))]
pub struct CredentialsError {
    problems: Vec<CredentialsProblem>,
}

impl CredentialsError {
    pub(crate) fn new(problems: Vec<CredentialsProblem>) -> Self {
        Self { problems }
    }

    /// Returns each problem.
    pub fn problems(&self) -> &[CredentialsProblem] {
        &self.problems
    }
}

fn join(problems: &[CredentialsProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A problem with one part of the credentials. Never contains its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialsProblem {
    /// The part is empty.
    #[error("{0} is empty ({advice})", advice = .0.advice())]
    Empty(CredentialsPart),
    /// The part contains a space, a line break or another character that it cannot contain, or that is not
    /// visible.
    #[error("{0} contains a space, a line break or another {character} (copy it again, without anything around it)",
        character = .0.forbidden())]
    Malformed(CredentialsPart),
    /// The part begins or ends with a quote.
    #[error("{0} has a quote at its beginning or end (remove it)")]
    Quoted(CredentialsPart),
    /// The API key contains an `@`, for example because the values were swapped.
    #[error("the API key contains `@` (it may be the email address)")]
    EmailAsApiKey,
    /// The email address has no `@`, for example because the values were swapped.
    #[error("the email address has no `@` (use the address of the BitoPro account)")]
    NotAnEmail,
}

/// One part of the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsPart {
    /// The API key.
    ApiKey,
    /// The API secret.
    ApiSecret,
    /// The account's email address.
    Email,
}

impl CredentialsPart {
    /// Returns where to get the value.
    fn advice(self) -> &'static str {
        match self {
            Self::ApiKey => "create one on BitoPro's API management page",
            Self::ApiSecret => "BitoPro shows it only once, when the API key is created",
            Self::Email => "use the address of the BitoPro account",
        }
    }

    /// Describes the characters that the part cannot contain.
    fn forbidden(self) -> &'static str {
        match self {
            Self::ApiKey | Self::ApiSecret => "character that is not visible ASCII",
            Self::Email => "invisible character",
        }
    }

    fn allows(self, character: char) -> bool {
        match self {
            Self::ApiKey | Self::ApiSecret => character.is_ascii_graphic(),
            // The last ones are invisible and often copied from a web page or the beginning of a file.
            Self::Email => {
                let is_invisible = character.is_whitespace() || character.is_control();
                !is_invisible && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
            }
        }
    }

    /// Returns the problems of a value of this part.
    pub(crate) fn problems(self, value: &str) -> impl Iterator<Item = CredentialsProblem> {
        let mark = match self {
            Self::ApiKey => value.contains('@').then_some(CredentialsProblem::EmailAsApiKey),
            Self::ApiSecret => None,
            Self::Email => (!value.contains('@')).then_some(CredentialsProblem::NotAnEmail),
        };
        let is_quoted = value.starts_with(QUOTES) || value.ends_with(QUOTES);
        let is_malformed = !value.chars().all(|character| self.allows(character));
        let problems = if value.is_empty() {
            [Some(CredentialsProblem::Empty(self)), None, None]
        } else {
            [
                is_malformed.then_some(CredentialsProblem::Malformed(self)),
                is_quoted.then_some(CredentialsProblem::Quoted(self)),
                mark,
            ]
        };
        problems.into_iter().flatten()
    }
}

impl fmt::Display for CredentialsPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey => "the API key",
            Self::ApiSecret => "the API secret",
            Self::Email => "the email address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::CredentialsPart;
    use super::CredentialsProblem::{self, EmailAsApiKey, Empty, Malformed, NotAnEmail, Quoted};
    use crate::Credentials;

    fn problems(key: &str, secret: &str, email: &str) -> Vec<CredentialsProblem> {
        Credentials::new(key, secret, email).map_or_else(|error| error.problems().to_vec(), |_| Vec::new())
    }

    #[test]
    fn fault_60_every_problem_of_every_part_is_reported() {
        let [key, secret, email] =
            [CredentialsPart::ApiKey, CredentialsPart::ApiSecret, CredentialsPart::Email];
        assert_eq!(problems("", "", ""), [key, secret, email].map(Empty));
        // Earlier versions took the email first.
        assert_eq!(problems("me@example.com", "key", "secret"), [EmailAsApiKey, NotAnEmail]);
        for (part, value) in [(key, "k"), (secret, "s"), (email, "e@x")] {
            let problems = |value: &str| match part {
                CredentialsPart::ApiKey => problems(value, "s", "e@x"),
                CredentialsPart::ApiSecret => problems("k", value, "e@x"),
                CredentialsPart::Email => problems("k", "s", value),
            };
            assert_eq!(problems(value), []);
            for around in ["\n", "\r", " ", "\t", "\0", "\u{a0}", "\u{200b}", "\u{feff}"] {
                assert_eq!(problems(&format!("{around}{value}")), [Malformed(part)], "{around:?} before");
                assert_eq!(problems(&format!("{value}{around}")), [Malformed(part)], "{around:?} after");
            }
            for quote in ['"', '\''] {
                assert_eq!(problems(&format!("{quote}{value}")), [Quoted(part)]);
                assert_eq!(problems(&format!("{value}{quote}")), [Quoted(part)]);
                assert_eq!(problems(&format!("{value}{quote} ")), [Malformed(part)]);
                assert_eq!(problems(&format!("{quote}{value}{quote}\r")), [Malformed(part), Quoted(part)]);
            }
        }
        assert_eq!(problems("ключ", "тайна", "имя@example.com"), [Malformed(key), Malformed(secret)]);
        assert_eq!(problems("$2a$10$./k=", "$2a$10$.'/\"s@=", "o'neill+\"x\"@example.com"), []);
    }

    #[test]
    fn fault_60_an_error_shows_no_value() {
        let error = Credentials::new("k3y@\n", "'s3cr3t'", "m3").unwrap_err();
        let shown = format!("{error} {error:?} {error:#?}");
        for value in ["k3y", "s3cr3t", "m3"] {
            assert!(!shown.contains(value), "{shown}");
        }
        assert!(error.to_string().starts_with(
            "the API key contains a space, a line break or another character that is not visible ASCII (copy it again"
        ));
    }
}
