//! Reads `NAME=value` lines as a shell would.

use std::str::{self, Chars};

use zeroize::Zeroizing;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BLANKS: [char; 2] = [' ', '\t'];

const NOT_TEXT: &str = "is not UTF-8 text (save the file as UTF-8)";
const NOT_ASSIGNMENT: &str = "is not of the form NAME=value";
const UNCLOSED: &str = "has a quote that is not closed";
const SPACE: &str = "has a space in the value (put the value in single quotes)";
const INTERPRETED: &str =
    "contains a character that a shell would interpret (put the value in single quotes)";

/// A name and its value, or the problem that makes the value unreadable.
type Assignment<'a> = (&'a str, Result<Zeroizing<String>, String>);

/// Parses each line that is neither empty nor a comment, or describes its problem without showing it.
pub(super) fn parse(contents: &[u8]) -> impl Iterator<Item = Result<Assignment<'_>, String>> {
    let contents = contents.strip_prefix(BYTE_ORDER_MARK).unwrap_or(contents);
    let lines = contents.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter_map(|(number, line)| {
        let describe = |problem: &str| format!("line {number} {problem}");
        let assignment = str::from_utf8(line).map_err(|_| NOT_TEXT).and_then(split).transpose()?;
        Some(match assignment {
            Ok((name, value)) => Ok((name, unquote(value).map_err(describe))),
            Err(problem) => Err(describe(problem)),
        })
    })
}

/// Splits a line into the name and the value as it is written. Returns `None` without an assignment.
fn split(line: &str) -> Result<Option<(&str, &str)>, &'static str> {
    let line = line.trim_start_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let assignment = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with(BLANKS) => rest.trim_start_matches(BLANKS),
        _ => line,
    };
    let is_name = |name: &str| {
        let is_valid = |character: char| character.is_ascii_alphanumeric() || character == '_';
        name.chars().all(is_valid) && !name.is_empty()
    };
    assignment.split_once('=').filter(|(name, _)| is_name(name)).map(Some).ok_or(NOT_ASSIGNMENT)
}

/// Removes the quotes and the escapes of a value, and a comment after it.
fn unquote(written: &str) -> Result<Zeroizing<String>, &'static str> {
    // Has its full size from the start, since a string that grows leaves unwiped copies behind.
    let mut value = Zeroizing::new(String::with_capacity(written.len()));
    let mut rest = written.chars();
    while let Some(character) = rest.next() {
        match character {
            '\'' => single_quoted(&mut rest, &mut value)?,
            '"' => double_quoted(&mut rest, &mut value)?,
            '\\' => value.push(rest.next().ok_or(INTERPRETED)?),
            ' ' | '\t' => {
                let rest = rest.as_str().trim_start_matches(BLANKS);
                return if rest.is_empty() || rest.starts_with('#') { Ok(value) } else { Err(SPACE) };
            }
            '$' | '`' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '~' => return Err(INTERPRETED),
            other => value.push(other),
        }
    }
    Ok(value)
}

fn single_quoted(rest: &mut Chars<'_>, value: &mut String) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(UNCLOSED)? {
            '\'' => return Ok(()),
            other => value.push(other),
        }
    }
}

fn double_quoted(rest: &mut Chars<'_>, value: &mut String) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(UNCLOSED)? {
            '"' => return Ok(()),
            '$' | '`' => return Err(INTERPRETED),
            '\\' => match rest.next().ok_or(UNCLOSED)? {
                escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{INTERPRETED, NOT_ASSIGNMENT, NOT_TEXT, SPACE, UNCLOSED, parse};

    /// Returns the value that a line gives to the name `A`, or its problem.
    fn value(line: &[u8]) -> Result<String, String> {
        let mut lines = parse(line);
        let (name, value) = lines.next().expect("an assignment")?;
        assert!(lines.next().is_none());
        assert_eq!(name, "A");
        value.map(|value| value.as_str().to_owned())
    }

    /// The expected values are those of `sh`.
    #[test]
    fn fault_60_a_value_is_read_as_a_shell_reads_it() {
        for (line, expected) in [
            ("A=x", "x"),
            ("  \tA=x", "x"),
            ("export A=x", "x"),
            ("export\t A=x", "x"),
            ("A=", ""),
            ("A=x  \t", "x"),
            ("A=x # y", "x"),
            ("A=x#y", "x#y"),
            ("A=#y", "#y"),
            ("A= # y", ""),
            ("A=x=y%^!*?[]{},.:/@+-", "x=y%^!*?[]{},.:/@+-"),
            ("A='x y' # z", "x y"),
            (r#"A='$x"\'"#, r#"$x"\"#),
            (r#"A="x'y z""#, "x'y z"),
            (r#"A="\"\\\$\`\n""#, r#""\$`\n"#),
            (r"A=\$x\ \'\\", r"$x '\"),
            (r#"A=a'b'"c"d"#, "abcd"),
            ("A='比特幣'é", "比特幣é"),
            ("A=x\r", "x"),
            ("\u{feff}A=x\r", "x"),
        ] {
            assert_eq!(value(line.as_bytes()).as_deref(), Ok(expected), "{line:?}");
        }
    }

    #[test]
    fn fault_60_a_line_that_a_shell_would_read_otherwise_is_refused() {
        for (line, expected) in [
            (&b"A=\xff"[..], NOT_TEXT),
            (b"\xff\xfeA\0=\0x\0", NOT_TEXT),
            (b"A", NOT_ASSIGNMENT),
            (b"A = x", NOT_ASSIGNMENT),
            (b"=x", NOT_ASSIGNMENT),
            (b"exportA", NOT_ASSIGNMENT),
            (b"set -a A=x", NOT_ASSIGNMENT),
            (b"A: x", NOT_ASSIGNMENT),
            (b"{\"A\": \"x=y\"}", NOT_ASSIGNMENT),
            (b"A='x", UNCLOSED),
            (b"A=\"x", UNCLOSED),
            (b"A=\"x\\", UNCLOSED),
            (b"A=it's", UNCLOSED),
            (b"A= x", SPACE),
            (b"A=x y", SPACE),
            (b"A=x B=y", SPACE),
            (b"A=$x", INTERPRETED),
            (b"A=\"$x\"", INTERPRETED),
            (b"A=`x`", INTERPRETED),
            (b"A=\"`x`\"", INTERPRETED),
            (b"A=~/x", INTERPRETED),
            (b"A=x;y", INTERPRETED),
            (b"A=x&y", INTERPRETED),
            (b"A=x|y", INTERPRETED),
            (b"A=x<y>z", INTERPRETED),
            (b"A=(x)", INTERPRETED),
            (b"A=x\\", INTERPRETED),
        ] {
            let shown = line.escape_ascii();
            assert_eq!(value(line).unwrap_err(), format!("line 1 {expected}"), "{shown}");
        }
    }

    #[test]
    fn empty_lines_and_comments_are_skipped_and_counted() {
        let lines: Vec<_> = parse(b"# A=1\n\r\n \t\n  # B\nC=1\nD\n").collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0].as_ref().map(|(name, _)| *name), Ok("C"));
        assert_eq!(lines[1].as_ref().unwrap_err(), "line 6 is not of the form NAME=value");
    }
}
