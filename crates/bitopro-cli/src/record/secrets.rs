//! The last check of a recording before it is written: no secret may occur in it, in any common encoding.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::json;

/// A shorter piece of an encoded text may occur anywhere by chance.
const SHORTEST_ENCODED: usize = 4;

/// Texts that must not be written, each with a name for messages. Not `Debug`.
pub(super) struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    pub(super) fn new(secrets: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(secrets.into_iter().filter(|(_, secret)| !secret.is_empty()).collect())
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Returns the name of a secret that occurs in a JSON text: verbatim, in hex, or within base64.
    pub(super) fn found_in(&self, text: &str) -> Option<&'static str> {
        // Escaped and unescaped: JSON can write any character as an escape.
        let exact = format!("{text}\n{}", json::strings(text).join("\n"));
        let lowercase = exact.to_lowercase();
        let found = |secret: &str| {
            lowercase.contains(&secret.to_lowercase())
                || lowercase.contains(&hex::encode(secret))
                || in_base64(secret).iter().any(|encoded| exact.contains(encoded))
        };
        self.0.iter().find(|(_, secret)| found(secret)).map(|(name, _)| *name)
    }
}

/// Returns the characters that a secret becomes within a longer text in base64, for each alignment to its groups of
/// three bytes and for both alphabets.
fn in_base64(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        let whole = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = alphabet.encode(&bytes);
            forms.extend(encoded.get(whole.clone()).map(str::to_owned));
        }
    }
    forms.retain(|form| form.len() >= SHORTEST_ENCODED);
    forms
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::{Engine, STANDARD_NO_PAD, Secrets};

    const EMAIL: &str = "名+me?~@example.com";

    fn found(value: &str) -> Option<&'static str> {
        let secrets = Secrets::new([("the email", EMAIL.to_owned()), ("nothing", String::new())]);
        secrets.found_in(&format!("{{\"x\": {}}}", serde_json::to_string(value).unwrap()))
    }

    #[test]
    fn every_common_encoding_is_found() {
        for before in ["", "x", "xy", "xyz"] {
            for after in ["", "a", "ab"] {
                let text = format!("{before}{EMAIL}{after}");
                for form in [
                    text.clone(),
                    text.to_uppercase(),
                    hex::encode(&text),
                    hex::encode_upper(&text),
                    STANDARD.encode(&text),
                    URL_SAFE.encode(&text),
                    STANDARD_NO_PAD.encode(&text),
                ] {
                    assert_eq!(found(&form), Some("the email"), "{form}");
                }
            }
        }
        let secrets = Secrets::new([("the email", EMAIL.to_owned())]);
        assert_eq!(secrets.found_in(r#"["\u540d+m\u0065?~\u0040example.com"]"#), Some("the email"));
        assert_eq!(secrets.found_in(r#"{"名+me?~@example.com": 1}"#), Some("the email"));
    }

    #[test]
    fn other_texts_are_not_reported() {
        for text in ["", "me@example.com", "名+me?~@example.co", &STANDARD.encode("somebody else entirely")]
        {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
