use bitopro_model::{Balance, Currency, Decimal, PrivateStream};
use http::StatusCode;

use crate::NewOrder;

/// Something that a simulated exchange is asked to do: in code, in a [`Scenario`](crate::Scenario), and by
/// its own market.
///
/// Each has a text, which `FromStr` reads and `Display` writes. An order is referred to by the name that it
/// was placed under, or else by its id; names are single words.
///
/// ```
/// use bitopro_model::Decimal;
/// use bitopro_sim::Command;
///
/// let command: Command = "fill a 0.004".parse()?;
/// assert_eq!(command, Command::Fill { order: "a".to_owned(), amount: Some(Decimal::new(4, 3)) });
/// assert_eq!(command.to_string(), "fill a 0.004");
/// # Ok::<(), bitopro_sim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Places an order, under a name or without one: `place a buy btc_twd 0.01 at 2600000`.
    ///
    /// A market order is `at market`. After the price of a limit order, `post-only` or a stop such as
    /// `when <= 2400000` may follow, and after all that a client id, `client 7`. An order without a name has
    /// `-` in its place.
    Place {
        /// The name that later commands know it by.
        name: Option<String>,
        /// The order.
        order: NewOrder,
    },
    /// Fills an open order at its own price: `fill a 0.004`, or `fill a` for all that remains.
    Fill {
        /// The order's name or id.
        order: String,
        /// The amount of the base currency, or `None` for all that remains.
        amount: Option<Decimal>,
    },
    /// Cancels an open order, and releases what it locks: `cancel a`.
    Cancel(String),
    /// Triggers a stop order, which becomes a limit order under the same id: `trigger a`.
    Trigger(String),
    /// Adds to the amount of a currency and to what is available of it: `deposit ADA 12.50`.
    ///
    /// A negative amount is a withdrawal, and is refused if less is available.
    Deposit {
        /// The currency.
        currency: Currency,
        /// The amount to add.
        amount: Decimal,
    },
    /// Sets the balance of a currency: `balance ADA 12.50 available 2 stake 10`, or without what is
    /// available for all but the stake. `untradable` may follow.
    ///
    /// Orders for which it leaves no room are cancelled: between what is available or staked and the whole
    /// amount, there must be as much as the orders lock.
    SetBalance(Balance),
    /// Makes this many steps of the market: `tick 3`, or `tick` for one.
    Tick(u32),
    /// Waits until there are at least this many connections: `wait 4`, or `wait` for one.
    ///
    /// Only [`Simulator::run`](crate::Simulator::run) waits; elsewhere it fails if there are fewer.
    AwaitConnections(usize),
    /// Sends a text verbatim to every connection, `text {"event":"NEWS"}`, or to those of one stream,
    /// `text-to user-trades {"event":"NEWS"}`.
    SendText {
        /// The stream, or `None` for all.
        stream: Option<PrivateStream>,
        /// The text, whether or not it makes sense.
        text: String,
    },
    /// Refuses the next dials with the documented answer of a status: `refuse 2 502`.
    ///
    /// Several refusals are used one after the other.
    Refuse {
        /// The number of dials.
        count: usize,
        /// The status, which is not informational.
        status: StatusCode,
    },
    /// Sends a close frame to every connection, `close 1001 maintenance`, or to those of one stream,
    /// `close user-trades 1001`, after what is on its way.
    Close {
        /// The stream, or `None` for all.
        stream: Option<PrivateStream>,
        /// The close code.
        code: u16,
        /// The reason, which may be empty.
        reason: String,
    },
    /// Ends every connection immediately and without a close frame, `disconnect`, or those of one stream,
    /// `disconnect user-trades`. What is on its way may be lost.
    Disconnect(Option<PrivateStream>),
    /// Sends no pings until they are resumed: `pause-pings`.
    PausePings,
    /// Sends pings again, each at its next regular time: `resume-pings`.
    ResumePings,
    /// Puts the exchange's clock this many milliseconds ahead of the one it was started with:
    /// `clock-offset -3600000`.
    SetClockOffsetMs(i64),
}

impl Command {
    /// Creates a [`SendText`](Self::SendText) to every connection, or to those of one stream.
    pub fn text(stream: impl Into<Option<PrivateStream>>, text: impl Into<String>) -> Self {
        Self::SendText { stream: stream.into(), text: text.into() }
    }

    /// Creates a [`Close`](Self::Close) of every connection, or of those of one stream.
    pub fn close(stream: impl Into<Option<PrivateStream>>, code: u16, reason: impl Into<String>) -> Self {
        Self::Close { stream: stream.into(), code, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests;
