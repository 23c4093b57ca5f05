use std::sync::Arc;
use std::time::Instant;

use bitopro_auth::Signer;
use bitopro_model::{Active, Balances, History, Orders, Trade};
use bitopro_transport::Connector;
use tokio::sync::mpsc;

use crate::Settings;
use crate::account::{AccountSubscription, Desk};
use crate::builder::ClientBuilder;
use crate::dialer::SharedDialer;
use crate::driver::{Delivery, Driver};
use crate::endpoints::Endpoints;
use crate::outside::{WallClock, monotonic_now, random_seed};
use crate::session::Session;
use crate::shared::{Inbox, Shared};
use crate::state::Followed;
use crate::subscription::{Line, Subscription};

/// Follows the private streams of one account. Clones share everything.
///
/// A client has no connection of its own: each subscription has one. All of them share the nonces and the
/// dial budget of the API key.
///
/// ```
/// use bitopro_client::{Client, Credentials, Item};
/// use futures_util::StreamExt;
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
/// let credentials = Credentials::new("me@example.com", "api-key", "api-secret")?;
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
#[derive(Clone)]
pub struct Client {
    pub(crate) signer: Signer,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) endpoints: Endpoints,
    pub(crate) settings: Settings,
    pub(crate) dialer: SharedDialer,
    pub(crate) clock: WallClock,
    pub(crate) seed: Option<u64>,
}

impl Client {
    /// Begins to build a client that signs with these credentials. To share nonces with other code that
    /// uses the same API key, pass the [`Signer`] that it uses.
    pub fn builder(signer: impl Into<Signer>) -> ClientBuilder {
        ClientBuilder::new(signer.into())
    }

    /// Subscribes to the account's balances. The connection is made in the background; whatever becomes
    /// of it is in the stream.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn balances(&self) -> Subscription<Balances> {
        self.subscribe()
    }

    /// Subscribes to the account's open orders, as [`balances`](Self::balances) does to the balances.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn active_orders(&self) -> Subscription<Orders<Active>> {
        self.subscribe()
    }

    /// Subscribes to the orders that end: those that ended lately first, then each that does.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn history_orders(&self) -> Subscription<Orders<History>> {
        self.subscribe()
    }

    /// Subscribes to the account's trades. The stream has no snapshots: what is traded without a connection
    /// is never sent, and after each reconnect a gap says so.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn user_trades(&self) -> Subscription<Trade> {
        self.subscribe()
    }

    /// The session of a stream by itself, without a driver: for another runtime, or for a test that plays
    /// with time. It wants to dial at once.
    pub fn session<D: Followed>(&self, now: Instant) -> Session<D> {
        Session::new(
            self.settings.clone(),
            self.signer.clone(),
            &self.dialer,
            self.endpoints.clone(),
            self.seed.unwrap_or_else(random_seed),
            now,
            self.clock.now(),
        )
    }

    /// Subscribes to all four streams as one.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn account(&self) -> AccountSubscription {
        let desk = Arc::new(Desk::new(&self.settings, self.clock.clone()));
        // History first: if its dial comes first too, the first list of open orders is young enough.
        let history = self.drive::<Orders<History>>(desk.clone());
        let active = self.drive::<Orders<Active>>(desk.clone());
        desk.connect_active(&active);
        let lines =
            vec![history, active, self.drive::<Balances>(desk.clone()), self.drive::<Trade>(desk.clone())];
        AccountSubscription::new(desk, lines)
    }

    fn subscribe<D: Followed>(&self) -> Subscription<D> {
        let shared = Arc::new(Shared::new(&self.settings, self.clock.clone()));
        let line = self.drive::<D>(shared.clone());
        Subscription::new(shared, line)
    }

    /// Sets a driver to work that delivers to this inbox.
    fn drive<D: Followed>(&self, inbox: Arc<dyn Inbox<D>>) -> Line {
        let session = self.session(monotonic_now());
        let (sender, commands) = mpsc::unbounded_channel();
        let driver = Driver {
            session,
            connector: Arc::clone(&self.connector),
            inbox: Delivery(inbox),
            commands,
            clock: self.clock.clone(),
            send_deadline: self.settings.close_deadline,
        };
        Line::new(sender, tokio::spawn(driver.run()).abort_handle())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("endpoints", &self.endpoints)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
