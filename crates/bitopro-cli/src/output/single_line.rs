use std::fmt::Write;

/// Puts JSON on one line for every reader. The value remains the same.
///
/// Some readers end a line at U+0085, U+2028 or U+2029, and terminals act on other control characters and on those
/// that change the direction of text. In JSON strings, these characters become `\uXXXX`. Line breaks are always
/// escaped there. If there are any between tokens, as in raw JSON from the exchange, all whitespace between tokens
/// is removed.
pub(crate) fn single_line(json: String) -> String {
    // Most lines are plain ASCII. Without an early end, the compiler vectorizes this loop.
    let is_special = |byte: u8| u8::from(byte >= 0x7f || is_line_break(byte));
    let is_plain = json.bytes().fold(0, |found, byte| found | is_special(byte)) == 0;
    if is_plain {
        return json;
    }
    let has_line_breaks = json.bytes().any(is_line_break);
    let mut line = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if has_line_breaks && character.is_ascii_whitespace() {
            continue;
        } else {
            in_string = character == '"';
        }
        match character {
            // DEL and the C1 controls, U+2028, U+2029, and the bidirectional controls. Valid JSON contains them
            // only in strings.
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a string never fails.
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            }
            _ => line.push(character),
        }
    }
    line
}

fn is_line_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

#[cfg(test)]
mod tests {
    use super::single_line;

    #[test]
    fn only_whitespace_outside_strings_is_removed() {
        for (json, expected) in [
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("{\"台\": 1}", "{\"台\": 1}"),
            ("{\n  \"a b\": [1,\r\n 2]\n}", "{\"a b\":[1,2]}"),
            ("{\n\"a \\\" b\\\\\": \" c \"}", "{\"a \\\" b\\\\\":\" c \"}"),
        ] {
            assert_eq!(single_line(json.to_owned()), expected);
        }
    }

    /// Returns whether Unicode calls it a line separator, a control or a bidirectional control.
    fn is_unsafe(character: char) -> bool {
        let is_bidi = ('\u{202a}'..='\u{202e}').contains(&character)
            || ('\u{2066}'..='\u{2069}').contains(&character)
            || ['\u{61c}', '\u{200e}', '\u{200f}'].contains(&character);
        character.is_control() || ['\u{2028}', '\u{2029}'].contains(&character) || is_bidi
    }

    #[test]
    fn fault_57_line_separators_controls_and_bidirectional_controls_are_escaped_without_changing_the_value() {
        for character in '\0'..=char::MAX {
            // Raw JSON can contain an escaped backslash or quote before the character.
            let text = format!("\\\"{character}\\");
            let line = single_line(serde_json::to_string(&text).unwrap());
            assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text, "{line}");
            assert_eq!(line.contains(character), !is_unsafe(character), "{line:?}");
        }
        assert_eq!(single_line("\"\u{85}\u{2028}\"".to_owned()), r#""\u0085\u2028""#);
    }
}
