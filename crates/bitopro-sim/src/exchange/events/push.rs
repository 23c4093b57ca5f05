use bitopro_model::{AccountBalance, ActiveOrders, EventId, HistoryOrders, Message, PrivateStream, Trade};

use crate::AccountId;

/// A message that the exchange sends to every connection of an account's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Push {
    /// The account that the message is about.
    pub account: AccountId,
    /// The stream.
    pub stream: PrivateStream,
    /// The parsed message.
    pub message: Message,
    /// The message as it is sent.
    pub text: String,
}

impl Push {
    /// Returns the message if it is about balances.
    pub fn as_balances(&self) -> Option<&AccountBalance> {
        match &self.message {
            Message::AccountBalance(event) => Some(event),
            _ => None,
        }
    }

    /// Returns the message if it is about open orders.
    pub fn as_active_orders(&self) -> Option<&ActiveOrders> {
        match &self.message {
            Message::ActiveOrders(event) => Some(event),
            _ => None,
        }
    }

    /// Returns the message if it is about closed orders.
    pub fn as_history_orders(&self) -> Option<&HistoryOrders> {
        match &self.message {
            Message::HistoryOrders(event) => Some(event),
            _ => None,
        }
    }

    /// Returns the trade if the message is one.
    pub fn as_trade(&self) -> Option<&Trade> {
        match &self.message {
            Message::UserTrade(event) => Some(&event.data),
            _ => None,
        }
    }

    /// Returns the message's `eventID`, if any.
    pub fn event_id(&self) -> Option<&EventId> {
        self.message.event_id()
    }
}
