use bitopro_model::{Balance, Currency, Decimal, Stream};
use http::StatusCode;

use crate::{CommandError, NewOrder, RestFault};

/// An instruction to a simulated exchange, for an account or for its connections.
///
/// [`Simulator::execute`](crate::Simulator::execute) and [`Exchange::execute`](crate::Exchange::execute)
/// carry it out, and a [`Scenario`](crate::Scenario) is a list of commands.
///
/// Every command has a text form, which `FromStr` parses and `Display` writes. Commands refer to an order by
/// the name under which it was placed, which is a single word, or by its id. They act on the first account,
/// unless [`As`](Self::As) addresses them to another one.
///
/// # Examples
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
    /// Addresses a command to an account: `as alice cancel a`.
    ///
    /// Names of orders are those that the account has given. A command about connections acts on those of the
    /// account. Commands that do not act on an account, such as `tick`, cannot be addressed to one.
    As {
        /// The account's name.
        account: String,
        /// The command.
        command: Box<Command>,
    },
    /// Places an order: `place a buy btc_twd 0.01 at 2600000`.
    ///
    /// Use `-` for no name, and `market` instead of a price for a market order, whose amount is in the quote
    /// currency if it buys. The price of a limit order may be followed by `post-only` or by a stop such as
    /// `when <= 2400000`. A client id such as `client 7` is last.
    Place {
        /// The name by which later commands refer to the order.
        name: Option<String>,
        /// The order.
        order: NewOrder,
    },
    /// Fills an open order at its own price: `fill a 0.004`, or `fill a` for its remaining amount.
    Fill {
        /// The order's name or id.
        order: String,
        /// The amount in the base currency, or `None` for the remaining amount.
        amount: Option<Decimal>,
    },
    /// Cancels an open order and releases the amount that it reserves: `cancel a`.
    Cancel(String),
    /// Triggers a stop order, which becomes a limit order under the same id and is matched as such: `trigger a`.
    Trigger(String),
    /// Adds to the amount and the available amount of a currency: `deposit ADA 12.50`.
    ///
    /// A negative amount is a withdrawal, which fails if it exceeds the available amount.
    Deposit {
        /// The currency.
        currency: Currency,
        /// The amount to add.
        amount: Decimal,
    },
    /// Sets the balance of a currency: `balance ADA 12.50 available 2 stake 10`.
    ///
    /// The available amount defaults to the amount without the stake, and the stake to 0. `untradable` may
    /// follow.
    ///
    /// Open orders are cancelled if they reserve more than the part of the amount that is neither available nor
    /// staked.
    SetBalance(Balance),
    /// Runs this many market steps: `tick 3`, or `tick` for one.
    Tick(u32),
    /// Waits until at least this many connections are open: `wait 4`, or `wait` for one.
    ///
    /// Only [`Simulator::run`](crate::Simulator::run) and a [`ControlServer`](crate::ControlServer) wait.
    /// Elsewhere, the command fails if fewer connections are open.
    AwaitConnections(usize),
    /// Sends a text message verbatim: `text {"event":"NEWS"}` to every connection, or
    /// `text-to user-trades {"event":"NEWS"}` to those of one stream.
    SendText {
        /// The stream, or `None` for all streams.
        stream: Option<Stream>,
        /// The text, which need not be valid JSON.
        text: String,
    },
    /// Refuses the next dials with a status and its usual headers and body: `refuse 2 502`.
    ///
    /// Refusals are queued, and each applies once the ones before it are used up.
    Refuse {
        /// Number of dials to refuse.
        count: usize,
        /// The status, which must not be informational.
        status: StatusCode,
    },
    /// Sends a close frame after the messages that are already queued: `close 1001 maintenance` to every
    /// connection, or `close user-trades 1001` to those of one stream.
    Close {
        /// The stream, or `None` for all streams.
        stream: Option<Stream>,
        /// The close code.
        code: u16,
        /// The reason, which may be empty.
        reason: String,
    },
    /// Ends connections immediately and without a close frame: `disconnect` ends all of them, and
    /// `disconnect user-trades` those of one stream. Queued messages may be lost.
    Disconnect(Option<Stream>),
    /// Lets the next calls of the REST API fail: `fail-rest 2 502` refuses two of them, `fail-rest 1 lose` carries
    /// out one without a response, `fail-rest 1 truncate` sends half of a response, and `fail-rest 1 delay 3000`
    /// sends a response 3 s late.
    FailRest {
        /// Number of calls.
        count: usize,
        /// The fault of each.
        fault: RestFault,
    },
    /// Stops sending pings until they are resumed: `pause-pings`.
    PausePings,
    /// Resumes pings at their regular times: `resume-pings`.
    ResumePings,
    /// Sets the lead of the exchange's clock over the clock that it was started with, in milliseconds:
    /// `clock-offset -3600000`.
    SetClockOffsetMs(i64),
}

impl Command {
    /// Addresses the command to an account.
    #[must_use]
    pub fn for_account(self, account: impl Into<String>) -> Self {
        Self::As { account: account.into(), command: Box::new(self) }
    }

    /// Splits an addressed command into the name of the account and the command.
    pub(crate) fn addressee(&self) -> Result<(Option<&str>, &Self), CommandError> {
        match self {
            Self::As { command, .. } if !command.acts_on_account() => {
                Err(CommandError::NotOfAnAccount(command.to_string()))
            }
            Self::As { account, command } => Ok((Some(account), command)),
            command => Ok((None, command)),
        }
    }

    pub(crate) fn acts_on_account(&self) -> bool {
        match self {
            Self::Place { .. }
            | Self::Fill { .. }
            | Self::Cancel(_)
            | Self::Trigger(_)
            | Self::Deposit { .. }
            | Self::SetBalance(_)
            | Self::SendText { .. }
            | Self::Close { .. }
            | Self::Disconnect(_) => true,
            Self::As { .. }
            | Self::Tick(_)
            | Self::AwaitConnections(_)
            | Self::Refuse { .. }
            | Self::FailRest { .. }
            | Self::PausePings
            | Self::ResumePings
            | Self::SetClockOffsetMs(_) => false,
        }
    }

    /// Creates a [`SendText`](Self::SendText) to every connection, or to those of one stream.
    pub fn text(stream: impl Into<Option<Stream>>, text: impl Into<String>) -> Self {
        Self::SendText { stream: stream.into(), text: text.into() }
    }

    /// Creates a [`Close`](Self::Close) of every connection, or of those of one stream.
    pub fn close(stream: impl Into<Option<Stream>>, code: u16, reason: impl Into<String>) -> Self {
        Self::Close { stream: stream.into(), code, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests;
