//! All that the measurement reads from the client's items, and so all that depends on their types.

use bitopro_client::model::Message;
use bitopro_client::{AccountItem, Item};

/// Returns whether a message was decoded into this item.
pub(crate) fn is_update<E>(item: &Item<E>) -> bool {
    matches!(item, Item::Snapshot(_) | Item::Update(_))
}

/// Returns the moment at which a trade was sent, which its `matchID` holds.
pub(crate) fn sent_at(item: &AccountItem) -> Option<u64> {
    let (Item::Snapshot(Message::UserTrade(event)) | Item::Update(Message::UserTrade(event))) = &item.item
    else {
        return None;
    };
    event.data.match_id.as_ref()?.as_str().parse().ok()
}
