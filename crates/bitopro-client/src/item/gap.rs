use std::fmt;

use bitopro_model::{EventId, Message, Pair, Timestamp};

/// A period in a stream in which something may have been missed.
///
/// # Examples
///
/// The exchange never sends the trades made while disconnected, so a reconnect leaves a gap:
///
/// ```
/// use bitopro_client::{Client, Credentials, GapReason, Item};
///
/// # use bitopro_client::transport::memory;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # let exchange = tokio::spawn(async move {
/// #     drop(server.next_dial().await.unwrap().accept());
/// #     let peer = server.next_dial().await.unwrap().accept();
/// #     std::future::pending::<()>().await;
/// #     drop(peer);
/// # });
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// # let mut gaps = 0;
/// let mut trades = client.user_trades();
/// while let Some(item) = trades.next().await {
///     if let Item::Gap(gap) = item {
///         if let GapReason::Reconnected { since, until, .. } = gap.reason {
///             println!("trades between {since} and {until} may be missing");
/// #           gaps += 1;
///         }
/// #       trades.request_close();
/// #       exchange.abort();
///     }
/// }
/// # assert_eq!(gaps, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The last event before the gap, if any.
    pub before: Option<Edge>,
    /// The first event after the gap. `None` on a stream without snapshots, where the next event may be hours
    /// away; the reason then contains the end of the gap.
    pub after: Option<Edge>,
    /// The reason, with the times or the items that it concerns.
    pub reason: GapReason,
    /// True if the snapshot that follows is stale too, for example because a merged message contradicted
    /// another one.
    pub(crate) leaves_stale: bool,
}

/// The event at one edge of a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Edge {
    /// The id of the event, if any.
    pub event_id: Option<EventId>,
    /// The time of the event, according to the exchange's clock.
    pub timestamp: Timestamp,
}

impl Edge {
    /// Returns the edge at an event, or `None` if its kind is unknown.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        Some(Self { timestamp: message.timestamp()?, event_id: message.event_id().cloned() })
    }
}

/// The reason why something may have been missed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// The stream was disconnected for some time.
    ///
    /// The times are those of the machine's clock, corrected to the exchange's clock if a refusal showed that
    /// the machine's was wrong.
    #[non_exhaustive]
    Reconnected {
        /// Time of the last frame on the previous connection, including pings.
        since: Timestamp,
        /// Time at which the next connection was opened.
        until: Timestamp,
    },
    /// The subscriber read too slowly, so that waiting items were merged into the state.
    #[non_exhaustive]
    Overrun {
        /// The last event that was merged, if any.
        last: Option<Edge>,
        /// Number of items that were merged: messages and connection events.
        missed: u64,
        /// Number of merged messages of an unknown kind, which no state contains.
        unknown: u64,
    },
    /// A list of recent market trades has none in common with the previous list of its pair.
    #[non_exhaustive]
    NoOverlap {
        /// The pair.
        pair: Pair,
        /// Time of the newest trade that was known, if any.
        since: Option<Timestamp>,
        /// Time of the oldest trade of the new list, if any.
        until: Option<Timestamp>,
    },
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            GapReason::Reconnected { since, until } => {
                write!(f, "events may be missing: no connection from {since} to {until}")?;
            }
            GapReason::Overrun { missed, .. } => {
                write!(f, "{missed} items were merged because the subscriber read too slowly")?;
            }
            GapReason::NoOverlap { pair, since, until } => {
                write!(f, "trades of {pair} may be missing: none of the recent trades was known")?;
                if let (Some(since), Some(until)) = (since, until) {
                    write!(f, "; made between {since} and {until}")?;
                }
            }
        }
        if let Some(edge) = &self.before {
            write!(f, "; last event before: {}", edge.timestamp)?;
        }
        if let Some(edge) = &self.after {
            write!(f, "; first event after: {}", edge.timestamp)?;
        }
        Ok(())
    }
}
