use std::fmt;

use bitopro_client::transport::printable;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};

/// Formats the fields of an event or a span as usual, but printable and of bounded length, because other libraries
/// log texts from outside, such as the names in a certificate.
pub(crate) struct PrintableFields;

/// Maximum length of the fields of an event, in characters. Frames, which tungstenite logs, are often longer.
const MAX_FIELDS: usize = 65_536;

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&printable(&text, MAX_FIELDS))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, subscriber};

    use super::PrintableFields;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn fault_57_hostile_texts_in_the_log_are_printable_and_bounded() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let log = tracing_subscriber::fmt()
            .fmt_fields(PrintableFields)
            .with_writer(move || writer.clone())
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .finish();
        subscriber::with_default(log, || {
            let _span = info_span!("span", name = %"\u{2028}").entered();
            info!(name = %"\u{202e}\u{9b}2J", size = 7, "a certificate of {}", "\u{2066}");
            info!("{}", "x".repeat(1 << 20));
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [first, second] = lines[..] else { panic!("{} lines", lines.len()) };
        let span = " INFO span{name=\\u{2028}}: ";
        assert!(
            first.starts_with(&format!("{span}a certificate of \\u{{2066}} name=\\u{{202e}}")),
            "{first}"
        );
        assert!(first.ends_with("2J size=7") && !first.contains(char::is_control), "{first:?}");
        assert!(second.ends_with("xx…") && second.len() < 66_000);
    }
}
