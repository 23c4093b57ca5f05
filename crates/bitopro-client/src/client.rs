use std::sync::Arc;

use bitopro_auth::Signer;
use bitopro_model::{ActiveOrderStream, Balances, HistoryOrderStream, Orders, PrivateStream, Trade};

use crate::account::Changes;
use crate::builder::ClientBuilder;
use crate::environment::{EnvironmentError, settings_from_env};
use crate::public_client::PublicClient;
use crate::rest_api::{Rest, RestError};
use crate::runtime::{Account, Runtime, Subscription};
use crate::stats::Stats;

/// A client that subscribes to the private streams of one account.
///
/// A client itself has no connection. Each subscription opens one connection for each of its streams, and all
/// subscriptions share the nonces and the dial budget. Clones refer to the same client.
///
/// # Examples
///
/// ```
/// use bitopro_client::{Client, Credentials, Item};
///
/// # use bitopro_client::transport::{Frame, memory};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # let exchange = tokio::spawn(async move {
/// #     let mut peer = server.next_dial().await.unwrap().accept();
/// #     let balance = r#"{"currency":"BTC","amount":"1.10","available":"1.10"}"#;
/// #     let text = format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{"BTC":{balance}}}}}"#);
/// #     peer.send(Frame::text(text)).await.unwrap();
/// #     peer.recv().await; // the close
/// #     peer.close(1000, "").await.unwrap();
/// # });
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// let client = Client::builder(credentials)
///     .with_endpoint("wss://memory.test/ws")
///     .with_connector(connector) // in memory here; omit both lines to dial the real exchange
///     .build()?;
/// let mut balances = client.balances();
/// # let mut seen = Vec::new();
/// while let Some(item) = balances.next().await {
///     match item {
///         Item::Snapshot(event) | Item::Update(event) => {
///             for balance in &event.data {
///                 println!("{}: {} of {} available", balance.currency, balance.available, balance.amount);
/// #               seen.push(balance.amount.to_string());
///             }
/// #           balances.request_close();
///         }
///         Item::Closed(reason) => println!("closed: {reason}"),
///         other => println!("{other:?}"), // connected, gap, malformed, unknown, disconnected
///     }
/// }
/// # assert_eq!(seen, ["1.10"]);
/// # exchange.await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) runtime: Arc<Runtime>,
}

impl Client {
    /// Returns a builder that is configured from the environment.
    ///
    /// It reads the credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`, the base URL
    /// of the streams from `BITOPRO_WS_URL`, and that of the REST API from `BITOPRO_REST_URL`, if they are set.
    ///
    /// # Errors
    ///
    /// Returns an [`EnvironmentError`] that lists every missing variable and every problem of the others.
    pub fn from_env() -> Result<ClientBuilder, EnvironmentError> {
        let (credentials, bases) = settings_from_env()?;
        let mut builder = Self::builder(credentials);
        if let Some(base) = bases.streams {
            builder = builder.with_endpoint(base);
        }
        if let Some(base) = bases.rest {
            builder = builder.with_rest_endpoint(base);
        }
        Ok(builder)
    }

    /// Returns a builder for a client that signs with these credentials.
    ///
    /// To share nonces with other code that uses the same API key, pass a clone of its [`Signer`].
    pub fn builder(signer: impl Into<Signer>) -> ClientBuilder {
        ClientBuilder::new(signer.into())
    }

    /// Subscribes to the balances of the account.
    ///
    /// The client connects in the background. The items of the subscription report success and failure.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn balances(&self) -> Subscription<Balances> {
        self.runtime.subscribe(&[PrivateStream::AccountBalance])
    }

    /// Subscribes to the open orders of the account, which the exchange calls active orders.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn active_orders(&self) -> Subscription<Orders<ActiveOrderStream>> {
        self.runtime.subscribe(&[PrivateStream::ActiveOrders])
    }

    /// Subscribes to the closed orders of the account: first the recently closed ones, then each order when
    /// it closes.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn history_orders(&self) -> Subscription<Orders<HistoryOrderStream>> {
        self.runtime.subscribe(&[PrivateStream::HistoryOrders])
    }

    /// Subscribes to the trades of the account.
    ///
    /// This stream has no snapshots. The exchange never sends the trades made while disconnected, so every
    /// reconnect is followed by a gap.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn user_trades(&self) -> Subscription<Trade> {
        self.runtime.subscribe(&[PrivateStream::UserTrades])
    }

    /// Subscribes to all four streams of the account, merged into one.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn account(&self) -> Subscription<Account> {
        self.subscribe(PrivateStream::ALL)
    }

    /// Subscribes to the given streams of the account, merged into one.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn subscribe(&self, streams: &[PrivateStream]) -> Subscription<Account> {
        self.runtime.subscribe(streams)
    }

    /// Returns a client of the public streams, which shares the dial budget of this one.
    pub fn public(&self) -> PublicClient {
        PublicClient::new(Arc::clone(&self.runtime))
    }

    /// Returns the REST API with this account.
    ///
    /// It shares the nonces, the exchange's time and the limits with the streams.
    ///
    /// # Errors
    ///
    /// Returns a [`RestError`] of kind [`Off`](crate::RestErrorKind::Off) if the streams are not those of the
    /// exchange and no base URL of the REST API is set, or if the client has its own connector and no HTTP client
    /// is set.
    pub fn rest(&self) -> Result<Rest, RestError> {
        Rest::new(&self.runtime)
    }

    /// Returns the numbers of the client since it was built: connections, messages, gaps, ages.
    ///
    /// [`Stats::to_prometheus`] formats them for Prometheus.
    pub fn stats(&self) -> Stats {
        self.runtime.stats()
    }

    /// Returns a [`Changes`], which derives the changes of the account from the items of
    /// [`account`](Self::account).
    pub fn changes(&self) -> Changes {
        self.runtime.with_engine(|engine| engine.changes())
    }
}
