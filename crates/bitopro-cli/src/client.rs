//! The client of the command: its base URLs, CA certificates and proxy. Its errors name the flags and variables of the
//! command instead of the settings of the library.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{env, fs};

use async_trait::async_trait;
use bitopro_client::transport::{
    CertificateError, Connection, Connector, Error, Frame, HyperClient, Limits, Proxy, Request,
    TungsteniteConnector,
};
use bitopro_client::{BuildError, Client, ClientBuilder, Credentials, REST_URL_VARIABLE, WS_URL_VARIABLE};
use futures_util::Stream;
use http::Uri;

use crate::exit::{Failure, Status};

/// The environment variable that names a PEM file of CA certificates to trust in addition to the platform's.
pub(crate) const CA_FILE_VARIABLE: &str = "BITOPRO_CA_FILE";

/// Texts of the library that name its settings and calls, and what the command writes instead.
const TEXTS: &[(&str, &str)] = &[
    ("`Limits::message_bytes`", "`--message-limit`"),
    ("`with_extra_roots`", "`--ca-file` or BITOPRO_CA_FILE"),
    (" or with `with_rest_endpoint`", ""),
    ("set both to the same server", "set BITOPRO_WS_URL and BITOPRO_REST_URL to the same server"),
    ("`GetTradingPairs` lists the pairs", "`bitopro pairs` lists the pairs"),
    ("`Client::trading_pairs` lists the pairs", "`bitopro pairs` lists the pairs"),
    ("`TradingPair::min_limit_base_amount` is the minimum", "`bitopro pairs` shows the minimum"),
    (
        "round to `TradingPair::amount_precision` and `quote_precision`",
        "`bitopro pairs` shows how many are allowed",
    ),
    ("`GetBalances` shows what is available", "`bitopro balances` shows what is available"),
    ("; `Endpoint::limits` lists the limits", ""),
    ("retry once with a new nonce, then correct the clock", "correct the clock of this machine"),
];

/// Texts about calls that may have taken effect, for a command that makes only calls that read.
const QUERY_TEXTS: &[(&str, &str)] = &[
    (", so the exchange may have carried out the call", ""),
    ("; if the call was not a `GET`, check first whether it took effect", ", and try again"),
    ("; if the call was not a `GET`, it probably took effect", ""),
];

/// The same texts for a command that places or cancels orders, which adds its own advice.
const ORDER_TEXTS: &[(&str, &str)] = &[
    ("; wait; if the call was not a `GET`, check first whether it took effect", ""),
    (
        "; report it; if the call was not a `GET`, it probably took effect",
        ", so the call probably took effect",
    ),
    ("; resolve again later", ""),
];

/// Returns a builder for a client of the server at `url`, or else of the server in the environment.
///
/// Its streams and its REST API trust the same certificates, and use the same proxy.
pub(crate) fn builder(
    credentials: Credentials,
    url: Option<String>,
    ca_file: Option<&Path>,
    limits: Limits,
) -> Result<ClientBuilder, Failure> {
    // The REST API in the environment belongs to the streams in the environment.
    let rest_url = if url.is_none() { text_variable(REST_URL_VARIABLE)? } else { None };
    let mut builder = Client::builder(credentials);
    if let Some(url) = base_url(url)? {
        builder = builder.with_endpoint(url);
    }
    if let Some(url) = rest_url {
        builder = builder.with_rest_endpoint(url);
    }
    Ok(builder.with_connector(connector(ca_file, limits)?).with_http_client(http_client(ca_file)?))
}

/// Returns an HTTP client that also trusts the certificates in `ca_file`.
pub(crate) fn http_client(ca_file: Option<&Path>) -> Result<HyperClient, Failure> {
    with_roots(HyperClient::new(), ca_file, HyperClient::with_extra_roots)
}

/// Builds the client. An invalid setting is a usage error.
pub(crate) fn build(builder: ClientBuilder) -> Result<Client, Failure> {
    builder.build().map_err(|error| invalid_settings(&error))
}

pub(crate) fn invalid_settings(error: &BuildError) -> Failure {
    Failure::new(Status::Usage, for_command(&error.to_string()))
}

/// Returns the base URL of a flag, or else of the environment, if any.
pub(crate) fn base_url(flag: Option<String>) -> Result<Option<String>, Failure> {
    if flag.is_some() { Ok(flag) } else { text_variable(WS_URL_VARIABLE) }
}

/// Returns the CA file of a flag, or else of the environment, if any.
pub(crate) fn ca_file(flag: Option<PathBuf>) -> Option<PathBuf> {
    flag.or_else(|| variable(CA_FILE_VARIABLE).map(PathBuf::from))
}

/// Returns the value of an environment variable, if it is not empty.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn text_variable(name: &str) -> Result<Option<String>, Failure> {
    let text = variable(name).map(OsString::into_string).transpose();
    text.map_err(|_| Failure::new(Status::Usage, format!("{name} is not valid Unicode")))
}

/// Returns a connector that also trusts the certificates in `ca_file`.
pub(crate) fn connector(ca_file: Option<&Path>, limits: Limits) -> Result<CommandConnector, Failure> {
    let connector = TungsteniteConnector::new().with_limits(limits);
    with_roots(connector, ca_file, TungsteniteConnector::with_extra_roots).map(CommandConnector)
}

/// Adds the certificates in `ca_file`, if any, to those that a connector or an HTTP client trusts.
fn with_roots<C>(
    client: C,
    ca_file: Option<&Path>,
    add: impl FnOnce(C, Vec<u8>) -> Result<C, CertificateError>,
) -> Result<C, Failure> {
    let Some(path) = ca_file else { return Ok(client) };
    let usage = |message: String| Failure::new(Status::Usage, message);
    let shown = path.display();
    let pem = fs::read(path)
        .map_err(|error| usage(format!("cannot read the CA file {shown}")).with_source(error))?;
    add(client, pem).map_err(|error| usage(format!("the CA file {shown}: {error}")))
}

pub(crate) struct CommandConnector(TungsteniteConnector);

impl CommandConnector {
    /// Returns the proxy that a dial of this URL would use, if any.
    pub(crate) fn proxy_for(&self, url: &Uri) -> Result<Option<Proxy>, Error> {
        self.0.proxy_for(url)
    }
}

#[async_trait]
impl Connector for CommandConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let connection = self.0.connect(request).await.map_err(with_flags)?;
        Ok(Box::new(CommandConnection(connection)))
    }
}

struct CommandConnection(Box<dyn Connection>);

impl Stream for CommandConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context).map_err(with_flags)
    }
}

#[async_trait]
impl Connection for CommandConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        self.0.send(frame).await.map_err(with_flags)
    }
}

/// Replaces the settings in an error. An error that names a setting has no cause.
fn with_flags(error: Error) -> Error {
    let message = error.to_string();
    let replaced = for_command(&message);
    if replaced == message { error } else { Error::new(error.kind(), replaced) }
}

/// Replaces the settings of the library in a text by those of the command.
pub(crate) fn for_command(text: &str) -> String {
    replace(text, TEXTS)
}

/// Does the same for a text about a call that reads.
pub(crate) fn for_query(text: &str) -> String {
    replace(&for_command(text), QUERY_TEXTS)
}

/// Does the same for a text about a call that places or cancels orders.
pub(crate) fn for_order(text: &str) -> String {
    replace(&for_command(text), ORDER_TEXTS)
}

fn replace(text: &str, texts: &[(&str, &str)]) -> String {
    texts.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
