/// JSON on one line: without the line breaks that raw pieces of it may bring along. Within a JSON text,
/// strings have none.
pub(crate) fn compact(json: String) -> String {
    if !json.contains(['\n', '\r']) {
        return json;
    }
    let mut compacted = String::with_capacity(json.len());
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
        compacted.push(character);
    }
    compacted
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn only_space_outside_of_strings_goes() {
        for (json, expected) in [
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("{\n  \"a b\": [1,\r\n 2]\n}", "{\"a b\":[1,2]}"),
            ("{\n\"a \\\" b\\\\\": \" c \"}", "{\"a \\\" b\\\\\":\" c \"}"),
        ] {
            assert_eq!(compact(json.to_owned()), expected);
        }
    }
}
