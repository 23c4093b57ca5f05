//! Events on their way: the envelope around what happened, and the text that is sent.

use bitopro_model::{
    AccountBalance, ActiveOrders, Event, EventData, HistoryOrders, Message, PrivateStream, Timestamp, Trade,
};
use fastrand::Rng;

use super::doubts::{Datetimes, Doubts, EventIds, OrderIds};

/// An event that the exchange sends to everybody who listens to a stream.
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
    /// The event, if it is one of balances.
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

    /// The trade, if the event tells of one.
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

/// What all events share around their data.
#[derive(Debug)]
pub(crate) struct Envelopes {
    /// One generator for each stream, so that who listens to one does not change the ids of another.
    ids: Option<[Rng; 4]>,
    datetimes: Datetimes,
    order_ids: OrderIds,
}

impl Envelopes {
    pub(crate) fn new(ids: Rng, doubts: Doubts) -> Self {
        let mut others = ids.clone();
        let [active, history, trades] = [others.fork(), others.fork(), others.fork()];
        let ids = (doubts.event_ids == EventIds::Present).then_some([ids, active, history, trades]);
        Self { ids, datetimes: doubts.datetimes, order_ids: doubts.order_ids }
    }

    pub(crate) fn push<D: EventData>(&mut self, now: Timestamp, data: D) -> Push {
        let event = self.event(now, data);
        // Texts, numbers and maps with text keys: nothing in an event has a way to fail.
        let text = serde_json::to_string(&event).unwrap_or_default();
        let text = match self.order_ids {
            OrderIds::Texts => text,
            OrderIds::Numbers => with_numeric_ids(&text),
        };
        Push { stream: D::STREAM, message: event.into(), text }
    }

    fn event<D: EventData>(&mut self, now: Timestamp, data: D) -> Event<D> {
        let mut event = Event::new(now, data);
        let position = PrivateStream::ALL.iter().position(|stream| *stream == D::STREAM);
        let rng = self.ids.as_mut().zip(position).and_then(|(ids, position)| ids.get_mut(position));
        event.event_id = rng.map(random_uuid);
        event.datetime = self.datetimes.format(now);
        event
    }
}

/// The text with the ids of orders as numbers, where they are digits only.
///
/// The keys are found by their quotes, which no text within JSON can have unescaped.
fn with_numeric_ids(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((key, after)) = next_id(rest) {
        written.push_str(key);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (id, tail) = after.split_at(digits);
        let tail = tail.strip_prefix('"').filter(|_| !id.is_empty() && !id.starts_with('0'));
        if let Some(tail) = tail {
            written.push_str(id);
            rest = tail;
        } else {
            written.push('"');
            rest = after;
        }
    }
    written.push_str(rest);
    written
}

/// What comes before the next id's opening quote, and what comes after it.
fn next_id(text: &str) -> Option<(&str, &str)> {
    let ends = [r#""id":""#, r#""orderID":""#].map(|key| text.find(key).map(|start| start + key.len()));
    let end = ends.into_iter().flatten().min()?;
    Some((text.get(..end - 1)?, text.get(end..)?))
}

/// A random UUID: RFC 9562, version 4.
fn random_uuid(rng: &mut Rng) -> String {
    let random = rng.u128(..);
    let versioned = random & !(0xF << 76) | 0x4 << 76;
    let uuid = versioned & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{uuid:032x}");
    let mut text = String::with_capacity(36);
    for (position, digit) in hex.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_digits_become_numbers_and_others_stay() {
        for (text, expected) in [
            (r#"{"id":"89","pair":"a_b"}"#, r#"{"id":89,"pair":"a_b"}"#),
            (
                r#"[{"id":"1"},{"orderID":"2","x":"\"id\":\"3"}]"#,
                r#"[{"id":1},{"orderID":2,"x":"\"id\":\"3"}]"#,
            ),
            (r#"{"id":"SL-11","orderID":"12"}"#, r#"{"id":"SL-11","orderID":12}"#),
            (r#"{"id":"","eventID":"4"}"#, r#"{"id":"","eventID":"4"}"#),
            (r#"{"id":"007"}"#, r#"{"id":"007"}"#),
        ] {
            assert_eq!(with_numeric_ids(text), expected);
        }
    }
}
