use std::time::Duration;

use bitopro_model::{
    ActiveOrderStream, Balances, Event, EventData, HistoryOrderStream, Message, Orders, PrivateStream,
    Stream, Timestamp,
};

use super::{Current, CurrentAccount};

/// The current state of one stream, as the messages that the exchange would send for it.
///
/// [`CurrentAccount::stream`] returns it. With the feature `serde`, it serializes to a line of type `state`
/// with the data of its messages.
///
/// # Examples
///
/// ```
/// use bitopro_client::model::PrivateStream;
/// use bitopro_client::{Client, Credentials};
///
/// # use bitopro_client::transport::{Frame, memory};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # tokio::spawn(async move {
/// #     let mut orders = server.next_dial().await.unwrap().accept();
/// #     orders.send(Frame::text(r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{}}"#)).await.unwrap();
/// #     std::future::pending::<()>().await;
/// # });
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let account = client.subscribe(&[PrivateStream::ActiveOrders]);
/// account.ready().await?;
/// let state = account.current().stream(PrivateStream::ActiveOrders).ok_or("not known yet")?;
/// for message in &state.messages {
///     println!("{}: {message}", state.stream);
/// }
/// # assert_eq!(state.messages.len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamState {
    /// The stream.
    pub stream: Stream,
    /// The time of the last event in the state, according to the exchange's clock.
    pub as_of: Option<Timestamp>,
    /// The time at which the state was read, according to the machine's clock; see
    /// [`CurrentAccount::read_at`].
    pub read_at: Option<Timestamp>,
    /// The time between the arrival of the last event and the call that read the state.
    pub age: Duration,
    /// Set if the state may be out of date.
    pub is_stale: bool,
    /// One message with the whole state. The stream of the account's trades has one for each trade, and a public stream
    /// one for each pair.
    pub messages: Vec<Message>,
}

impl StreamState {
    /// Creates the state of a stream from its messages.
    ///
    /// The state is stale, and its unknown age is [`Duration::MAX`].
    pub fn new(stream: impl Into<Stream>, messages: Vec<Message>) -> Self {
        let as_of = messages.last().and_then(Message::timestamp);
        let stream = stream.into();
        Self { stream, as_of, read_at: None, age: Duration::MAX, is_stale: true, messages }
    }

    pub(super) fn read(account: &CurrentAccount, stream: PrivateStream) -> Option<Self> {
        let CurrentAccount { balances, open_orders, closed_orders, trades, .. } = account;
        let state = match stream {
            PrivateStream::AccountBalance => Self::of(stream, balances.as_ref()?, |as_of, balances| {
                snapshot::<Balances>(as_of, balances.iter().cloned().collect())
            }),
            PrivateStream::ActiveOrders => Self::of(stream, open_orders.as_ref()?, |as_of, orders| {
                snapshot::<Orders<ActiveOrderStream>>(as_of, orders.iter().cloned().collect())
            }),
            PrivateStream::HistoryOrders => Self::of(stream, closed_orders.as_ref()?, |as_of, orders| {
                snapshot::<Orders<HistoryOrderStream>>(as_of, orders.iter().cloned().collect())
            }),
            PrivateStream::UserTrades => Self::of(stream, trades.as_ref()?, |_, trades| {
                trades.iter().cloned().map(Message::from).collect()
            }),
            _ => return None,
        };
        Some(Self { read_at: account.read_at, ..state })
    }

    fn of<S>(
        stream: PrivateStream,
        current: &Current<S>,
        messages: impl FnOnce(Option<Timestamp>, &S) -> Vec<Message>,
    ) -> Self {
        let as_of = current.as_of();
        let messages = messages(as_of, current.state());
        let (age, is_stale) = (current.age(), current.is_stale());
        Self { stream: stream.into(), as_of, read_at: None, age, is_stale, messages }
    }
}

/// Returns the single message of a stream that has snapshots.
fn snapshot<D: EventData>(as_of: Option<Timestamp>, data: D) -> Vec<Message> {
    as_of.map(|as_of| Event::new(as_of, data).into()).into_iter().collect()
}
