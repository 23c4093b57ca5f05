//! The messages of one stream, merged into entries.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::setting::Setting;
use super::streams::Stream;

/// Balances, orders or trades as JSON objects in wire format, by currency or id.
pub(super) type Entries = BTreeMap<String, Value>;

/// The messages of one stream as the SDK delivered them, and the resulting entries.
#[derive(Debug)]
pub(super) struct StreamMessages {
    stream: &'static Stream,
    setting: &'static Setting,
    entries: Entries,
    /// The `eventID` of each message, if any.
    event_ids: Vec<Option<String>>,
    connections: usize,
    /// True if the next message is the first one of its connection.
    is_first: bool,
}

impl StreamMessages {
    pub(super) fn new(stream: &'static Stream, setting: &'static Setting) -> Self {
        let (entries, event_ids) = (Entries::new(), Vec::new());
        Self { stream, setting, entries, event_ids, connections: 1, is_first: true }
    }

    pub(super) fn setting(&self) -> &'static Setting {
        self.setting
    }

    pub(super) fn stream(&self) -> &'static Stream {
        self.stream
    }

    /// Returns the number of messages read.
    pub(super) fn len(&self) -> usize {
        self.event_ids.len()
    }

    pub(super) fn begin_connection(&mut self) {
        self.is_first = true;
        self.connections += 1;
    }

    /// Reads and validates a line of the driver's output, and merges its message into the entries.
    pub(super) fn read_line(&mut self, line: &str) -> anyhow::Result<()> {
        let line: Value = serde_json::from_str(line).context("the driver's output is not JSON")?;
        let event = line.get("event").with_context(|| format!("Python failed to parse a message: {line}"))?;
        let name = event.get("event").and_then(Value::as_str);
        ensure!(name == Some(self.stream.event), "unexpected `event` {name:?}");
        for (field, is_valid) in
            [("timestamp", Value::is_i64 as fn(&Value) -> bool), ("datetime", Value::is_string)]
        {
            ensure!(event.get(field).is_some_and(is_valid), "missing or invalid `{field}`: {event}");
        }
        let ahead = hours_ahead(event).context("`datetime` is malformed")?;
        ensure!(ahead == self.setting.hours_ahead(), "`datetime` is {ahead} hours ahead");
        let id = event.get("eventID").and_then(Value::as_str);
        ensure!(id.is_some() != self.setting.has("event-ids=absent"), "unexpected `eventID` {id:?}");
        let data = event.get("data").and_then(Value::as_object).context("`data` is not an object")?;
        if std::mem::take(&mut self.is_first) && (self.stream.has_snapshot)(self.setting) {
            self.entries.clear();
        }
        (self.stream.apply)(&mut self.entries, data, self.setting).with_context(|| format!("in {event}"))?;
        self.event_ids.push(id.map(str::to_owned));
        Ok(())
    }

    /// Compares the ids with those of the sent messages, and the entries with the expected ones.
    pub(super) fn compare(&self, sent: &[Option<String>], truth: &Entries) -> anyhow::Result<()> {
        let (received, count) = (&self.event_ids, sent.len());
        if received != sent {
            let at = received.iter().zip(sent).take_while(|(received, sent)| received == sent).count();
            let (received, sent) = (received.get(at), sent.get(at));
            bail!("message {} of {count} has the id {sent:?}, but the SDK delivered {received:?}", at + 1);
        }
        let keys = self.entries.keys().chain(truth.keys());
        for key in keys {
            let (actual, expected) = (self.entries.get(key), truth.get(key));
            if actual != expected {
                let show = |entry: Option<&Value>| entry.map_or("nothing".to_owned(), Value::to_string);
                bail!("{key} differs\n    SDK:       {}\n    simulator: {}", show(actual), show(expected));
            }
        }
        Ok(())
    }

    pub(super) fn summary(&self) -> String {
        let (name, class) = (self.stream.event, self.stream.class);
        let (messages, entries) = (self.event_ids.len(), self.entries.len());
        format!(
            "{name} ({class}): {messages} messages on {} connections, {entries} entries",
            self.connections
        )
    }
}

/// Returns the number of hours by which a message's `datetime` is ahead of its `timestamp`.
fn hours_ahead(event: &Value) -> Option<i64> {
    let hour: i64 = event.get("datetime")?.as_str()?.get(11..13)?.parse().ok()?;
    let timestamp = event.get("timestamp")?.as_i64()?;
    Some((hour - timestamp / 3_600_000).rem_euclid(24))
}

#[cfg(test)]
mod tests {
    use super::super::setting::SETTINGS;
    use super::super::streams::STREAMS;
    use super::{Entries, Setting, StreamMessages};

    const ORDER: &str = r#"{"id":"1","pair":"a_b","status":0}"#;

    fn line(event: &str, id: &str, data: &str) -> String {
        format!(
            r#"{{"event":{{"event":"{event}","eventID":"{id}","timestamp":1,"datetime":"1970-01-01T00:00:00.001Z","data":{data}}}}}"#
        )
    }

    fn messages(event: &str) -> StreamMessages {
        messages_with(event, &SETTINGS[0])
    }

    fn messages_with(event: &str, setting: &'static Setting) -> StreamMessages {
        StreamMessages::new(STREAMS.iter().find(|stream| stream.event == event).unwrap(), setting)
    }

    fn entries(pairs: &[(&str, &str)]) -> Entries {
        pairs.iter().map(|(key, json)| ((*key).to_owned(), serde_json::from_str(json).unwrap())).collect()
    }

