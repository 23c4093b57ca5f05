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
use bitopro_client::{Client, Credentials, Rest, RestError, model};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{CredentialArgs, Format, FormatArgs, TrustArgs};
use crate::client::{self, ca_file, for_query};
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
    let unused = no_account()?;
    crate::block_on(async { query(rest(unused, trust)?).await })
}

/// Returns credentials that are never sent: a client needs some, but public calls are not signed.
pub(crate) fn no_account() -> Result<Credentials, Failure> {
    Credentials::new("no-account", "no-account", "no-account@localhost")
        .map_err(|error| Failure::new(Status::Unexpected, error.to_string()))
}

fn rest(credentials: Credentials, trust: &TrustArgs) -> Result<Rest, Failure> {
    client(credentials, trust)?.rest().map_err(|error| failure(&error))
}

/// Returns a client of the exchange, or of the server in the environment.
pub(crate) fn client(credentials: Credentials, trust: &TrustArgs) -> Result<Client, Failure> {
    let ca_file = ca_file(trust.ca_file.clone());
    client::build(client::builder(credentials, None, ca_file.as_deref(), Limits::default())?)
}

async fn call<C: Call + Sync>(rest: &Rest, call: &C) -> Result<C::Reply, Failure> {
    rest.call(call).await.map_err(|error| failure(&error))
}

/// Converts the error of a call to a failure of the command.
pub(crate) fn failure(error: &RestError) -> Failure {
    let failure = Failure::new(Status::of_call(error.kind()), for_query(&error.to_string()));
    match causes(error) {
        Some(causes) => failure.with_source(for_query(&causes)),
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
pub(crate) fn note(text: &str) {
    // If standard error is closed, the output is unaffected.
    let _ = writeln!(io::stderr(), "bitopro: {}", printable(text, MAX_LINE));
}

pub(crate) fn to_model(time: Timestamp) -> model::Timestamp {
    model::Timestamp::from_millis(time.as_millisecond())
}
