use std::sync::Arc;

use bitopro_auth::Signer;
use bitopro_model::{ActiveOrderStream, Balances, HistoryOrderStream, Orders, PrivateStream, Trade};

use crate::account::Changes;
use crate::builder::ClientBuilder;
use crate::environment::{EnvironmentError, credentials_from_env, endpoint_from_env};
use crate::runtime::{Account, Runtime, Subscription};

/// Follows the private streams of one account. Clones share everything.
///
/// A client has no connection of its own: each subscription has one. All of them share the nonces and the
/// dial budget of the API key.
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
/// #     let text = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"BTC":{"currency":"BTC","amount":"1.10","available":"1.10","stake":"0","tradable":true}}}"#;
/// #     peer.send(Frame::text(text)).await.unwrap();
/// #     peer.recv().await; // the close
/// #     peer.close(1000, "").await.unwrap();
/// # });
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// let client = Client::builder(credentials)
///     .with_endpoint("wss://memory.test/ws")
///     .with_connector(connector) // in memory here; leave both out for the real exchange
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
    /// Begins to build a client from the environment: the credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and
    /// `BITOPRO_EMAIL`, and the endpoint from `BITOPRO_WS_URL` if that is set.
    ///
    /// # Errors
    ///
    /// Returns an [`EnvironmentError`] that names every variable that is missing, or that the endpoint is not text.
    pub fn from_env() -> Result<ClientBuilder, EnvironmentError> {
        let builder = Self::builder(credentials_from_env()?);
        Ok(match endpoint_from_env()? {
            Some(endpoint) => builder.with_endpoint(endpoint),
            None => builder,
        })
    }

    /// Begins to build a client that signs with these credentials. To share nonces with other code that
    /// uses the same API key, pass the [`Signer`] that it uses.
    pub fn builder(signer: impl Into<Signer>) -> ClientBuilder {
        ClientBuilder::new(signer.into())
    }

    /// Subscribes to the account's balances. The connection is made in the background; what becomes of it is reported by
    /// the items.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn balances(&self) -> Subscription<Balances> {
        self.runtime.subscribe(&[PrivateStream::AccountBalance])
    }

    /// Subscribes to the account's open orders. See [`balances`](Self::balances).
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn active_orders(&self) -> Subscription<Orders<ActiveOrderStream>> {
        self.runtime.subscribe(&[PrivateStream::ActiveOrders])
    }

    /// Subscribes to the orders that close: the recently closed ones first, then each that closes.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn history_orders(&self) -> Subscription<Orders<HistoryOrderStream>> {
        self.runtime.subscribe(&[PrivateStream::HistoryOrders])
    }

    /// Subscribes to the account's trades. The stream has no snapshots: what is traded without a connection
    /// is never sent, and after each reconnect a gap says so.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn user_trades(&self) -> Subscription<Trade> {
        self.runtime.subscribe(&[PrivateStream::UserTrades])
    }

    /// Subscribes to all four streams as one.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn account(&self) -> Subscription<Account> {
        self.subscribe(PrivateStream::ALL)
    }

    /// Subscribes to some of the streams as one.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn subscribe(&self, streams: &[PrivateStream]) -> Subscription<Account> {
        self.runtime.subscribe(streams)
    }

    /// Returns a value that derives what changed from the items of [`account`](Self::account).
    pub fn changes(&self) -> Changes {
        self.runtime.with(|engine| engine.changes())
    }
}
