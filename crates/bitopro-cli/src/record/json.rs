//! Splits JSON into its tokens without changing them: numbers are not parsed and strings are not escaped
//! again.

/// Returns the strings and keys of valid JSON, unescaped.
pub(super) fn strings(text: &str) -> Vec<String> {
    Tokens(text)
        .filter(|token| token.starts_with('"'))
        .filter_map(|token| serde_json::from_str(token).ok())
        .collect()
}

/// An iterator over the tokens of valid JSON: punctuation, strings, and the numbers and words between them.
pub(super) struct Tokens<'a>(pub(super) &'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_ascii_start();
        let length = match text.bytes().next()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => {
                let mut escaped = true;
                let end = text.bytes().position(|byte| {
                    let ends = byte == b'"' && !escaped;
                    escaped = byte == b'\\' && !escaped;
                    ends
                });
                end.map_or(text.len(), |end| end + 1)
            }
            _ => text.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at_checked(length)?;
        self.0 = rest;
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::{Tokens, strings};

    #[test]
    fn tokens_are_returned_unchanged() {
        let text = " {\"b\" : [ ],\r\n\"n\":1234567890123456789.00e5 ,\"s\":\"x, {\\\"\\\\\",\"l\":[null,{\"t\":true}]}";
        let expected = r#"{"b":[],"n":1234567890123456789.00e5,"s":"x, {\"\\","l":[null,{"t":true}]}"#;
        assert_eq!(Tokens(text).collect::<String>(), expected);
        assert_eq!(Tokens(text).count(), 26);
        assert_eq!(strings(text), ["b", "n", "s", "x, {\"\\", "l", "t"]);
    }
}
