//! The removal of secrets from the texts of a server.

use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bitopro_auth::{Credentials, SignedHeaders};
use bitopro_transport::printable;

/// Maximum length of the beginning of a text that is searched for secrets and can be quoted, in characters.
const MAX_SEARCHED: usize = 1_024;

/// Minimum length of a part of a secret that is replaced wherever it occurs, because the server may truncate
/// what it echoes.
const MIN_ECHO: usize = 12;

/// The secrets that a request has sent, which the server may echo. The API secret is never sent, or even kept.
#[derive(Debug)]
pub(crate) struct Secrets<'a> {
    /// `None` if the client has none.
    credentials: Option<&'a Credentials>,
    /// The payload and the signature.
    sent: Vec<&'a str>,
}

impl<'a> Secrets<'a> {
    pub(crate) fn new(credentials: Option<&'a Credentials>, sent: impl IntoIterator<Item = &'a str>) -> Self {
        Self { credentials, sent: sent.into_iter().collect() }
    }

    /// Creates the secrets of a dial, if it has been signed.
    pub(crate) fn of_dial(credentials: Option<&'a Credentials>, headers: Option<&'a SignedHeaders>) -> Self {
        Self::new(credentials, headers.into_iter().flat_map(|sent| [sent.payload(), sent.signature()]))
    }

    /// Quotes a text from the server: printable, of bounded length, and with every secret replaced.
    pub(crate) fn quote(&self, text: &str, limit: usize) -> String {
        printable(&self.redact(text), limit)
    }

    /// Returns the beginning of a text from the server with every secret replaced.
    pub(crate) fn redact(&self, text: &str) -> String {
        let searched: String = text.chars().take(MAX_SEARCHED).collect();
        let redacted = self.replace_all(&searched);
        // If a secret appears only after decoding, the decoded text is returned.
        let decoded = unescape(&redacted);
        let decoded_and_redacted = self.replace_all(&decoded);
        if decoded_and_redacted == decoded { redacted } else { decoded_and_redacted }
    }

    fn replace_all(&self, text: &str) -> String {
        let sent = self.sent.iter().copied();
        let own = self.credentials.map(|credentials| [credentials.api_key(), credentials.email()]);
        let secrets = own.into_iter().flatten().chain(sent);
        let encoded = secrets.clone().flat_map(encodings).filter(|encoded| encoded.len() >= MIN_ECHO);
        // The payload contains the email address in Base64, so it has to be replaced first.
        let text = secrets.fold(text.to_owned(), |text, secret| replace(&text, secret));
        encoded.fold(text, |text, encoded| replace(&text, &encoded))
    }
}

/// Returns a secret in hex, and in Base64 at each position that it may have in a group of three bytes.
fn encodings(secret: &str) -> impl Iterator<Item = String> {
    let digits = secret.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    let base64 = [(0, 0), (1, 2), (2, 3)].into_iter().flat_map(|(position, shared)| {
        let bytes: Vec<u8> = iter::repeat_n(0, position).chain(secret.bytes()).collect();
        // The first characters also depend on the bytes before the secret.
        [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|base64| base64.encode(&bytes).split_off(shared))
    });
    iter::once(hex).chain(base64)
}

