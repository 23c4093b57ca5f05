//! The text of a command.

use std::fmt::{self, Display, Formatter};

use bitopro_model::{Balance, PrivateStream};

use super::command::Command;
use crate::exchange::order::{Kind, NewOrder};

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Place { name, order } => {
                write!(f, " {} ", name.as_deref().unwrap_or("-"))?;
                write_order(f, order)
            }
            Self::Fill { order, amount: Some(amount) } => write!(f, " {order} {amount}"),
            Self::Fill { order, amount: None } | Self::Cancel(order) | Self::Trigger(order) => {
                write!(f, " {order}")
            }
            Self::Deposit { currency, amount } => write!(f, " {currency} {amount}"),
            Self::SetBalance(balance) => write_balance(f, balance),
            Self::Tick(count) => write!(f, " {count}"),
            Self::AwaitConnections(count) => write!(f, " {count}"),
            Self::SendText { stream, text } => {
                write_stream(f, *stream)?;
                write!(f, " {text}")
            }
            Self::Refuse { count, status } => write!(f, " {count} {}", status.as_u16()),
            Self::Close { stream, code, reason } => {
                write_stream(f, *stream)?;
                let space = if reason.is_empty() { "" } else { " " };
                write!(f, " {code}{space}{reason}")
            }
            Self::Disconnect(stream) => write_stream(f, *stream),
            Self::PausePings | Self::ResumePings => Ok(()),
            Self::SetClockOffsetMs(offset) => write!(f, " {offset}"),
        }
    }
}

fn write_stream(f: &mut Formatter<'_>, stream: Option<PrivateStream>) -> fmt::Result {
    stream.map_or(Ok(()), |stream| write!(f, " {stream}"))
}

fn write_order(f: &mut Formatter<'_>, order: &NewOrder) -> fmt::Result {
    let action = order.action.as_str().to_ascii_lowercase();
    write!(f, "{action} {} {} at ", order.pair, order.amount)?;
    match &order.kind {
        Kind::Market => f.write_str("market")?,
        Kind::Limit => write!(f, "{}", order.price)?,
        Kind::PostOnly => write!(f, "{} post-only", order.price)?,
        Kind::StopLimit { stop_price, condition } => {
            write!(f, "{} when {condition} {stop_price}", order.price)?;
        }
    }
    order.client_id.map_or(Ok(()), |id| write!(f, " client {id}"))
}

fn write_balance(f: &mut Formatter<'_>, balance: &Balance) -> fmt::Result {
    write!(f, " {} {} available {}", balance.currency, balance.amount, balance.available)?;
    if let Some(stake) = balance.stake {
        write!(f, " stake {stake}")?;
    }
    f.write_str(if balance.tradable == Some(false) { " untradable" } else { "" })
}
