use bitopro_model::{AccountBalance, ActiveOrders, HistoryOrders, Message, PrivateStream, Trade};

/// An event that the exchange sends to every connection of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Push {
    /// The stream.
    pub stream: PrivateStream,
    /// The event.
    pub message: Message,
    /// The event as it is sent.
    pub text: String,
}

impl Push {
    /// The event, if it is of balances.
    pub fn as_balances(&self) -> Option<&AccountBalance> {
        match &self.message {
            Message::AccountBalance(event) => Some(event),
            _ => None,
        }
    }

    /// The event, if it is one of open orders.
    pub fn as_active_orders(&self) -> Option<&ActiveOrders> {
        match &self.message {
            Message::ActiveOrders(event) => Some(event),
            _ => None,
        }
    }

    /// The event, if it is one of ended orders.
    pub fn as_history_orders(&self) -> Option<&HistoryOrders> {
        match &self.message {
            Message::HistoryOrders(event) => Some(event),
            _ => None,
        }
    }

    /// The trade, if the event is one.
    pub fn as_trade(&self) -> Option<&Trade> {
        match &self.message {
            Message::UserTrade(event) => Some(&event.data),
            _ => None,
        }
    }

    /// The event's `eventID`.
    pub fn event_id(&self) -> Option<&str> {
        self.message.event_id()
    }
}
