//! What one stream's events come to.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::streams::Stream;

/// Balances, orders or trades, each as the JSON object of the wire, by what tells them apart.
pub(super) type Entries = BTreeMap<String, Value>;

/// The events of one stream as the SDK handed them out, and what they come to.
#[derive(Debug)]
pub(super) struct Book {
    stream: &'static Stream,
    entries: Entries,
    event_ids: Vec<String>,
    connections: usize,
    is_first: bool,
}

impl Book {
    pub(super) fn new(stream: &'static Stream) -> Self {
        Self { stream, entries: Entries::new(), event_ids: Vec::new(), connections: 1, is_first: true }
    }

    pub(super) fn stream(&self) -> &'static Stream {
        self.stream
    }

    /// How many events were taken.
    pub(super) fn taken(&self) -> usize {
        self.event_ids.len()
    }

    pub(super) fn cut_off(&mut self) {
        self.is_first = true;
        self.connections += 1;
    }

    /// Takes a line of the driver.
    pub(super) fn take(&mut self, line: &str) -> anyhow::Result<()> {
        let line: Value = serde_json::from_str(line).context("the driver's line is not JSON")?;
        let event = line.get("event").with_context(|| format!("Python cannot read a message: {line}"))?;
        let name = event.get("event").and_then(Value::as_str);
        ensure!(name == Some(self.stream.event), "the event is called {name:?}");
        for (field, is_right) in
            [("timestamp", Value::is_i64 as fn(&Value) -> bool), ("datetime", Value::is_string)]
        {
            ensure!(event.get(field).is_some_and(is_right), "the event has no proper `{field}`: {event}");
        }
        let id = event.get("eventID").and_then(Value::as_str).context("the event has no `eventID`")?;
        let data = event.get("data").and_then(Value::as_object).context("the event's `data` is no object")?;
        if std::mem::take(&mut self.is_first) && self.stream.begins_with_all {
            self.entries.clear();
        }
        (self.stream.apply)(&mut self.entries, data).with_context(|| format!("in {event}"))?;
        self.event_ids.push(id.to_owned());
        Ok(())
    }

    /// Compares with the ids of the events that were sent, and with what they should come to.
    pub(super) fn agree(&self, sent: &[String], truth: &Entries) -> anyhow::Result<()> {
        let (came, count) = (&self.event_ids, sent.len());
        if came != sent {
            let at = came.iter().zip(sent).take_while(|(came, sent)| came == sent).count();
            let (came, sent) = (came.get(at), sent.get(at));
            bail!(
                "of {count} events that were sent, number {} is {sent:?}, and {came:?} for the SDK",
                at + 1
            );
        }
        let keys = self.entries.keys().chain(truth.keys());
        for key in keys {
            let (had, expected) = (self.entries.get(key), truth.get(key));
            if had != expected {
                let show = |entry: Option<&Value>| entry.map_or("nothing".to_owned(), Value::to_string);
                bail!("{key} is\n    {}\nfor the SDK, and in the books\n    {}", show(had), show(expected));
            }
        }
        Ok(())
    }

    pub(super) fn summary(&self) -> String {
        let (name, class) = (self.stream.event, self.stream.class);
        let (events, entries) = (self.event_ids.len(), self.entries.len());
        format!(
            "{name} ({class}): {events} events, the last on connection {}, {entries} entries",
            self.connections
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::streams::STREAMS;
    use super::*;

    const ORDER: &str = r#"{"id":"1","pair":"a_b","status":0}"#;

    fn line(event: &str, id: &str, data: &str) -> String {
        format!(
            r#"{{"event":{{"event":"{event}","eventID":"{id}","timestamp":1,"datetime":"","data":{data}}}}}"#
        )
    }

    fn book(event: &str) -> Book {
        Book::new(STREAMS.iter().find(|stream| stream.event == event).unwrap())
    }

    fn entries(pairs: &[(&str, &str)]) -> Entries {
        pairs.iter().map(|(key, json)| ((*key).to_owned(), serde_json::from_str(json).unwrap())).collect()
    }

    #[test]
    fn balances_are_laid_over_each_other_and_replaced_by_another_connection() {
        let mut book = book("ACCOUNT_BALANCE");
        let [x1, x2, y] = [r#"{"amount":"1"}"#, r#"{"amount":"2"}"#, r#"{"amount":"3"}"#];
        book.take(&line("ACCOUNT_BALANCE", "a", &format!(r#"{{"X":{x1},"Y":{y}}}"#))).unwrap();
        book.take(&line("ACCOUNT_BALANCE", "b", &format!(r#"{{"X":{x2}}}"#))).unwrap();
        assert_eq!(book.entries, entries(&[("X", x2), ("Y", y)]));
        book.cut_off();
        book.take(&line("ACCOUNT_BALANCE", "c", &format!(r#"{{"X":{x1}}}"#))).unwrap();
        assert_eq!(book.entries, entries(&[("X", x1)]));
    }

    #[test]
    fn an_open_order_leaves_with_its_last_status() {
        let mut book = book("ACTIVE_ORDERS");
        book.take(&line("ACTIVE_ORDERS", "a", &format!(r#"{{"a_b":[{ORDER}]}}"#))).unwrap();
        assert_eq!(book.entries, entries(&[("1", ORDER)]));
        let ended = ORDER.replace(r#""status":0"#, r#""status":4"#);
        book.take(&line("ACTIVE_ORDERS", "b", &format!(r#"{{"a_b":[{ended}]}}"#))).unwrap();
        assert!(book.entries.is_empty());
        assert!(book.take(&line("ACTIVE_ORDERS", "c", &format!(r#"{{"c_d":[{ORDER}]}}"#))).is_err());
    }

    #[test]
    fn trades_add_up_over_connections() {
        let mut book = book("USER_TRADE");
        book.take(&line("USER_TRADE", "a", r#"{"matchID":"1"}"#)).unwrap();
        book.cut_off();
        book.take(&line("USER_TRADE", "b", r#"{"matchID":"2"}"#)).unwrap();
        assert_eq!(book.entries.len(), 2);
        assert!(book.take(&line("USER_TRADE", "c", r#"{"matchID":"2"}"#)).is_err());
    }

    #[test]
    fn one_digit_one_entry_or_one_event_makes_a_difference() {
        let mut book = book("ACCOUNT_BALANCE");
        book.take(&line("ACCOUNT_BALANCE", "a", r#"{"X":{"amount":"1.0"}}"#)).unwrap();
        let same = entries(&[("X", r#"{"amount":"1.0"}"#)]);
        let sent = ["a".to_owned()];
        book.agree(&sent, &same).unwrap();
        assert!(book.agree(&sent, &entries(&[("X", r#"{"amount":"1"}"#)])).is_err());
        assert!(book.agree(&sent, &Entries::new()).is_err());
        let more = entries(&[("X", r#"{"amount":"1.0"}"#), ("Y", "{}")]);
        assert!(book.agree(&sent, &more).is_err());
        assert!(book.agree(&["b".to_owned()], &same).is_err());
    }

    #[test]
    fn what_python_cannot_read_and_foreign_events_are_refused() {
        let mut book = book("ACCOUNT_BALANCE");
        assert!(book.take(r#"{"unreadable":"{"}"#).is_err());
        assert!(book.take(&line("ACTIVE_ORDERS", "a", "{}")).is_err());
    }
}
