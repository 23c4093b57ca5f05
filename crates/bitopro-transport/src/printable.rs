/// Marks the place where a text was cut.
const CUT: char = '…';

/// Returns untrusted text in a form that is safe in a terminal, a log or an error: on one line, at most `limit`
/// characters, followed by `…` if it was cut.
///
/// Escapes control characters, invisible characters, and characters that reorder or combine with others, as in
/// `\u{202e}`. Quotes and backslashes remain unchanged, so printing a printable text again changes nothing.
///
/// # Examples
///
/// ```
/// use bitopro_transport::printable;
///
/// assert_eq!(printable("say \"比特幣\"", 20), "say \"比特幣\"");
/// assert_eq!(printable("\x1b[2J\u{202e}\n", 20), "\\u{1b}[2J\\u{202e}\\n");
/// assert_eq!(printable("a long text", 6), "a long…");
/// ```
pub fn printable(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    let mut remaining = limit;
    for character in text.chars() {
        let start = shown.len();
        push_escaped(&mut shown, character);
        let added = shown.get(start..).map_or(0, |added| added.chars().count());
        let Some(rest) = remaining.checked_sub(added) else {
            shown.truncate(start);
            shown.push(CUT);
            break;
        };
        remaining = rest;
    }
    shown
}

fn push_escaped(shown: &mut String, character: char) {
    match character {
        '"' | '\'' | '\\' => shown.push(character),
        // Letters and a symbol that are blank.
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
            shown.extend(character.escape_unicode());
        }
        // This also escapes combining characters, formatting characters and unusual spaces.
        _ => shown.extend(character.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn fault_57_control_invisible_and_reordering_characters_are_escaped() {
        for (text, expected) in [
            ("BTC", "BTC"),
            ("比特幣 \\ \"é\" \\'", "比特幣 \\ \"é\" \\'"),
            ("\x1b[2J\x1b]0;title\x07BTC", "\\u{1b}[2J\\u{1b}]0;title\\u{7}BTC"),
            ("a\r\nb\tc\0\x7f\u{9b}", "a\\r\\nb\\tc\\0\\u{7f}\\u{9b}"),
            ("\u{85}\u{2028}\u{2029}", "\\u{85}\\u{2028}\\u{2029}"),
            ("\u{202e}CTB\u{2066}\u{61c}", "\\u{202e}CTB\\u{2066}\\u{61c}"),
            ("\u{200b}\u{feff}\u{ad}\u{e0041}", "\\u{200b}\\u{feff}\\u{ad}\\u{e0041}"),
            ("x\u{fe0f}\u{34f}\u{301}", "x\\u{fe0f}\\u{34f}\\u{301}"),
            ("\u{3164}\u{2800}\u{a0}\u{3000}", "\\u{3164}\\u{2800}\\u{a0}\\u{3000}"),
        ] {
            assert_eq!(printable(text, 100), expected);
            assert_eq!(printable(expected, 100), expected, "a printable text is changed again");
        }
    }

    #[test]
    fn fault_57_a_long_text_is_cut_between_characters_with_a_mark() {
        assert_eq!(printable("12345", 5), "12345");
        assert_eq!(printable("123456", 5), "12345…");
        assert_eq!(printable("1\u{202e}2", 8), "1…", "an escape sequence is cut");
        assert_eq!(printable("x", 0), "…");
        assert_eq!(printable("", 0), "");
        assert_eq!(printable(&"\u{202e}".repeat(1 << 20), 80).chars().count(), 81);
    }
}