/// Decodes percent-encoding, the escape sequences of JSON, and the character references of HTML.
fn unescape(text: &str) -> String {
    let (mut decoded, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(next) = rest.chars().next() {
        let (character, length) = escape_sequence(rest).unwrap_or((next, next.len_utf8()));
        decoded.push(character);
        rest = rest.get(length..).unwrap_or_default();
    }
    decoded
}

/// Returns the character that the text begins with, and the length of its escape sequence, if it is escaped.
fn escape_sequence(text: &str) -> Option<(char, usize)> {
    let number = |from: usize, to: usize, radix: u32| {
        u32::from_str_radix(text.get(from..to)?, radix).ok().and_then(char::from_u32)
    };
    let reference_end = || text.get(..text.len().min(10))?.find(';');
    if text.starts_with('%') {
        Some((number(1, 3, 16)?, 3))
    } else if text.starts_with("\\u") {
        Some((number(2, 6, 16)?, 6))
    } else if text.starts_with("\\x") {
        Some((number(2, 4, 16)?, 4))
    } else if let Some(escaped) = text.strip_prefix('\\') {
        escaped.chars().next().filter(char::is_ascii_punctuation).map(|escaped| (escaped, 2))
    } else if text.starts_with("&#x") || text.starts_with("&#X") {
        reference_end().and_then(|end| Some((number(3, end, 16)?, end + 1)))
    } else if text.starts_with("&#") {
        reference_end().and_then(|end| Some((number(2, end, 10)?, end + 1)))
    } else {
        None
    }
}

/// Replaces a secret and every long part of it, ignoring ASCII case. A short secret, as in a test, is
/// replaced only if it is a whole word, unless it is an email address.
fn replace(text: &str, secret: &str) -> String {
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
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use bitopro_auth::{Credentials, SignedHeaders, Signer};

    use super::Secrets;

    const KEY: &str = "0123456789abcdefghijklmnopqrstuv";
    const EMAIL: &str = "some.one+bot@example.com";

    fn signed(key: &str, email: &str) -> (Signer, SignedHeaders) {
        let signer = Signer::new(Credentials::new(key, "api-secret", email).unwrap());
        let sent = signer.sign_identity(1);
        (signer, sent)
    }

    fn quote((signer, sent): &(Signer, SignedHeaders), text: &str) -> String {
        Secrets::of_dial(Some(signer.credentials()), Some(sent)).quote(text, 200)
    }

    fn each_char(text: &str, encode: impl Fn(char) -> String) -> String {
        text.chars().map(encode).collect()
    }

    #[test]
    fn fault_58_a_secret_is_redacted_in_every_usual_encoding() {
        let signed = signed(KEY, EMAIL);
        let sent = &signed.1;
        for secret in [KEY, EMAIL, sent.payload(), sent.signature()] {
            let encodings: [(&str, String); 13] = [
                ("verbatim", secret.to_owned()),
                ("upper case", secret.to_uppercase()),
                ("truncated", secret[..20].to_owned()),
                ("without its beginning", secret[5..].to_owned()),
                ("hex", each_char(secret, |c| format!("{:02x}", u32::from(c)))),
                ("upper-case hex", each_char(secret, |c| format!("{:02X}", u32::from(c)))),
                ("Base64", STANDARD.encode(secret)),
                ("Base64 after one byte", STANDARD.encode(format!("x{secret}&more"))),
                ("URL-safe Base64 after two bytes", URL_SAFE.encode(format!("x={secret}"))),
                ("percent-encoding", each_char(secret, |c| format!("%{:02X}", u32::from(c)))),
                (
                    "percent-encoded symbols",
                    secret.replace('@', "%40").replace('+', "%2b").replace('=', "%3D"),
                ),
                ("JSON", each_char(secret, |c| format!("\\u{:04x}", u32::from(c)))),
                ("HTML", each_char(secret, |c| format!("&#{};", u32::from(c)))),
            ];
            for (encoding, echo) in encodings {
                let shown = quote(&signed, &format!("you sent: {echo} again"));
                assert!(shown.contains("(redacted)"), "{secret} in {encoding}: {shown}");
                // Base64 characters that the secret shares with its neighbours reveal at most one character.
                let kept: usize = shown.len() - "you sent: (redacted) again".len();
                assert!(kept < 24, "{secret} in {encoding}: {shown}");
            }
        }
    }

    #[test]
    fn fault_58_short_secrets_are_redacted_if_they_are_whole_words() {
        let signed = signed("k3y", "me@example.com");
        for (text, expected) in [
            ("k3y me@example.com PAYLOAD SIGNATURE", "(redacted) (redacted) (redacted) (redacted)"),
            ("this k3yboard, xSIGNATURE", "this k3yboard, x(redacted)"),
            ("identity \"me@example.com\"", "identity \"(redacted)\""),
            ("nme\\u0040example.com K3Y", "n(redacted) (redacted)"),
            ("ME%40EXAMPLE.COM", "(redacted)"),
            ("me&#x40;example.com, me&#64;example.com", "(redacted), (redacted)"),
        ] {
            let sent = &signed.1;
            let text = text.replace("PAYLOAD", sent.payload()).replace("SIGNATURE", sent.signature());
            assert_eq!(quote(&signed, &text), expected);
        }
    }

    #[test]
    fn a_text_without_secrets_is_quoted_in_its_own_encoding() {
        let signed = signed(KEY, EMAIL);
        for text in ["100%25 & more", "a%4", "\\u00", "&#x;", "&#99999999;", "C:\\temp", "比特幣 %e5"] {
            assert_eq!(quote(&signed, text), text);
        }
    }

    #[test]
    fn fault_57_a_hostile_text_is_quoted_as_bounded_printable_text() {
        let signed = signed(KEY, EMAIL);
        let hostile = format!("\u{1b}[2J\u{202e}\u{2028}{}", "x".repeat(1 << 20));
        let shown = quote(&signed, &hostile);
        assert!(shown.starts_with("\\u{1b}[2J\\u{202e}\\u{2028}xxx") && shown.ends_with("xx…"), "{shown}");
        assert_eq!(shown.chars().count(), 201);
    }
}
