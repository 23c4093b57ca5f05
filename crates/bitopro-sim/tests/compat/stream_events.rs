//! The events of one stream, merged into entries.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::setting::Setting;
use super::streams::Stream;

/// Balances, orders or trades as the JSON objects of the wire, by their currency or id.
pub(super) type Entries = BTreeMap<String, Value>;

/// The events of one stream as the SDK delivered them, and the resulting entries.
#[derive(Debug)]
pub(super) struct StreamEvents {
    stream: &'static Stream,
    setting: &'static Setting,
    entries: Entries,
    /// Of each event, if any.
    event_ids: Vec<Option<String>>,
    connections: usize,
    is_first: bool,
}

impl StreamEvents {
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

    /// Number of events read.
    pub(super) fn taken(&self) -> usize {
        self.event_ids.len()
    }

    pub(super) fn cut_off(&mut self) {
        self.is_first = true;
        self.connections += 1;
    }

    /// Reads a line of the driver.
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
        let ahead = hours_ahead(event).context("the event's `datetime` is malformed")?;
        ensure!(ahead == self.setting.hours_ahead(), "`datetime` is {ahead} hours ahead");
        let id = event.get("eventID").and_then(Value::as_str);
        ensure!(id.is_some() != self.setting.has("event-ids=absent"), "the event's `eventID` is {id:?}");
        let data = event.get("data").and_then(Value::as_object).context("the event's `data` is no object")?;
        if std::mem::take(&mut self.is_first) && (self.stream.begins_with_all)(self.setting) {
            self.entries.clear();
        }
        (self.stream.apply)(&mut self.entries, data, self.setting).with_context(|| format!("in {event}"))?;
        self.event_ids.push(id.map(str::to_owned));
        Ok(())
    }

    /// Compares with the ids of the events that were sent, and with the entries that they should result in.
    pub(super) fn agree(&self, sent: &[Option<String>], truth: &Entries) -> anyhow::Result<()> {
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
                bail!(
                    "{key} is\n    {}\nfor the SDK, and for the simulator\n    {}",
                    show(had),
                    show(expected)
                );
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

/// Number of hours by which an event's `datetime` is ahead of its `timestamp`.
fn hours_ahead(event: &Value) -> Option<i64> {
    let hour: i64 = event.get("datetime")?.as_str()?.get(11..13)?.parse().ok()?;
    let timestamp = event.get("timestamp")?.as_i64()?;
    Some((hour - timestamp / 3_600_000).rem_euclid(24))
}

#[cfg(test)]
mod tests {
    use super::super::setting::SETTINGS;
    use super::super::streams::STREAMS;
    use super::*;

    const ORDER: &str = r#"{"id":"1","pair":"a_b","status":0}"#;

    fn line(event: &str, id: &str, data: &str) -> String {
        format!(
            r#"{{"event":{{"event":"{event}","eventID":"{id}","timestamp":1,"datetime":"1970-01-01T00:00:00.001Z","data":{data}}}}}"#
        )
    }

    fn events(event: &str) -> StreamEvents {
        events_under(event, &SETTINGS[0])
    }

    fn events_under(event: &str, setting: &'static Setting) -> StreamEvents {
        StreamEvents::new(STREAMS.iter().find(|stream| stream.event == event).unwrap(), setting)
    }

    fn entries(pairs: &[(&str, &str)]) -> Entries {
        pairs.iter().map(|(key, json)| ((*key).to_owned(), serde_json::from_str(json).unwrap())).collect()
    }

    #[test]
    fn balances_are_laid_over_each_other_and_replaced_by_another_connection() {
        let mut events = events("ACCOUNT_BALANCE");
        let [x1, x2, y] = [r#"{"amount":"1"}"#, r#"{"amount":"2"}"#, r#"{"amount":"3"}"#];
        events.take(&line("ACCOUNT_BALANCE", "a", &format!(r#"{{"X":{x1},"Y":{y}}}"#))).unwrap();
        events.take(&line("ACCOUNT_BALANCE", "b", &format!(r#"{{"X":{x2}}}"#))).unwrap();
        assert_eq!(events.entries, entries(&[("X", x2), ("Y", y)]));
        events.cut_off();
        events.take(&line("ACCOUNT_BALANCE", "c", &format!(r#"{{"X":{x1}}}"#))).unwrap();
        assert_eq!(events.entries, entries(&[("X", x1)]));
    }

    #[test]
    fn an_open_order_leaves_with_its_last_status() {
        let mut events = events("ACTIVE_ORDERS");
        events.take(&line("ACTIVE_ORDERS", "a", &format!(r#"{{"a_b":[{ORDER}]}}"#))).unwrap();
        assert_eq!(events.entries, entries(&[("1", ORDER)]));
        let ended = ORDER.replace(r#""status":0"#, r#""status":4"#);
        events.take(&line("ACTIVE_ORDERS", "b", &format!(r#"{{"a_b":[{ended}]}}"#))).unwrap();
        assert!(events.entries.is_empty());
        assert!(events.take(&line("ACTIVE_ORDERS", "c", &format!(r#"{{"c_d":[{ORDER}]}}"#))).is_err());
    }

    #[test]
    fn a_whole_list_leaves_out_what_has_ended_and_ids_may_be_numbers() {
        let line = |order: &str| {
            let line = line("ACTIVE_ORDERS", "a", &format!(r#"{{"a_b":[{order}],"c_d":[]}}"#));
            line.replace(r#""eventID":"a","#, "")
        };
        let mut events = events_under("ACTIVE_ORDERS", &SETTINGS[1]);
        let number = r#"{"id":1,"pair":"a_b","status":0}"#;
        events.take(&line(number)).unwrap();
        assert_eq!(events.entries, entries(&[("1", number)]));
        events.take(&line("")).unwrap();
        assert!(events.entries.is_empty());
    }

    #[test]
    fn an_event_has_an_id_and_its_datetime_as_the_setting_says() {
        let [with_id, without] = [true, false].map(|has_id| {
            let line = line("ACTIVE_ORDERS", "a", "{}");
            if has_id { line } else { line.replace(r#""eventID":"a","#, "") }
        });
        let ahead = with_id.replace("T00", "T08");
        for (setting, fitting) in SETTINGS.iter().zip([&with_id, &without, &ahead]) {
            for line in [&with_id, &without, &ahead] {
                let taken = events_under("ACTIVE_ORDERS", setting).take(line);
                assert_eq!(taken.is_ok(), line == fitting, "{}: {line}", setting.name);
            }
        }
    }

    #[test]
    fn a_trade_comes_twice_only_where_it_may_and_only_as_it_was() {
        let line = |id: &str, price: &str| {
            let line = line("USER_TRADE", id, &format!(r#"{{"matchID":"1","price":"{price}"}}"#));
            line.replace("T00", "T08")
        };
        let mut events = events_under("USER_TRADE", &SETTINGS[2]);
        events.take(&line("a", "7")).unwrap();
        events.take(&line("b", "7")).unwrap();
        assert_eq!(events.entries.len(), 1);
        assert!(events.take(&line("c", "8")).is_err());
    }

    #[test]
    fn trades_add_up_over_connections() {
        let mut events = events("USER_TRADE");
        events.take(&line("USER_TRADE", "a", r#"{"matchID":"1"}"#)).unwrap();
        events.cut_off();
        events.take(&line("USER_TRADE", "b", r#"{"matchID":"2"}"#)).unwrap();
        assert_eq!(events.entries.len(), 2);
        assert!(events.take(&line("USER_TRADE", "c", r#"{"matchID":"2"}"#)).is_err());
    }

    #[test]
    fn one_digit_one_entry_or_one_event_makes_a_difference() {
        let mut events = events("ACCOUNT_BALANCE");
        events.take(&line("ACCOUNT_BALANCE", "a", r#"{"X":{"amount":"1.0"}}"#)).unwrap();
        let same = entries(&[("X", r#"{"amount":"1.0"}"#)]);
        let sent = [Some("a".to_owned())];
        events.agree(&sent, &same).unwrap();
        assert!(events.agree(&sent, &entries(&[("X", r#"{"amount":"1"}"#)])).is_err());
        assert!(events.agree(&sent, &Entries::new()).is_err());
        let more = entries(&[("X", r#"{"amount":"1.0"}"#), ("Y", "{}")]);
        assert!(events.agree(&sent, &more).is_err());
        assert!(events.agree(&[Some("b".to_owned())], &same).is_err());
    }

    #[test]
    fn what_python_cannot_read_and_foreign_events_are_refused() {
        let mut events = events("ACCOUNT_BALANCE");
        assert!(events.take(r#"{"unreadable":"{"}"#).is_err());
        assert!(events.take(&line("ACTIVE_ORDERS", "a", "{}")).is_err());
    }
}
