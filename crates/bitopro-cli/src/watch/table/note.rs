use std::fmt::Debug;

use bitopro_client::{Closed, Item};

use super::Style;
use crate::exit::chain;

/// What happened to a stream, in words.
pub(super) fn of<T: Debug>(item: &Item<T>) -> (Style, String) {
    match item {
        Item::Connected(connected) => (Style::Dim, format!("connected to {}", connected.url)),
        Item::Gap(gap) => (Style::Yellow, format!("gap: {gap}")),
        Item::Malformed(malformed) => {
            let reason = &malformed.reason;
            let text = format!("a message could not be read, so this may be out of date: {reason}");
            (Style::Yellow, text)
        }
        Item::Unknown(unknown) => (Style::Dim, format!("a message of the unknown kind {}", unknown.event())),
        Item::Disconnected(disconnected) => {
            let (error, wait) = (chain(&disconnected.error), disconnected.retry_in.as_secs_f64());
            (Style::Yellow, format!("disconnected: {error}; next try in {wait:.1} s"))
        }
        Item::Closed(Closed::Requested) => (Style::Dim, "closed".to_owned()),
        Item::Closed(closed) => (Style::Red, format!("closed: {closed}")),
        other => (Style::Yellow, format!("{other:?}")),
    }
}