    #[test]
    fn balance_updates_are_merged_and_a_new_connection_replaces_them() {
        let mut messages = messages("ACCOUNT_BALANCE");
        let [x1, x2, y] = [r#"{"amount":"1"}"#, r#"{"amount":"2"}"#, r#"{"amount":"3"}"#];
        messages.read_line(&line("ACCOUNT_BALANCE", "a", &format!(r#"{{"X":{x1},"Y":{y}}}"#))).unwrap();
        messages.read_line(&line("ACCOUNT_BALANCE", "b", &format!(r#"{{"X":{x2}}}"#))).unwrap();
        assert_eq!(messages.entries, entries(&[("X", x2), ("Y", y)]));
        messages.begin_connection();
        messages.read_line(&line("ACCOUNT_BALANCE", "c", &format!(r#"{{"X":{x1}}}"#))).unwrap();
        assert_eq!(messages.entries, entries(&[("X", x1)]));
    }

    #[test]
    fn an_open_order_is_removed_by_its_final_status() {
        let mut messages = messages("ACTIVE_ORDERS");
        messages.read_line(&line("ACTIVE_ORDERS", "a", &format!(r#"{{"a_b":[{ORDER}]}}"#))).unwrap();
        assert_eq!(messages.entries, entries(&[("1", ORDER)]));
        let closed = ORDER.replace(r#""status":0"#, r#""status":4"#);
        messages.read_line(&line("ACTIVE_ORDERS", "b", &format!(r#"{{"a_b":[{closed}]}}"#))).unwrap();
        assert!(messages.entries.is_empty());
        assert!(messages.read_line(&line("ACTIVE_ORDERS", "c", &format!(r#"{{"c_d":[{ORDER}]}}"#))).is_err());
    }

    #[test]
    fn a_whole_list_omits_closed_orders_and_ids_may_be_numbers() {
        let line = |order: &str| {
            let line = line("ACTIVE_ORDERS", "a", &format!(r#"{{"a_b":[{order}],"c_d":[]}}"#));
            line.replace(r#""eventID":"a","#, "")
        };
        let mut messages = messages_with("ACTIVE_ORDERS", &SETTINGS[1]);
        let number = r#"{"id":1,"pair":"a_b","status":0}"#;
        messages.read_line(&line(number)).unwrap();
        assert_eq!(messages.entries, entries(&[("1", number)]));
        messages.read_line(&line("")).unwrap();
        assert!(messages.entries.is_empty());
    }

    #[test]
    fn the_setting_determines_the_event_id_and_the_datetime() {
        let [with_id, without] = [true, false].map(|has_id| {
            let line = line("ACTIVE_ORDERS", "a", "{}");
            if has_id { line } else { line.replace(r#""eventID":"a","#, "") }
        });
        let ahead = with_id.replace("T00", "T08");
        for (setting, valid) in SETTINGS.iter().zip([&with_id, &without, &ahead]) {
            for line in [&with_id, &without, &ahead] {
                let result = messages_with("ACTIVE_ORDERS", setting).read_line(line);
                assert_eq!(result.is_ok(), line == valid, "{}: {line}", setting.name);
            }
        }
    }

    #[test]
    fn a_trade_may_be_repeated_only_with_the_quirk_and_only_unchanged() {
        let line = |id: &str, price: &str| {
            let line = line("USER_TRADE", id, &format!(r#"{{"matchID":"1","price":"{price}"}}"#));
            line.replace("T00", "T08")
        };
        let mut messages = messages_with("USER_TRADE", &SETTINGS[2]);
        messages.read_line(&line("a", "7")).unwrap();
        messages.read_line(&line("b", "7")).unwrap();
        assert_eq!(messages.entries.len(), 1);
        // A changed one counts as another trade, which the simulator did not make.
        messages.read_line(&line("c", "8")).unwrap();
        assert_eq!(messages.entries.len(), 2);
    }

    #[test]
    fn trades_add_up_across_connections() {
        let mut messages = messages("USER_TRADE");
        messages.read_line(&line("USER_TRADE", "a", r#"{"matchID":"1"}"#)).unwrap();
        messages.begin_connection();
        messages.read_line(&line("USER_TRADE", "b", r#"{"matchID":"2"}"#)).unwrap();
        assert_eq!(messages.entries.len(), 2);
        assert!(messages.read_line(&line("USER_TRADE", "c", r#"{"matchID":"2"}"#)).is_err());
    }

    #[test]
    fn a_difference_in_one_digit_entry_or_message_is_an_error() {
        let mut messages = messages("ACCOUNT_BALANCE");
        messages.read_line(&line("ACCOUNT_BALANCE", "a", r#"{"X":{"amount":"1.0"}}"#)).unwrap();
        let same = entries(&[("X", r#"{"amount":"1.0"}"#)]);
        let sent = [Some("a".to_owned())];
        messages.compare(&sent, &same).unwrap();
        assert!(messages.compare(&sent, &entries(&[("X", r#"{"amount":"1"}"#)])).is_err());
        assert!(messages.compare(&sent, &Entries::new()).is_err());
        let more = entries(&[("X", r#"{"amount":"1.0"}"#), ("Y", "{}")]);
        assert!(messages.compare(&sent, &more).is_err());
        assert!(messages.compare(&[Some("b".to_owned())], &same).is_err());
    }

    #[test]
    fn unreadable_messages_and_those_of_other_streams_are_rejected() {
        let mut messages = messages("ACCOUNT_BALANCE");
        assert!(messages.read_line(r#"{"unreadable":"{"}"#).is_err());
        assert!(messages.read_line(&line("ACTIVE_ORDERS", "a", "{}")).is_err());
    }
}
