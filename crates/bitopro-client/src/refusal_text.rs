use std::fmt;

use bitopro_transport::Refusal;
use http::header::{CONTENT_TYPE, LOCATION, SERVER};
use http::{HeaderName, Uri};
use serde_json::Value;

use crate::redaction::Secrets;

/// Maximum length of the words of a server that an error quotes, in characters.
const MAX_WORDS: usize = 200;

/// Maximum length of a name that an error quotes, such as that of a server, in characters.
const MAX_NAME: usize = 60;

/// The description of a response that refused an upgrade. It is bounded and printable, and contains no secret.
///
/// `Display` completes a sentence: "answered by nginx with 9 bytes of text/plain: …".
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    /// The target of a redirect, if it is one.
    pub(crate) target: Option<String>,
    /// True for an HTML page. The exchange responds with JSON, so a gateway may have answered.
    pub(crate) is_page: bool,
}

impl Answer {
    pub(crate) fn new(refusal: &Refusal, secrets: &Secrets<'_>) -> Self {
        let is_html = media_type(refusal).contains("html");
        // Anything after the first byte that is not text is ignored.
        let body = refusal.body.utf8_chunks().next().map_or("", |chunk| chunk.valid()).trim();
        let is_page = is_html || body.starts_with('<');
        let server = header(refusal, SERVER).filter(|server| !server.is_empty());
        let by = server.map(|server| format!(" by {}", secrets.quote(&server, MAX_NAME)));
        let (content, words) = content(refusal, body, is_page);
        let content = secrets.quote(&content, MAX_NAME);
        let mut text = format!("answered{} with {content}", by.unwrap_or_default());
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            text = format!("{text}: \"{}\"", secrets.quote(&words, MAX_WORDS));
        }
        let target = refusal.status.is_redirection().then(|| secrets.quote(&target(refusal), MAX_NAME));
        Self { text, target, is_page }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Describes the body by its type and size, and returns the server's own words in it, if any.
fn content(refusal: &Refusal, body: &str, is_page: bool) -> (String, Option<String>) {
    let length = refusal.body.len();
    let at_least = if length < Refusal::BODY_LIMIT { "" } else { "at least " };
    let size = format!("{at_least}{length} bytes");
    if length == 0 {
        ("an empty response".to_owned(), None)
    } else if is_page {
        (format!("an HTML page of {size}"), title(body).map(str::to_owned))
    } else if body.starts_with(['{', '[', '"']) {
        match serde_json::from_str(body) {
            Ok(value) => (format!("JSON of {size}"), Some(message_text(value))),
            Err(_) => (format!("unreadable JSON of {size}"), None),
        }
    } else {
        let media_type = media_type(refusal);
        let media_type = if media_type.is_empty() { "text" } else { &media_type };
        (format!("{size} of {media_type}"), Some(body.to_owned()))
    }
}

fn header(refusal: &Refusal, name: HeaderName) -> Option<String> {
    let value = refusal.headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

/// Returns the media type without its parameters, or an empty string.
fn media_type(refusal: &Refusal) -> String {
    let value = header(refusal, CONTENT_TYPE).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns the title of an HTML page, if it is complete.
fn title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let start = tag + lower.get(tag..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    page.get(start..end).map(str::trim)
}

/// Describes the target of a redirect by its host.
fn target(refusal: &Refusal) -> String {
    let Some(location) = header(refusal, LOCATION) else { return "an unknown URL".to_owned() };
    // `Uri` parses only a URL with a scheme as intended. This reference has its own host, but no scheme.
    let location = if location.starts_with("//") { format!("https:{location}") } else { location };
    match location.parse::<Uri>() {
        Ok(url) if url.scheme().is_none() => "another path of the same host".to_owned(),
        Ok(url) => url.host().unwrap_or("another host").to_owned(),
        Err(_) => "an invalid URL".to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use bitopro_auth::{Credentials, Signer};
    use bitopro_transport::Refusal;
    use http::header::{CONTENT_TYPE, LOCATION, SERVER};
    use http::{HeaderName, HeaderValue, StatusCode};

    use super::Answer;
    use crate::redaction::Secrets;

    fn answer(status: StatusCode, headers: &[(HeaderName, &str)], body: &str) -> Answer {
        let signer = Signer::new(Credentials::new("k3y", "s3cr3t", "me@example.com").unwrap());
        let sent = signer.sign_identity(1);
        let echo =
            |text: &str| text.replace("PAYLOAD", sent.payload()).replace("SIGNATURE", sent.signature());
        let mut refusal = Refusal::new(status);
        refusal.body = echo(body).into();
        refusal.body.truncate(Refusal::BODY_LIMIT);
        for (name, value) in headers {
            refusal.headers.insert(name, HeaderValue::from_bytes(echo(value).as_bytes()).unwrap());
        }
        Answer::new(&refusal, &Secrets::of_dial(Some(signer.credentials()), Some(&sent)))
    }

    #[test]
    fn fault_59_an_answer_is_described_by_its_server_type_size_and_words() {
        let nginx = (SERVER, "nginx/1.22.1");
        let json = (CONTENT_TYPE, "application/json; charset=utf-8");
        let html = (CONTENT_TYPE, "text/html");
        let page = "<html>\r\n<head><title>401 Authorization Required</title></head>\r\n</html>\r\n";
        for (headers, body, expected, is_page) in [
            (&[][..], "", "answered with an empty response", false),
            (std::slice::from_ref(&nginx), "", "answered by nginx/1.22.1 with an empty response", false),
            (
                &[nginx.clone(), html.clone()],
                page,
                "answered by nginx/1.22.1 with an HTML page of 73 bytes: \"401 Authorization Required\"",
                true,
            ),
            (&[html], "not found", "answered with an HTML page of 9 bytes", true),
            (&[], " <TITLE lang=en> No </Title>", "answered with an HTML page of 28 bytes: \"No\"", true),
            (
                std::slice::from_ref(&json),
                r#"{"error":"not yet"}"#,
                "answered with JSON of 19 bytes: \"not yet\"",
                false,
            ),
            (&[], r#"{"message":"no"}"#, "answered with JSON of 16 bytes: \"no\"", false),
            (&[], r#"{"code":7,"why":["a","b"]}"#, "answered with JSON of 26 bytes: \"7 a b\"", false),
            (
                std::slice::from_ref(&json),
                r#"{"error":"me\u0040exam"#,
                "answered with unreadable JSON of 22 bytes",
                false,
            ),
            (
                &[nginx.clone(), (CONTENT_TYPE, "Text/Plain; charset=utf-8")],
                "default backend - 404\n",
                "answered by nginx/1.22.1 with 22 bytes of text/plain: \"default backend - 404\"",
                false,
            ),
        ] {
            let answer = answer(StatusCode::BAD_REQUEST, headers, body);
            assert_eq!((answer.to_string().as_str(), answer.is_page), (expected, is_page));
        }
        let long = answer(StatusCode::BAD_GATEWAY, &[], &format!("<p>{}", "x".repeat(5_000)));
        assert_eq!(long.to_string(), "answered with an HTML page of at least 1024 bytes");
    }

    #[test]
    fn fault_41_a_redirect_names_the_host_of_its_target() {
        for (location, expected) in [
            (Some("https://login.example/ws?next=k3y"), "login.example"),
            (Some("//login.example/ws"), "login.example"),
            (Some("/login"), "another path of the same host"),
            (Some("maintenance.html"), "another path of the same host"),
            (Some("https://login.example/a b"), "an invalid URL"),
            (Some("https://k3y.example/"), "(redacted).example"),
            (None, "an unknown URL"),
        ] {
            let headers: Vec<_> = location.map(|location| (LOCATION, location)).into_iter().collect();
            assert_eq!(answer(StatusCode::FOUND, &headers, "").target.as_deref(), Some(expected));
        }
        assert_eq!(answer(StatusCode::OK, &[(LOCATION, "https://login.example/")], "").target, None);
    }

    #[test]
    fn fault_57_a_hostile_answer_is_described_in_bounded_printable_text() {
        let long = "x".repeat(5_000);
        // A header can contain bidirectional controls and C1, but no control character of ASCII.
        let hostile = format!("\u{202e}\u{9b}31m\u{2028}{long}");
        let headers = [(SERVER, &*hostile), (CONTENT_TYPE, &*hostile), (LOCATION, &*hostile)];
        for body in
            [format!("\x1b]0;title\x07{hostile}"), format!("<title>\x1b[2J{}</title>", &hostile[..200])]
        {
            let answer = answer(StatusCode::FOUND, &headers, &body);
            let shown = format!("{answer} {answer:?}");
            let is_harmless = |c: char| !c.is_control() && !['\u{202e}', '\u{2028}'].contains(&c);
            assert!(shown.chars().all(is_harmless) && shown.len() < 2_000, "{shown}");
        }
    }

    #[test]
    fn fault_58_secrets_that_the_server_echoes_are_never_shown() {
        let secrets = "k3y me@example.com PAYLOAD SIGNATURE";
        let redacted = "(redacted) (redacted) (redacted) (redacted)";
        let headers = [(SERVER, secrets), (CONTENT_TYPE, "text/PAYLOAD")];
        for (body, words) in [
            (secrets.to_owned(), redacted),
            (format!("[\"{}\"]", secrets.replace('@', "\\u0040")), redacted),
            ("k3y me%40example.com".to_owned(), "(redacted) (redacted)"),
        ] {
            let shown = answer(StatusCode::UNAUTHORIZED, &headers, &body).to_string();
            assert!(shown.starts_with(&format!("answered by {redacted} with ")), "{shown}");
            assert!(shown.ends_with(&format!(": \"{words}\"")), "{shown}");
            assert!(!shown.to_lowercase().contains("eyj"), "the payload is in {shown}");
        }
    }
}
