//! Records an account's balances without personal data.

mod capture;
mod connector;
mod json;
mod scrub;
mod secrets;
#[cfg(test)]
mod tests;

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use bitopro_client::model::AccountBalance;
use bitopro_client::transport::{Limits, printable};
use bitopro_client::{API_SECRET_VARIABLE, Client, Credentials, Item};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::args::RecordArgs;
use crate::client::{base_url, ca_file, connector};
use crate::credentials;
use crate::exit::{Failure, MAX_LINE, Status, with_causes};
use crate::output::Writer;
use crate::output::{OutputError, exit_status};
use crate::signals::Signals;
use capture::{Recording, RecordingLimits, capture};
use scrub::Scrubber;
use secrets::Secrets;

pub(crate) fn run(args: &RecordArgs, signals: &Signals) -> Result<Status, Failure> {
    if args.file.exists() {
        return Err(file_exists(&args.file));
    }
    let credentials = credentials::from_env("")?;
    crate::block_on(async {
        let (lines, queued) = mpsc::unbounded_channel();
        let printing = tokio::spawn(print_lines(Writer::stdout()?, queued));
        let recorded = record(args, credentials, signals, lines).await;
        // A panic has already been reported.
        let printed = printing.await.unwrap_or(Ok(()));
        recorded?;
        exit_status(printed, Status::Ok)
    })
}

/// Prints lines, while their sender continues to record, until the sender is dropped.
async fn print_lines(
    mut writer: Writer,
    mut lines: mpsc::UnboundedReceiver<String>,
) -> Result<(), OutputError> {
    while let Some(line) = lines.recv().await {
        writer.ready().await?;
        writer.send(format!("{}\n", printable(&line, MAX_LINE)));
    }
    writer.finish(String::new()).await
}

fn file_exists(file: &Path) -> Failure {
    let message = format!("{} already exists; choose another file", file.display());
    Failure::new(Status::Usage, message)
}

fn account_secrets(credentials: &Credentials) -> Secrets {
    Secrets::new([
        ("the account's email address", Zeroizing::new(credentials.email().to_owned())),
        ("the API key", Zeroizing::new(credentials.api_key().to_owned())),
        ("the API secret", Zeroizing::new(env::var(API_SECRET_VARIABLE).unwrap_or_default())),
    ])
}

/// Records the balances to the file. Sends lines about the progress, which contain no data of the account. If
/// they cannot be printed, the recording continues.
async fn record(
    args: &RecordArgs,
    credentials: Credentials,
    signals: &Signals,
    lines: mpsc::UnboundedSender<String>,
) -> Result<(), Failure> {
    let mut secrets = account_secrets(&credentials);
    let limits = RecordingLimits { updates: args.updates, duration: Duration::from_secs(args.seconds) };
    let mut builder = Client::builder(credentials);
    if let Some(url) = base_url(None)? {
        builder = builder.with_endpoint(url);
    }
    let connector = connector(ca_file(None).as_deref(), Limits::default())?;
    let mut stop_request = signals.stop_request();
    let observe = |item: &_| {
        if let Some(line) = describe(item) {
            let _ = lines.send(line);
        }
    };
    let summary = match capture(builder, connector, limits, stop_request.requested(), observe).await? {
        Some(recording) => {
            secrets.extend(recording.secrets());
            save(&args.file, &scrubbed(&recording, &secrets)?)?;
            format!("{}; review {} before you share it", recording.summary(limits), args.file.display())
        }
        None => "stopped before a snapshot arrived; no file was written".to_owned(),
    };
    let _ = lines.send(summary);
    Ok(())
}

/// Describes an item that shows the progress of a recording.
fn describe(item: &Item<AccountBalance>) -> Option<String> {
    Some(match item {
        Item::Connected(connected) => format!("connected to {}", connected.url),
        Item::Snapshot(event) => format!("received a snapshot of {}", currencies(event)),
        Item::Update(event) => format!("received an update of {}", currencies(event)),
        Item::Disconnected(lost) => {
            format!("{}; next dial in {:.1} s", with_causes(&lost.error), lost.retry_in.as_secs_f32())
        }
        _ => return None,
    })
}

fn currencies(event: &AccountBalance) -> String {
    counted(event.data.len(), "currency", "currencies")
}

/// Returns a number with the singular or the plural of a noun.
fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns the scrubbed messages, one per line, or an error if a secret occurs in them.
fn scrubbed(recording: &Recording, secrets: &Secrets) -> Result<String, Failure> {
    let mut scrubber = Scrubber::new();
    let mut lines = String::new();
    for (text, number) in recording.messages().zip(1..) {
        let line = scrubber.scrub(text).map_err(|error| {
            let message = format!("cannot scrub message {number}; no file was written");
            Failure::new(Status::BadData, message).with_source(error)
        })?;
        if let Some(name) = secrets.found_in(&line) {
            let message = format!(
                "message {number} contains {name} after scrubbing; no file was written; \
                report this bug without the message"
            );
            return Err(Failure::new(Status::Unexpected, message));
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(lines)
}

/// Writes a new file, and removes it again if writing fails.
fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => file_exists(path),
        _ => Failure::new(Status::Usage, format!("cannot write the recording to {}", path.display()))
            .with_source(error),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(|error| {
        let _ = fs::remove_file(path);
        failed(error)
    })
}
