use bitopro_auth::{Credentials, SignedHeaders};
use bitopro_transport::Refusal;
use http::Uri;
use http::header::{LOCATION, SERVER};
use serde_json::Value;

/// Maximum length of a quoted text from a server, in characters.
const MAX_QUOTE: usize = 200;

/// Describes the response of a server that refused an upgrade: its name and its message, if any. The
/// description is bounded and printable, and contains no secret.
pub(crate) fn describe(refusal: &Refusal, secrets: &Secrets<'_>) -> Option<String> {
    if refusal.status.is_redirection()
        && let Some(location) = refusal.headers.get(LOCATION).and_then(|location| location.to_str().ok())
    {
        let target: Option<Uri> = location.parse().ok();
        let host = match &target {
            // `Uri` may parse a relative reference as an authority.
            Some(url) if url.scheme().is_none() => "another path of the same host",
            Some(url) => url.host().unwrap_or("another host"),
            None => "an invalid URL",
        };
        return Some(format!("the redirect points to {}", secrets.quote(host)));
    }
    let body = String::from_utf8_lossy(&refusal.body);
    let body = body.trim();
    if body.is_empty() {
        return None;
    }
    let server = refusal.headers.get(SERVER).and_then(|server| server.to_str().ok());
    let server = server.map(|server| format!(" ({})", secrets.quote(server))).unwrap_or_default();
    if body.starts_with('<') {
        return Some(format!("the server{server} responded with an HTML page"));
    }
    let message = match serde_json::from_str(body) {
        Ok(value) => message_text(value),
        // The JSON is truncated or invalid, so escape sequences in it could hide a secret.
        Err(_) if body.starts_with(['{', '[', '"']) => {
            return Some(format!("the server{server} responded with JSON that cannot be parsed"));
        }
        Err(_) => body.to_owned(),
    };
    Some(format!("the server{server} says: {}", secrets.quote(&message)))
}

/// Returns the message in a JSON response: the text of `error` or `message`, or else all of its values.
fn message_text(value: Value) -> String {
    if let Some(Value::String(message)) = value.get("error").or_else(|| value.get("message")) {
        return message.clone();
    }
    match value {
        Value::Object(object) => object.into_values().map(message_text).collect::<Vec<_>>().join(" "),
        Value::Array(array) => array.into_iter().map(message_text).collect::<Vec<_>>().join(" "),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The secrets that a dial has sent, which the server may echo.
#[derive(Debug)]
pub(crate) struct Secrets<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) sent: Option<&'a SignedHeaders>,
}

impl Secrets<'_> {
    /// Quotes a text from the server: at most 200 characters, printable, with every secret replaced.
    pub(crate) fn quote(&self, text: &str) -> String {
        let sent = self.sent.iter().flat_map(|sent| [sent.payload(), sent.signature()]);
        let secrets = [self.credentials.api_key(), self.credentials.email()].into_iter().chain(sent);
        let text = secrets.fold(text.to_owned(), |text, secret| redact(&text, secret));
        let quoted: String = text.chars().take(MAX_QUOTE).collect();
        let is_truncated = quoted.len() < text.len();
        format!("{}{}", quoted.escape_debug(), if is_truncated { "…" } else { "" })
    }
}

/// Minimum length of a part of a secret that is replaced wherever it occurs, because the server may truncate
/// what it echoes.
const MIN_ECHO: usize = 12;

/// Replaces a secret and every long part of it, ignoring ASCII case. A short secret, as in a test, is
/// replaced only if it is a whole word, unless it is an email address.
fn redact(text: &str, secret: &str) -> String {
    let (mut redacted, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(next) = text[at..].chars().next() {
        let length = echoed_len(&text[at..], secret);
        let is_word = !text[..at].ends_with(char::is_alphanumeric)
            && !text.get(at + length..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric));
        let is_whole = length == secret.len() && (is_word || secret.contains('@'));
        if length > 0 && (length >= MIN_ECHO || is_whole) && text.is_char_boundary(at + length) {
            redacted.push_str("(redacted)");
            at += length;
        } else {
            redacted.push(next);
            at += next.len_utf8();
        }
    }
    redacted
}

