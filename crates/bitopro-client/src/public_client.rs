use std::sync::Arc;

use bitopro_model::{MarketTrades, OrderBook, Pair, PublicStream, Ticker};

use crate::builder::{ClientBuilder, NoCredentials};
use crate::environment::{EnvironmentError, ws_url_from_env};
use crate::market::{BookPair, PairsError, Selection};
use crate::runtime::{Market, Runtime, Subscription};
use crate::stats::Stats;

/// A client that subscribes to the public streams of the market. It needs no credentials.
///
/// Each subscription opens one connection for all of its pairs, and delivers the same [items](crate::Item) as those of
/// an account: a snapshot of each pair, then updates. Clones refer to the same client.
///
/// # Examples
///
/// ```
/// use bitopro_client::{BookPair, Item, PublicClient};
///
/// # use bitopro_client::transport::{Frame, memory};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # let exchange = tokio::spawn(async move {
/// #     let dial = server.next_dial().await.unwrap();
/// #     assert_eq!(dial.request().url().path(), "/ws/v1/pub/order-books/BTC_TWD:20");
/// #     let mut peer = dial.accept();
/// #     let level = |price| format!(r#"[{{"price":"{price}","amount":"0.5","count":1,"total":"0.5"}}]"#);
/// #     let (bids, asks) = (level("3050000"), level("3050100"));
/// #     let text = format!(r#"{{"event":"ORDER_BOOK","timestamp":1,"pair":"BTC_TWD","limit":20,"scale":0,"bids":{bids},"asks":{asks}}}"#);
/// #     peer.send(Frame::text(text)).await.unwrap();
/// #     std::future::pending::<()>().await;
/// # });
/// let client = PublicClient::builder()
/// #   .with_endpoint("wss://memory.test/ws")
///     .with_connector(connector) // in memory here; omit this line to dial the real exchange
///     .build()?;
/// let mut books = client.order_book([BookPair::new("BTC_TWD").with_depth(20)])?;
/// while let Some(item) = books.next().await {
///     if let Item::Snapshot(book) | Item::Update(book) = item {
///         println!("{}: bid {:?}, ask {:?}", book.pair, book.best_bid(), book.best_ask());
/// #       assert_eq!(book.spread(), Some(100.into()));
/// #       break;
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PublicClient {
    runtime: Arc<Runtime>,
}

impl PublicClient {
    pub(crate) fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }

    /// Returns a builder that is configured from the environment: with the base URL in `BITOPRO_WS_URL`, if it is set.
    ///
    /// # Errors
    ///
    /// Returns an [`EnvironmentError`] if the variable is not valid Unicode.
    pub fn from_env() -> Result<ClientBuilder<NoCredentials>, EnvironmentError> {
        let builder = Self::builder();
        Ok(match ws_url_from_env()? {
            Some(base) => builder.with_endpoint(base),
            None => builder,
        })
    }

    /// Returns a builder.
    pub fn builder() -> ClientBuilder<NoCredentials> {
        ClientBuilder::new(NoCredentials)
    }

    /// Subscribes to the order books of these pairs, each with its own [depth](BookPair::with_depth).
    ///
    /// Each update replaces the whole book of its pair.
    ///
    /// # Errors
    ///
    /// Returns a [`PairsError`] that lists every invalid pair and depth.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn order_book(
        &self,
        pairs: impl IntoIterator<Item = impl Into<BookPair>>,
    ) -> Result<Subscription<OrderBook>, PairsError> {
        let selection = Selection::new(pairs.into_iter().map(Into::into))?;
        Ok(self.runtime.subscribe_market(&[PublicStream::OrderBooks], &selection))
    }

    /// Subscribes to the tickers of these pairs.
    ///
    /// # Errors
    ///
    /// Returns a [`PairsError`] that lists every invalid pair.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn tickers(
        &self,
        pairs: impl IntoIterator<Item = impl Into<Pair>>,
    ) -> Result<Subscription<Ticker>, PairsError> {
        let selection = Selection::new(pairs.into_iter().map(BookPair::new))?;
        Ok(self.runtime.subscribe_market(&[PublicStream::Tickers], &selection))
    }

    /// Subscribes to the trades of the market in these pairs.
    ///
    /// The exchange sends the list of recent trades each time, without ids. The client compares each list with the
    /// previous one of its pair: an update contains only the new trades, newest first. If a list has no trade in common
    /// with the previous one, trades may be missing, so a [`Gap`](crate::Item::Gap) and a snapshot follow. A list that
    /// bridges a reconnect continues with an update. Equal trades that could be new or known count as known.
    ///
    /// # Errors
    ///
    /// Returns a [`PairsError`] that lists every invalid pair.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn trades(
        &self,
        pairs: impl IntoIterator<Item = impl Into<Pair>>,
    ) -> Result<Subscription<MarketTrades>, PairsError> {
        let selection = Selection::new(pairs.into_iter().map(BookPair::new))?;
        Ok(self.runtime.subscribe_market(&[PublicStream::Trades], &selection))
    }

    /// Subscribes to several public streams of these pairs, merged into one subscription.
    ///
    /// Each stream has its own connection. Only the order books use the depths of the pairs.
    ///
    /// # Errors
    ///
    /// Returns a [`PairsError`] that lists every invalid pair and depth.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn subscribe(
        &self,
        streams: &[PublicStream],
        pairs: impl IntoIterator<Item = impl Into<BookPair>>,
    ) -> Result<Subscription<Market>, PairsError> {
        let selection = Selection::new(pairs.into_iter().map(Into::into))?;
        Ok(self.runtime.subscribe_market(streams, &selection))
    }

    /// Returns the numbers of the client since it was built: connections, messages, gaps, ages.
    ///
    /// Those of a client from [`Client::public`](crate::Client::public) include the private streams.
    pub fn stats(&self) -> Stats {
        self.runtime.stats()
    }
}
