//! The steps of a check: each uses a part of the way to the server as the client does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::rest::{BaseUrl, GetBalances};
use bitopro_client::transport::{Connector, Frame, HttpClient, Limits, Proxy, Request};
use bitopro_client::{Client, Closed, Credentials, DOCUMENTED_ENDPOINT, Item, Signer};
use futures_util::StreamExt;
use http::Uri;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::report::Found;
use crate::client::{self, CommandConnector};
use crate::exit::{Failure, Status, causes};
use crate::query;

/// Maximum duration of each step without another limit.
const DEADLINE: Duration = Duration::from_secs(10);
/// Difference of the clocks from which on it is a warning. The `Date` header has whole seconds.
const MAX_SKEW: Duration = Duration::from_secs(2);

/// The server to check, and the way to it.
pub(super) struct Server {
    url: Uri,
    host: String,
    port: u16,
    ca_file: Option<PathBuf>,
    connector: CommandConnector,
    /// The base URLs, if they are not those of the environment or of the exchange.
    base: Option<String>,
    rest: Option<String>,
}

impl Server {
    pub(super) fn new(
        base: Option<String>,
        rest: Option<String>,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let chosen = client::base_url(base.clone())?;
        let text = chosen.as_deref().unwrap_or(DOCUMENTED_ENDPOINT);
        let invalid = |reason: &str| {
            Failure::new(
                Status::Usage,
                format!("the base URL {text} {reason}; use one such as wss://host:port/ws"),
            )
        };
        let path = PrivateStream::AccountBalance.path();
        let url: Uri =
            format!("{}{path}", text.trim_end_matches('/')).parse().map_err(|_| invalid("is invalid"))?;
        let host = url.host().ok_or_else(|| invalid("has no host"))?.trim_matches(['[', ']']).to_owned();
        let default_port = if url.scheme_str() == Some("wss") { 443 } else { 80 };
        let port = url.port_u16().unwrap_or(default_port);
        let connector = client::connector(ca_file.as_deref(), Limits::default())?;
        Ok(Self { url, host, port, ca_file, connector, base, rest })
    }

    /// Creates the client that is checked, whose streams give up after the first failure.
    pub(super) fn client(&self, credentials: Option<&Credentials>) -> Result<Client, Failure> {
        let credentials = credentials.cloned().map_or_else(query::no_account, Ok)?;
        let ca_file = self.ca_file.as_deref();
        let mut builder = client::builder(credentials, self.base.clone(), ca_file, Limits::default())?;
        if let Some(rest) = &self.rest {
            builder = builder.with_rest_endpoint(rest);
        }
        client::build(builder.with_retry_limit(1))
    }

    /// Finds the proxy that the dial of a stream uses, if any.
    pub(super) fn proxy(&self) -> Result<Found<Option<Proxy>>, Failure> {
        let failed = |error: bitopro_client::transport::Error| Failure::new(Status::Usage, error.to_string());
        let proxy = self.connector.proxy_for(&self.url).map_err(failed)?;
        let text = match &proxy {
            Some(proxy) => format!("{proxy} is used, because of the environment"),
            None => "none is used".to_owned(),
        };
        Ok(Found::new(proxy, text))
    }

    /// Resolves the name of the server.
    pub(super) async fn resolve(&self) -> Result<Found<Vec<SocketAddr>>, Failure> {
        let Self { host, port, .. } = self;
        let failed = |reason: &str| {
            let advice = "check the name, and the network and the name server of this machine";
            Failure::new(Status::Network, format!("{host} {reason}; {advice}"))
        };
        let found = timeout(DEADLINE, lookup_host((host.as_str(), *port))).await;
        let found = found.map_err(|_| failed("was not resolved within 10 s"))?;
        let addresses: Vec<SocketAddr> =
            found.map_err(|error| failed("cannot be resolved").with_source(error))?.collect();
        let [first, ..] = addresses.as_slice() else { return Err(failed("has no address")) };
        let text = match addresses.len() {
            1 => format!("{host} has the address {}", first.ip()),
            count => format!("{host} has {count} addresses, such as {}", first.ip()),
        };
        Ok(Found::new(addresses, text))
    }

    /// Opens a TCP connection to the first address that accepts one.
    pub(super) async fn connect(&self, addresses: &[SocketAddr]) -> Result<Found, Failure> {
        let mut last = None;
        for address in addresses {
            match timeout(DEADLINE, TcpStream::connect(address)).await {
                Ok(Ok(_)) => return Ok(Found::new((), format!("{address} accepts connections"))),
                Ok(Err(error)) => last = Some(format!("{address}: {error}")),
                Err(_) => last = Some(format!("{address}: no answer within 10 s")),
            }
        }
        let message = format!(
            "no address accepts connections on port {}; check firewalls, and whether a proxy is needed (HTTPS_PROXY)",
            self.port
        );
        let failure = Failure::new(Status::Network, message);
        Err(last.into_iter().fold(failure, Failure::with_source))
    }

