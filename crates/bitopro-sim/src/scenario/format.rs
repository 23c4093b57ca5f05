//! Formats commands as text.

use std::fmt::{self, Display, Formatter};

use bitopro_model::Balance;

use crate::exchange::account::order::Kind;
use crate::{Command, NewOrder};

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::As { account, command } => write!(f, "as {account} {command}"),
            Self::Place { name, order } => write_order(f, name.as_deref().unwrap_or("-"), order),
            Self::Fill { order, amount: Some(amount) } => write!(f, "fill {order} {amount}"),
            Self::Fill { order, amount: None } => write!(f, "fill {order}"),
            Self::Cancel(order) => write!(f, "cancel {order}"),
            Self::Trigger(order) => write!(f, "trigger {order}"),
            Self::Deposit { currency, amount } => write!(f, "deposit {currency} {amount}"),
            Self::SetBalance(balance) => write_balance(f, balance),
            Self::Tick(count) => write!(f, "tick {count}"),
            Self::AwaitConnections(count) => write!(f, "wait {count}"),
            Self::SendText { stream: None, text } => write!(f, "text {text}"),
            Self::SendText { stream: Some(stream), text } => write!(f, "text-to {stream} {text}"),
            Self::Refuse { count, status } => write!(f, "refuse {count} {}", status.as_u16()),
            Self::FailRest { count, fault } => write!(f, "fail-rest {count} {fault}"),
            Self::Close { stream, code, reason } => {
                let space = if reason.is_empty() { "" } else { " " };
                f.write_str("close ")?;
                stream.map_or(Ok(()), |stream| write!(f, "{stream} "))?;
                write!(f, "{code}{space}{reason}")
            }
            Self::Disconnect(None) => f.write_str("disconnect"),
            Self::Disconnect(Some(stream)) => write!(f, "disconnect {stream}"),
            Self::PausePings => f.write_str("pause-pings"),
            Self::ResumePings => f.write_str("resume-pings"),
            Self::SetClockOffsetMs(offset) => write!(f, "clock-offset {offset}"),
        }
    }
}

fn write_order(f: &mut Formatter<'_>, name: &str, order: &NewOrder) -> fmt::Result {
    let action = order.action.as_str().to_ascii_lowercase();
    write!(f, "place {name} {action} {} {} at ", order.pair, order.amount)?;
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
    write!(f, "balance {} {} available {}", balance.currency, balance.amount, balance.available)?;
    if let Some(stake) = balance.stake {
        write!(f, " stake {stake}")?;
    }
    f.write_str(if balance.tradable == Some(false) { " untradable" } else { "" })
}
