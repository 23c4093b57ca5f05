//! Records an account's balances without anything personal in them.

mod json;
mod scrub;
mod secrets;
mod take;
mod tap;
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
use crate::output::{Output, settle};
use crate::printable::printable;
use crate::signals::Signals;
use crate::watch::{CA_FILE_VARIABLE, connector, setting};
use scrub::Scrubber;
use secrets::Secrets;
use take::{Goal, Recording, take};

pub(crate) fn run(args: &RecordArgs) -> Result<Status, Failure> {
    if args.file.exists() {
        return Err(exists(&args.file));
    }
    let credentials = credentials_from_env().map_err(|error| {
        Failure::new(Status::Auth, "no credentials in the environment").with_source(error)
    })?;
    let mut secrets = account_secrets(&credentials);
    let goal = Goal { updates: args.updates, within: Duration::from_secs(args.seconds) };
    let recording = crate::runtime()?.block_on(record_streams(credentials, goal))?;
    secrets.extend(recording.secrets());
    save(&args.file, &scrubbed(&recording, &secrets)?)?;
    let mut output = Output::stdout();
    let summary = format!("{}; look at {} before you share it", recording.summary(goal), args.file.display());
    settle(output.line(&printable(&summary)).and_then(|()| output.flush()), Status::Ok)
}

fn exists(file: &Path) -> Failure {
    let message = format!("{} exists and is not overwritten; choose another file", file.display());
    Failure::new(Status::Usage, message)
}

fn account_secrets(credentials: &Credentials) -> Secrets {
    Secrets::new([
        ("the account's email address", credentials.email().to_owned()),
        ("the API key", credentials.api_key().to_owned()),
        ("the API secret", env::var(API_SECRET_VARIABLE).unwrap_or_default()),
    ])
}

async fn record_streams(credentials: Credentials, goal: Goal) -> Result<Recording, Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::new(Status::Unexpected, "signals cannot be awaited").with_source(error))?;
    let mut builder = Client::builder(credentials);
    if let Some(url) = setting::<String>(None, WS_URL_VARIABLE) {
        builder = builder.with_endpoint(url);
    }
    let connector = connector(setting(None, CA_FILE_VARIABLE), Limits::default())?;
    take(builder, connector, goal, signals.next(), show).await
}

/// Prints what happens, without anything of the account. A closed pipe does not end the recording.
fn show(item: &Item<AccountBalance>) {
    let text = match item {
        Item::Connected(connected) => format!("connected to {}", connected.url),
        Item::Snapshot(event) => format!("received a snapshot of {} currencies", event.data.len()),
        Item::Update(event) => format!("received an update of {} currencies", event.data.len()),
        Item::Disconnected(lost) => {
            format!("{}; next attempt in {:.1} s", lost.error, lost.retry_in.as_secs_f32())
        }
        _ => return,
    };
    let mut output = Output::stdout();
    let _ = output.line(&printable(&text)).and_then(|()| output.flush());
}

/// Returns the scrubbed messages, one a line, unless a secret occurs in them.
fn scrubbed(recording: &Recording, secrets: &Secrets) -> Result<String, Failure> {
    let mut scrubber = Scrubber::new();
    let mut lines = String::new();
    for (text, number) in recording.messages().zip(1..) {
        let line = scrubber.scrub(text).map_err(|error| {
            let message = format!("nothing was written: message {number} cannot be scrubbed");
            Failure::new(Status::BadData, message).with_source(error)
        })?;
        if let Some(name) = secrets.found_in(&line) {
            let message = format!(
                "nothing was written: message {number} would hold {name}; report this, without the message"
            );
            return Err(Failure::new(Status::Unexpected, message));
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(lines)
}

/// Writes a new file, all of it or none.
fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::new(Status::Usage, format!("{} cannot be written", path.display())).with_source(error),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(|error| {
        let _ = fs::remove_file(path);
        failed(error)
    })
}
