use std::io::{self, BufRead, BufReader, Read};

/// Number of bytes that are read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// Reads lines of bounded length, with bounded memory.
pub(crate) struct BoundedLines<R> {
    input: BufReader<R>,
    /// Maximum length of a line in bytes, without its line break.
    limit: usize,
    line: Vec<u8>,
    /// True if the rest of the last line must be skipped.
    is_cut: bool,
}

/// A line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Bytes(&'a [u8]),
    /// The line exceeds the limit. It may not have ended yet.
    TooLong,
}

impl<R: Read> BoundedLines<R> {
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self { input: BufReader::with_capacity(BUFFER_BYTES, input), limit, line: Vec::new(), is_cut: false }
    }

    /// Returns whether reading the next line may block.
    pub(crate) fn may_block(&self) -> bool {
        self.input.buffer().is_empty()
    }

    /// Reads the next line, or returns `None` at the end of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.is_cut {
            self.input.skip_until(b'\n')?;
        }
        self.line.clear();
        // Two more bytes, for the line break.
        let most = u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_add(2);
        self.input.by_ref().take(most).read_until(b'\n', &mut self.line)?;
        let line = self.line.strip_suffix(b"\n");
        let content = line.map_or(self.line.as_slice(), |line| line.strip_suffix(b"\r").unwrap_or(line));
        let is_too_long = content.len() > self.limit;
        self.is_cut = is_too_long && line.is_none();
        Ok(match content {
            _ if self.line.is_empty() => None,
            _ if is_too_long => Some(Line::TooLong),
            content => Some(Line::Bytes(content)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::{BoundedLines, Line};

    /// Reads all lines. A line that is too long is `None`.
    fn lines(input: &str) -> Vec<Option<String>> {
        let mut lines = BoundedLines::new(input.as_bytes(), 3);
        let mut read = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            read.push(match line {
                Line::Bytes(bytes) => Some(String::from_utf8(bytes.to_owned()).unwrap()),
                Line::TooLong => None,
            });
        }
        read
    }

    #[test]
    fn a_line_up_to_the_limit_is_read_and_a_longer_one_is_skipped() {
        let line = |text: &str| Some(text.to_owned());
        for (input, expected) in [
            ("", vec![]),
            ("\n", vec![line("")]),
            ("abc", vec![line("abc")]),
            ("abc\nabc\r\nabc", vec![line("abc"), line("abc"), line("abc")]),
            ("abcd\nabc", vec![None, line("abc")]),
            ("abcd\r\nabc", vec![None, line("abc")]),
            ("abcde\nabc", vec![None, line("abc")]),
            ("abcdefghijk\r\n\nabc\n", vec![None, line(""), line("abc")]),
            ("abc\r", vec![None]),
            ("abcd", vec![None]),
            ("abcdefghijk", vec![None]),
            ("abcde\n", vec![None]),
        ] {
            assert_eq!(lines(input), expected, "{input:?}");
        }
    }

    /// A source without further input.
    struct Silence;

    impl Read for Silence {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the reader waits for more input"))
        }
    }

    #[test]
    fn a_long_line_is_reported_without_waiting_for_its_end_and_is_not_stored() {
        let mut lines = BoundedLines::new(io::repeat(b'x').take(1_000).chain(Silence), 998);
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert!(lines.next().is_err());
        let mut lines = BoundedLines::new(io::repeat(b'x').take(1 << 24).chain(&b"\nabc"[..]), 998);
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().unwrap(), Some(Line::Bytes(b"abc")));
        assert!(lines.line.capacity() < 4_000, "{}", lines.line.capacity());
    }
}