    /// Compares the clock of this machine with the `Date` header of the REST API.
    pub(super) async fn compare_clocks(&self, base: &BaseUrl) -> Result<Found, Failure> {
        let http = client::http_client(self.ca_file.as_deref())?;
        let request = http::Request::get(format!("{base}/provisioning/trading-pairs"));
        let request = request.body(Vec::new().into()).map_err(|error| {
            Failure::new(Status::Usage, format!("the base URL {base} cannot be used")).with_source(error)
        })?;
        let before = Timestamp::now();
        let response = http.send(request, DEADLINE).await.map_err(|error| {
            let failure = Failure::new(Status::Network, client::for_command(&error.to_string()));
            causes(&error).into_iter().fold(failure, Failure::with_source)
        })?;
        let after = Timestamp::now();
        let date = response.headers().get(DATE).and_then(|value| value.to_str().ok());
        let Some(server) = date.and_then(|text| DateTimeParser::new().parse_timestamp(text).ok()) else {
            return Ok(Found::new((), format!("{base} answers, but sends no `Date`")).into_warning());
        };
        // The header has whole seconds, so the server's time is on average half a second later.
        let middle_ms = i64::midpoint(before.as_millisecond(), after.as_millisecond());
        let ahead_ms = middle_ms - (server.as_millisecond() + 500);
        Ok(describe_skew(ahead_ms))
    }

    /// Measures the time from a ping to its pong, over a separate connection.
    pub(super) async fn ping(&self, credentials: &Credentials) -> Result<Found, Failure> {
        let failed =
            |error: bitopro_client::transport::Error| Failure::new(Status::Network, error.to_string());
        let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let headers = Signer::new(credentials.clone()).sign_identity(now_ms);
        let request = headers.iter().try_fold(Request::new(self.url.clone()), |request, (name, value)| {
            request.with_header(name, value)
        });
        let mut connection = self.connector.connect(request.map_err(failed)?).await.map_err(failed)?;
        let begin = Instant::now();
        connection.send(Frame::Ping("check".into())).await.map_err(failed)?;
        let pong = async {
            while let Some(frame) = connection.next().await {
                if let Frame::Pong(_) = frame.map_err(failed)? {
                    return Ok(begin.elapsed());
                }
            }
            Err(Failure::new(Status::Network, "the connection ended before the pong"))
        };
        let Ok(took) = timeout(DEADLINE, pong).await else {
            let text = "no pong arrived within 10 s, so a dead connection is detected only by the pings of the server";
            return Ok(Found::new((), text).into_warning());
        };
        Ok(Found::new((), format!("a ping took {:.1} ms there and back", took?.as_secs_f64() * 1e3)))
    }
}

/// Describes by how much the clock of this machine is ahead of that of the server.
fn describe_skew(ahead_ms: i64) -> Found {
    let skew = Duration::from_millis(ahead_ms.unsigned_abs());
    if skew <= MAX_SKEW {
        return Found::new((), "the clock of this machine agrees with that of the server");
    }
    let direction = if ahead_ms > 0 { "ahead of" } else { "behind" };
    let text = format!(
        "the clock of this machine is {} s {direction} that of the server; set it with NTP, because the exchange refuses \
         requests whose time is wrong",
        skew.as_secs()
    );
    Found::new((), text).into_warning()
}

/// Makes a signed call that changes nothing.
pub(super) async fn call(client: &Client) -> Result<Found, Failure> {
    let rest = client.rest().map_err(|error| query::failure(&error))?;
    let balances = rest.call(&GetBalances::new()).await.map_err(|error| query::failure(&error))?;
    Ok(Found::new((), format!("the REST API accepts the key, and lists {} currencies", balances.len())))
}

/// Opens a stream and waits for its first snapshot.
pub(super) async fn open_stream(client: &Client) -> Result<Found, Failure> {
    let begin = Instant::now();
    let mut connected = None;
    let mut balances = client.balances();
    while let Some(item) = balances.next().await {
        match item {
            Item::Connected(_) => connected = Some(begin.elapsed()),
            Item::Snapshot(event) => {
                let connected = connected.unwrap_or_default();
                let waited = begin.elapsed().saturating_sub(connected);
                let text = format!(
                    "the stream of the balances is open after {} ms, and its snapshot of {} currencies arrived \
                     {} ms later",
                    connected.as_millis(),
                    event.data.len(),
                    waited.as_millis()
                );
                return Ok(Found::new((), text));
            }
            Item::Malformed(malformed) => {
                let message =
                    format!("a message cannot be read: {}; look for a newer version", malformed.reason);
                return Err(Failure::new(Status::BadData, message));
            }
            Item::Closed(Closed::Failed(error)) => {
                let failure = Failure::new(Status::of(&error), client::for_command(&error.to_string()));
                return Err(causes(&error).into_iter().fold(failure, Failure::with_source));
            }
            _ => {}
        }
    }
    Err(Failure::new(Status::Unexpected, "the stream has ended"))
}

#[cfg(test)]
mod tests {
    use super::describe_skew;

    #[test]
    fn a_clock_that_differs_by_more_than_two_seconds_is_a_warning() {
        for (ahead_ms, expected) in
            [(0, None), (-2_000, None), (2_999, Some("2 s ahead of")), (-75_000, Some("75 s behind"))]
        {
            let found = describe_skew(ahead_ms);
            assert_eq!(found.is_warning, expected.is_some(), "{ahead_ms}");
            assert!(found.text.contains(expected.unwrap_or("agrees")), "{}", found.text);
        }
    }
}
