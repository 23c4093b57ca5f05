use bitopro_client::model::Message;
use bitopro_client::{Closed, Item};

use super::Style;
use crate::exit::causes;

/// Returns what happened to a stream, in words.
pub(super) fn of(item: &Item<Message>) -> (Style, String) {
    let (style, error) = match item {
        Item::Connected(_) | Item::Unknown(_) | Item::Closed(Closed::Requested) => (Style::Dim, None),
        Item::Closed(Closed::Failed(error)) => (Style::Red, Some(error)),
        Item::Disconnected(disconnected) => (Style::Yellow, Some(&disconnected.error)),
        _ => (Style::Yellow, None),
    };
    let text = match error.and_then(causes) {
        Some(causes) => format!("{item}; because: {causes}"),
        None => item.to_string(),
    };
    (style, text)
}
