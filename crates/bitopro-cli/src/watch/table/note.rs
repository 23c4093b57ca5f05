use std::fmt::Debug;

use bitopro_client::{Closed, Edge, Gap, GapReason, Item};

use super::{Style, time_of_day};
use crate::exit::chain;

/// What happened to a stream, in words.
pub(super) fn of<T: Debug>(item: &Item<T>) -> (Style, String) {
    match item {
        Item::Connected(connected) => (Style::Dim, format!("connected to {}", connected.url)),
        Item::Gap(gap) => (Style::Yellow, gap_text(gap)),
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

fn gap_text(gap: &Gap) -> String {
    let what = match &gap.reason {
        GapReason::Reconnected { since, until, .. } => {
            let (since, until) = (time_of_day(*since), time_of_day(*until));
            format!("events may be missing, since there was no connection from {since} to {until} UTC")
        }
        GapReason::Overrun { missed, .. } => format!("{missed} items were merged, since nobody read them"),
        _ => "events may be missing".to_owned(),
    };
    let edge = |word: &str, edge: &Option<Edge>| match edge {
        Some(edge) => format!(", {word} {} UTC", time_of_day(edge.timestamp)),
        None => String::new(),
    };
    format!("gap: {what}{}{}", edge("after", &gap.before), edge("before", &gap.after))
}
