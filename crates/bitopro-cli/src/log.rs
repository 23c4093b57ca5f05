use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::str::FromStr;
use std::{env, fmt, io};

use bitopro_client::transport::printable;
use strsim::damerau_levenshtein;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{self, DefaultFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::exit::MAX_LINE;

/// Logs to standard error if `RUST_LOG` is set. An invalid filter is reported, and nothing is logged. So is the name
/// of a crate that is probably a misspelt level.
///
/// tungstenite logs every frame at TRACE, which reveals the account's data, and close frames at DEBUG. These
/// events are logged only if `RUST_LOG` names tungstenite.
pub(crate) fn init() {
    let Some(directives) = directives() else { return };
    let directives = directives.to_string_lossy();
    // If standard error is closed, nothing can be reported.
    let report = |text: &str| drop(writeln!(io::stderr(), "bitopro: {}", printable(text, MAX_LINE)));
    let filter = match EnvFilter::try_new(&directives) {
        Ok(filter) => filter,
        Err(error) => {
            return report(&format!(
                "nothing is logged, because RUST_LOG is invalid: {error}; use `info` or `bitopro_client=debug`, for \
                 example"
            ));
        }
    };
    if let Some((name, level)) = misspelt_level(&directives) {
        report(&format!("RUST_LOG selects the crate `{name}`; did you mean the level `{level}`?"));
    }
    let names_tungstenite =
        directives.split(',').any(|directive| directive.trim_start().starts_with("tungstenite"));
    tracing_subscriber::fmt()
        .fmt_fields(PrintableFields)
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .finish()
        .with(filter_fn(move |event| {
            names_tungstenite
                || *event.level() < LevelFilter::DEBUG
                || !event.target().starts_with("tungstenite")
        }))
        .init();
}

/// Returns whether the log is written to a terminal.
pub(crate) fn is_on_terminal() -> bool {
    directives().is_some() && io::stderr().is_terminal()
}

/// Returns the value of `RUST_LOG`, if it is not empty.
fn directives() -> Option<OsString> {
    env::var_os(EnvFilter::DEFAULT_ENV).filter(|text| !text.is_empty())
}

/// Maximum number of edits between a misspelt level and the right one.
const MAX_EDITS: usize = 2;

/// Returns a name in a filter that may be a misspelt level, and that level. A filter selects a crate by any other
/// name.
fn misspelt_level(directives: &str) -> Option<(&str, &'static str)> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

    let mut names = directives.split(',').map(str::trim);
    names.find_map(|name| {
        let lower = name.to_ascii_lowercase();
        if LevelFilter::from_str(&lower).is_ok() || !lower.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        let is_similar =
            |level: &&str| lower.starts_with(*level) || damerau_levenshtein(&lower, level) <= MAX_EDITS;
        Some((name, LEVELS.into_iter().find(is_similar)?))
    })
}

/// Formats the fields of an event or a span as usual, but printable and of bounded length, because other libraries
/// log texts from outside, such as the names in a certificate.
struct PrintableFields;

/// Maximum length of the fields of an event, in characters. Frames, which tungstenite logs, are often longer.
const MAX_FIELDS: usize = 65_536;

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, mut writer: format::Writer<'writer>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(format::Writer::new(&mut text), fields)?;
        writer.write_str(&printable(&text, MAX_FIELDS))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, subscriber};

    use super::{PrintableFields, misspelt_level};

    #[test]
    fn a_misspelt_level_is_recognised_and_a_crate_is_not() {
        for (directives, expected) in [
            ("inof", Some(("inof", "info"))),
            ("WARNING", Some(("WARNING", "warn"))),
            ("bitopro_client=debug, trcae", Some(("trcae", "trace"))),
            ("info", None),
            ("WARN,h2=off,info=debug,[connection]=debug", None),
            ("bitopro_client,hyper,tungstenite,rustls,tokio", None),
            ("3", None),
            ("", None),
        ] {
            assert_eq!(misspelt_level(directives), expected, "{directives}");
        }
    }

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
