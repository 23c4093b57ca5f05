use std::borrow::Cow;
use std::fmt::Write;

/// A text of any origin as a terminal may have it: what moves the cursor, changes colours or reorders other
/// text is shown by its number.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_active(character) {
            // Into a string nothing can fail.
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// Control characters, line separators, and what Unicode has for directions and for nothing to be seen.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        for (text, shown) in [
            ("BTC", "BTC"),
            ("比特幣 \\ \"é\"", "比特幣 \\ \"é\""),
            ("\x1b[2JBTC", "\\u{1b}[2JBTC"),
            ("a\r\nb\tc\x07\x7f\u{9b}", "a\\u{d}\\u{a}b\\u{9}c\\u{7}\\u{7f}\\u{9b}"),
            ("\u{202e}CTB\u{2066}", "\\u{202e}CTB\\u{2066}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
