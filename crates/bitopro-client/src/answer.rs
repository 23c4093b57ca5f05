use bitopro_auth::{Credentials, SignedHeaders};
use bitopro_transport::Refusal;
use http::header::SERVER;
use serde_json::Value;

/// Longest quotation of a server, in characters.
const LONGEST: usize = 200;

/// Describes who refused an upgrade, and in which words, if the answer has any. Bounded, printable and without secrets.
pub(crate) fn describe(refusal: &Refusal, secrets: &Secrets<'_>) -> Option<String> {
    let body = String::from_utf8_lossy(&refusal.body);
    let body = body.trim();
    if body.is_empty() {
        return None;
    }
    let server = refusal.headers.get(SERVER).and_then(|server| server.to_str().ok());
    let server = server.map(|server| format!(" ({})", secrets.quote(server))).unwrap_or_default();
    if body.starts_with('<') {
        return Some(format!("the server{server} answered with an HTML page"));
    }
    let words = match serde_json::from_str(body) {
        Ok(Value::Object(mut object)) => {
            ["error", "message"].iter().find_map(|name| match object.remove(*name) {
                Some(Value::String(words)) => Some(words),
                _ => None,
            })
        }
        _ => None,
    };
    let words = words.unwrap_or_else(|| body.to_owned());
    Some(format!("the server{server} says: {}", secrets.quote(&words)))
}

/// The parts of a dial that the server has seen and may echo.
#[derive(Debug)]
pub(crate) struct Secrets<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) sent: Option<&'a SignedHeaders>,
}

impl Secrets<'_> {
    /// Quotes a text of the server: at most 200 characters, printable, with every secret replaced.
    pub(crate) fn quote(&self, text: &str) -> String {
        let sent = self.sent.iter().flat_map(|sent| [sent.payload(), sent.signature()]);
        let secrets = [self.credentials.api_key(), self.credentials.identity()].into_iter().chain(sent);
        let text = secrets.fold(text.to_owned(), |text, secret| redact(&text, secret));
        let quoted: String = text.chars().take(LONGEST).collect();
        let is_cut = quoted.len() < text.len();
        format!("{}{}", quoted.escape_debug(), if is_cut { "…" } else { "" })
    }
}

/// Length from which a secret is replaced inside of words too. A shorter one, as in a test, may be part of many.
const LONG_SECRET: usize = 16;

fn redact(text: &str, secret: &str) -> String {
    let (mut redacted, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(secret).filter(|_| !secret.is_empty()) {
        let is_inside = before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
        let is_kept = is_inside && secret.len() < LONG_SECRET;
        redacted.extend([before, if is_kept { secret } else { "(redacted)" }]);
        rest = after;
    }
    redacted + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitopro_auth::Signer;
    use http::{HeaderValue, StatusCode};

    fn described(server: Option<&'static str>, body: &str) -> Option<String> {
        let signer = Signer::new(Credentials::new("me@example.com", "k3y", "s3cr3t").unwrap());
        let sent = signer.sign_identity(1);
        let body = body.replace("PAYLOAD", sent.payload()).replace("SIGNATURE", sent.signature());
        let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED);
        refusal.body = body.into();
        refusal.headers.extend(server.map(|server| (SERVER, HeaderValue::from_static(server))));
        describe(&refusal, &Secrets { credentials: signer.credentials(), sent: Some(&sent) })
    }

    #[test]
    fn a_refusal_says_who_answered_in_which_words() {
        let ip = "IP 203.0.113.9 is not in the whitelist of this API key";
        for (server, body, expected) in [
            (None, "", None),
            (None, &*format!(r#"{{"error":"{ip}"}}"#), Some(format!("the server says: {ip}"))),
            (None, r#"{"message":"no"}"#, Some("the server says: no".to_owned())),
            (
                Some("nginx/1.22"),
                "<html>404",
                Some("the server (nginx/1.22) answered with an HTML page".to_owned()),
            ),
            (
                Some("nginx"),
                "default backend - 404\n",
                Some("the server (nginx) says: default backend - 404".to_owned()),
            ),
        ] {
            assert_eq!(described(server, body), expected);
        }
    }

    #[test]
    fn an_echo_of_what_was_sent_is_never_shown() {
        let shown = described(None, "k3y me@example.com PAYLOAD SIGNATURE").unwrap();
        assert_eq!(shown, "the server says: (redacted) (redacted) (redacted) (redacted)");
        let shown = described(None, "this k3yboard, xSIGNATURE").unwrap();
        assert_eq!(shown, "the server says: this k3yboard, x(redacted)");
    }

    #[test]
    fn a_hostile_answer_is_printable_and_bounded() {
        let shown = described(None, &format!("\u{1b}[2J\u{202e}{}", "x".repeat(900))).unwrap();
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}') && shown.len() < 300, "{shown}");
    }
}
