//! The width of text on a terminal, where some characters occupy two columns.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the number of columns that a string occupies.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts a string that is wider than `columns`, and marks the cut with `…`.
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return text.into();
    }
    let mut left = columns;
    let mut kept = String::new();
    for character in text.chars() {
        // One column is for the mark.
        let needed = character.width().unwrap_or(0);
        if needed + 1 > left {
            break;
        }
        left -= needed;
        kept.push(character);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::{cut, width};

    #[test]
    fn a_cut_string_is_marked_and_never_too_wide() {
        for (text, columns, expected) in [
            ("1234", 4, "1234"),
            ("12345", 4, "123…"),
            ("比特幣", 6, "比特幣"),
            ("比特幣", 5, "比特…"),
            ("比特幣", 4, "比…"),
            ("比特幣", 2, "…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, columns), expected);
            assert!(width(&cut(text, columns)) <= columns);
        }
    }
}
