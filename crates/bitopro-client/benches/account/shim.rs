//! The only code of the benchmark that depends on the types of the client's items.

use bitopro_client::model::Message;
use bitopro_client::{AccountItem, Item};

/// Returns whether this item is a decoded message.
pub(crate) fn is_update<E>(item: &Item<E>) -> bool {
    matches!(item, Item::Snapshot(_) | Item::Update(_))
}

/// Returns the time at which a trade was sent, which its `matchID` contains.
pub(crate) fn sent_at(item: &AccountItem) -> Option<u64> {
    let (Item::Snapshot(Message::UserTrade(event)) | Item::Update(Message::UserTrade(event))) = &item.item
    else {
        return None;
    };
    event.data.match_id.as_ref()?.as_str().parse().ok()
}
