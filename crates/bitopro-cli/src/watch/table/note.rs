use bitopro_client::model::Message;
use bitopro_client::{Closed, Item};

use super::Style;
use crate::exit::causes;

/// Returns the note about an item without data, and its style.
pub(super) fn text(item: &Item<Message>) -> (Style, String) {
    let (style, error) = match item {
        Item::Connected(_) | Item::Unknown(_) | Item::Closed(Closed::Requested) => (Style::Dim, None),
        Item::Closed(Closed::Failed(error)) => (Style::Red, Some(error)),
        Item::Disconnected(disconnected) => (Style::Yellow, Some(&disconnected.error)),
        _ => (Style::Yellow, None),
    };
    let text = match error.and_then(causes) {
        Some(causes) => format!("{item}; caused by: {causes}"),
        None => item.to_string(),
    };
    (style, text)
}