/// Returns the length of the longest part of the secret with which the text begins.
fn echoed_len(text: &str, secret: &str) -> usize {
    let common = |start: usize| {
        let pairs = text.bytes().zip(secret.bytes().skip(start));
        pairs.take_while(|(text, secret)| text.eq_ignore_ascii_case(secret)).count()
    };
    (0..secret.len()).map(common).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use bitopro_auth::{Credentials, Signer};
    use bitopro_transport::Refusal;
    use http::header::{LOCATION, SERVER};
    use http::{HeaderValue, StatusCode};

    use super::{Secrets, describe};

    fn described(server: Option<&'static str>, body: &str) -> Option<String> {
        let signer = Signer::new(Credentials::new("k3y", "s3cr3t", "me@example.com").unwrap());
        let sent = signer.sign_identity(1);
        let body = body.replace("PAYLOAD", sent.payload()).replace("SIGNATURE", sent.signature());
        let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED);
        refusal.body = body.into();
        refusal.headers.extend(server.map(|server| (SERVER, HeaderValue::from_static(server))));
        describe(&refusal, &Secrets { credentials: signer.credentials(), sent: Some(&sent) })
    }

    #[test]
    fn a_refusal_is_described_by_the_name_and_message_of_the_server() {
        let ip = "IP 203.0.113.9 is not in the whitelist of this API key";
        for (server, body, expected) in [
            (None, "", None),
            (None, &*format!(r#"{{"error":"{ip}"}}"#), Some(format!("the server says: {ip}"))),
            (None, r#"{"message":"no"}"#, Some("the server says: no".to_owned())),
            (
                Some("nginx/1.22"),
                "<html>404",
                Some("the server (nginx/1.22) responded with an HTML page".to_owned()),
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
    fn fault_41_a_redirect_names_the_host_of_its_target() {
        let credentials = Credentials::new("k3y", "s3cr3t", "me@example.com").unwrap();
        let secrets = Secrets { credentials: &credentials, sent: None };
        for (location, expected) in [
            ("https://login.example/ws?next=k3y", "the redirect points to login.example"),
            ("/login", "the redirect points to another path of the same host"),
            ("maintenance.html", "the redirect points to another path of the same host"),
            ("https://login.example/a b", "the redirect points to an invalid URL"),
        ] {
            let mut refusal = Refusal::new(StatusCode::FOUND);
            refusal.headers.insert(LOCATION, HeaderValue::from_static(location));
            assert_eq!(describe(&refusal, &secrets).as_deref(), Some(expected));
        }
    }

    #[test]
    fn secrets_that_the_server_echoes_are_never_shown() {
        let shown = described(None, "k3y me@example.com PAYLOAD SIGNATURE").unwrap();
        assert_eq!(shown, "the server says: (redacted) (redacted) (redacted) (redacted)");
        for (body, expected) in [
            ("this k3yboard, xSIGNATURE", "this k3yboard, x(redacted)"),
            (r#"{"detail":"identity \u0022me@example.com\u0022"}"#, r#"identity \"(redacted)\""#),
            (r#"{"detail":["nme\u0040example.com","K3Y"]}"#, "n(redacted) (redacted)"),
            ("ME@EXAMPLE.COM", "(redacted)"),
        ] {
            assert_eq!(described(None, body).unwrap(), format!("the server says: {expected}"));
        }
        let truncated = described(None, r#"{"error":"me\u0040exam"#).unwrap();
        assert_eq!(truncated, "the server responded with JSON that cannot be parsed");
        let signer = Signer::new(Credentials::new("k3y", "s3cr3t", "me@example.com").unwrap());
        let sent = signer.sign_identity(1);
        let secrets = Secrets { credentials: signer.credentials(), sent: Some(&sent) };
        assert_eq!(secrets.quote(&sent.signature()[..40].to_uppercase()), "(redacted)");
        assert_eq!(secrets.quote(&sent.payload()[7..]), "(redacted)");
    }

    #[test]
    fn a_hostile_response_is_quoted_as_bounded_printable_text() {
        let shown = described(None, &format!("\u{1b}[2J\u{202e}{}", "x".repeat(900))).unwrap();
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}') && shown.len() < 300, "{shown}");
    }
}
