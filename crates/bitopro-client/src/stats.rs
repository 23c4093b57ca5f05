//! The numbers of a client, for monitoring.

mod metric;

use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_model::{Message, Stream};

use crate::ErrorKind;
use crate::item::{Closed, Item};
use crate::rest_api::LimitUsage;

pub use metric::{Metric, MetricKind, MetricValue};

/// The work of a client since it was built, in numbers. See [`Client::stats`](crate::Client::stats).
///
/// # Examples
///
/// ```
/// # use bitopro_client::transport::memory;
/// # use bitopro_client::{Client, Credentials};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, _exchange) = memory::network();
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let balances = client.balances();
/// for (stream, stats) in &client.stats().streams {
///     println!("{stream}: {} connections, {} gaps", stats.counters.connections, stats.counters.gaps);
/// }
/// # assert_eq!(client.stats().streams.len(), 1);
/// # drop(balances);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Every stream to which there has been a subscription.
    pub streams: BTreeMap<Stream, StreamStats>,
    /// The REST API, or `None` if it is off.
    pub rest: Option<RestStats>,
}

/// Declares [`Counters`]. Each counter has a field with its documentation, and the name of its metric.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident => $metric:literal,)*) => {
        /// The counters of a stream, over all of its subscriptions, also those that have ended.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)*
            /// Failed dials, and connections that have ended, by the [name](crate::ErrorKind::name) of the kind of the
            /// error. Streams that end on request, or because their subscription is dropped, are not counted.
            pub failures: BTreeMap<&'static str, u64>,
        }

        impl Counters {
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
                add_failures(&mut self.failures, &other.failures);
            }

            /// Returns the name, the documentation and the value of each counter but the failures.
            fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$(($metric, concat!($($doc),+), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Dials, whether they succeeded or not.
    dials => "bitopro_dials_total",
    /// Connections that were opened.
    connections => "bitopro_connections_total",
    /// Snapshots that arrived.
    snapshots => "bitopro_snapshots_total",
    /// Updates that arrived.
    updates => "bitopro_updates_total",
    /// Bytes of messages that arrived.
    bytes => "bitopro_message_bytes_total",
    /// Pings that arrived.
    pings => "bitopro_pings_total",
    /// Gaps: reconnects and overruns after which something may be missing.
    gaps => "bitopro_gaps_total",
    /// Items that were merged into the state because the subscriber read too slowly.
    merged => "bitopro_merged_items_total",
    /// Trades and orders that the REST API has recovered.
    recovered => "bitopro_recovered_items_total",
    /// Messages that could not be read.
    malformed => "bitopro_malformed_messages_total",
    /// Messages of an unknown kind.
    unknown => "bitopro_unknown_messages_total",
}

impl Counters {
    /// Counts an item that is delivered or merged.
    pub(crate) fn record(&mut self, item: &Item<Message>) {
        let counter = match item {
            Item::Update(_) => &mut self.updates,
            Item::Snapshot(_) => &mut self.snapshots,
            Item::Connected(_) => &mut self.connections,
            Item::Gap(_) => &mut self.gaps,
            Item::Malformed(_) => &mut self.malformed,
            Item::Unknown(_) => &mut self.unknown,
            Item::RecoveredTrade(_) | Item::RecoveredOrder(_) => &mut self.recovered,
            Item::Disconnected(lost) => self.failures.entry(lost.error.kind().name()).or_default(),
            Item::Closed(Closed::Failed(error)) if error.kind() != ErrorKind::Stopped => {
                self.failures.entry(error.kind().name()).or_default()
            }
            Item::Closed(_) | Item::MissingPairs(_) | Item::Backfilled(_) => return,
        };
        *counter += 1;
    }
}

fn add_failures(failures: &mut BTreeMap<&'static str, u64>, others: &BTreeMap<&'static str, u64>) {
    for (kind, count) in others {
        *failures.entry(kind).or_default() += count;
    }
}

/// The numbers of one stream, over all of its subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// The counters, which never decrease.
    pub counters: Counters,
    /// Subscriptions to the stream that have not ended.
    pub subscriptions: u64,
    /// Those of them that are connected.
    pub connected: u64,
    /// Those of them whose state is known and fresh.
    pub fresh: u64,
    /// Items that wait for the subscribers. Merged items count as one.
    pub queued: u64,
    /// Bytes of the messages of these items.
    pub queued_bytes: u64,
    /// Time since the last data message; the longest one, if there are several subscriptions.
    pub data_age: Option<Duration>,
    /// Time since the last frame, which may be a ping, of an open connection; the longest one, if there are several.
    pub frame_age: Option<Duration>,
}

/// The numbers of the calls of the REST API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestStats {
    /// Calls that were sent, including repeated ones.
    pub calls: u64,
    /// Those of them that failed, by the [name](crate::RestErrorKind::name) of the kind of the error.
    pub failures: BTreeMap<&'static str, u64>,
    /// The limits that have counted a call so far, and the number of calls that each allows now.
    pub limits: Vec<LimitUsage>,
}
