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
use bitopro_client::transport::Limits;
use bitopro_client::{API_SECRET_VARIABLE, Client, Credentials, Item, WS_URL_VARIABLE, credentials_from_env};

use crate::args::RecordArgs;
use crate::exit::{Failure, Status};
use crate::output::{Output, exit_status};
use crate::printable::printable;
use crate::signals::Signals;
use crate::watch::{CA_FILE_VARIABLE, connector, setting};
use capture::{Recording, RecordingLimits, capture};
use scrub::Scrubber;
use secrets::Secrets;

pub(crate) fn run(args: &RecordArgs) -> Result<Status, Failure> {
    if args.file.exists() {
        return Err(file_exists(&args.file));
    }
    let credentials = credentials_from_env().map_err(|error| {
        Failure::new(Status::Auth, "no usable credentials in the environment").with_source(error)
    })?;
    let mut secrets = account_secrets(&credentials);
    let limits = RecordingLimits { updates: args.updates, duration: Duration::from_secs(args.seconds) };
    let recording = crate::runtime()?.block_on(record_balances(credentials, limits))?;
    secrets.extend(recording.secrets());
    save(&args.file, &scrubbed(&recording, &secrets)?)?;
    let mut output = Output::stdout();
    let summary =
        format!("{}; review {} before you share it", recording.summary(limits), args.file.display());
    exit_status(output.line(&printable(&summary)).and_then(|()| output.flush()), Status::Ok)
}

fn file_exists(file: &Path) -> Failure {
    let message = format!("{} already exists; choose another file", file.display());
    Failure::new(Status::Usage, message)
}

fn account_secrets(credentials: &Credentials) -> Secrets {
    Secrets::new([
        ("the account's email address", credentials.email().to_owned()),
        ("the API key", credentials.api_key().to_owned()),
        ("the API secret", env::var(API_SECRET_VARIABLE).unwrap_or_default()),
    ])
}

async fn record_balances(credentials: Credentials, limits: RecordingLimits) -> Result<Recording, Failure> {
    let mut signals = Signals::listen().map_err(|error| {
        Failure::new(Status::Unexpected, "cannot install the signal handlers").with_source(error)
    })?;
    let mut builder = Client::builder(credentials);
    if let Some(url) = setting::<String>(None, WS_URL_VARIABLE) {
        builder = builder.with_endpoint(url);
    }
    let connector = connector(setting(None, CA_FILE_VARIABLE), Limits::default())?;
    capture(builder, connector, limits, signals.next(), print_progress).await
}

/// Prints the progress of a recording, without data of the account. A closed pipe does not end the recording.
fn print_progress(item: &Item<AccountBalance>) {
    let text = match item {
        Item::Connected(connected) => format!("connected to {}", connected.url),
        Item::Snapshot(event) => format!("received a snapshot of {}", currencies(event)),
        Item::Update(event) => format!("received an update of {}", currencies(event)),
        Item::Disconnected(lost) => {
            format!("{}; next dial in {:.1} s", lost.error, lost.retry_in.as_secs_f32())
        }
        _ => return,
    };
    let mut output = Output::stdout();
    let _ = output.line(&printable(&text)).and_then(|()| output.flush());
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
