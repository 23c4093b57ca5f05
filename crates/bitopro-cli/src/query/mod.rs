//! The commands that read from the REST API, print the reply and exit.

pub(crate) mod balances;
pub(crate) mod orders;
pub(crate) mod pairs;
pub(crate) mod ticker;
pub(crate) mod trades;
mod window;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use bitopro_client::rest::Call;
use bitopro_client::transport::{Limits, printable};
use bitopro_client::{Credentials, Rest, RestError, model};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{CredentialArgs, Format, FormatArgs, TrustArgs};
use crate::client::{self, ca_file, for_command};
use crate::credentials;
use crate::exit::{Failure, MAX_LINE, Status, causes};
use crate::output::{Output, exit_status};

/// Runs a query of the account.
fn with_account<T>(
    credentials: &CredentialArgs,
    trust: &TrustArgs,
    query: impl AsyncFnOnce(Rest) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let credentials = credentials::load(credentials, "")?;
    crate::block_on(async { query(rest(credentials, trust)?).await })
}

/// Runs a query of public data, without an account.
fn without_account<T>(
    trust: &TrustArgs,
    query: impl AsyncFnOnce(Rest) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // A client needs credentials, but public calls are not signed, so these are never sent.
    let unused = Credentials::new("no-account", "no-account", "no-account@localhost")
        .map_err(|error| Failure::new(Status::Unexpected, error.to_string()))?;
    crate::block_on(async { query(rest(unused, trust)?).await })
}

fn rest(credentials: Credentials, trust: &TrustArgs) -> Result<Rest, Failure> {
    let ca_file = ca_file(trust.ca_file.clone());
    let builder = client::builder(credentials, None, ca_file.as_deref(), Limits::default())?;
    client::build(builder)?.rest().map_err(|error| failure(&error))
}

async fn call<C: Call + Sync>(rest: &Rest, call: &C) -> Result<C::Reply, Failure> {
    rest.call(call).await.map_err(|error| failure(&error))
}

/// Converts the error of a call to a failure of the command.
fn failure(error: &RestError) -> Failure {
    let failure = Failure::new(Status::of_call(error.kind()), for_command(&error.to_string()));
    match causes(error) {
        Some(causes) => failure.with_source(for_command(&causes)),
        None => failure,
    }
}

/// Prints items as lines of JSON, or as a table.
fn print<T: Serialize>(
    format: &FormatArgs,
    items: &[T],
    table: impl FnOnce() -> String,
) -> Result<Status, Failure> {
    let mut output = Output::stdout();
    let printed = match format.format() {
        Format::Table => output.lines(&table()),
        Format::Ndjson => items.iter().try_for_each(|item| output.json(item)),
    };
    exit_status(printed.and_then(|()| output.flush()), Status::Ok)
}

/// Prints a line about the output to standard error.
fn note(text: &str) {
    // If standard error is closed, the output is unaffected.
    let _ = writeln!(io::stderr(), "bitopro: {}", printable(text, MAX_LINE));
}

fn to_model(time: Timestamp) -> model::Timestamp {
    model::Timestamp::from_millis(time.as_millisecond())
}
