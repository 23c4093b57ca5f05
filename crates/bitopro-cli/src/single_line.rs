/// Puts JSON on one line: removes the whitespace between its tokens if it contains line breaks, as raw JSON
/// from the exchange may. Within JSON strings, line breaks are always escaped.
pub(crate) fn single_line(json: String) -> String {
    if !json.contains(['\n', '\r']) {
        return json;
    }
    let mut line = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            in_string = character == '"';
        }
        line.push(character);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::single_line;

    #[test]
    fn only_whitespace_outside_strings_is_removed() {
        for (json, expected) in [
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("{\n  \"a b\": [1,\r\n 2]\n}", "{\"a b\":[1,2]}"),
            ("{\n\"a \\\" b\\\\\": \" c \"}", "{\"a \\\" b\\\\\":\" c \"}"),
        ] {
            assert_eq!(single_line(json.to_owned()), expected);
        }
    }
}
