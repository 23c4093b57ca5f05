use std::borrow::Cow;

/// Escapes the characters of an untrusted string that a terminal would act on: control characters, invisible
/// characters, and those that reorder other text. Keeps quotes and backslashes.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let escaped: String = text.split_inclusive(UNCHANGED).map(escape_segment).collect();
    if escaped == text { text.into() } else { escaped.into() }
}

/// Characters that `escape_debug` escapes although they are harmless.
const UNCHANGED: [char; 3] = ['"', '\'', '\\'];

/// Escapes a string that contains no character of [`UNCHANGED`], except at its end.
fn escape_segment(text: &str) -> String {
    let body = text.trim_end_matches(UNCHANGED);
    let end = text.get(body.len()..).unwrap_or_default();
    format!("{}{end}", body.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        for (text, expected) in [
            ("BTC", "BTC"),
            ("比特幣 \\ \"é\" \\'", "比特幣 \\ \"é\" \\'"),
            ("\x1b[2JBTC", "\\u{1b}[2JBTC"),
            ("a\r\nb\tc\x07\x7f\u{9b}", "a\\r\\nb\\tc\\u{7}\\u{7f}\\u{9b}"),
            (
                "\u{202e}CTB\u{2066}\u{200b}\u{feff}\u{e0041}",
                "\\u{202e}CTB\\u{2066}\\u{200b}\\u{feff}\\u{e0041}",
            ),
            ("\u{ad}\u{61c}\u{2028}\u{fff9}\u{180e}", "\\u{ad}\\u{61c}\\u{2028}\\u{fff9}\\u{180e}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }
}
