use std::collections::BTreeMap;

use bitopro_model::{Event, EventData, PrivateStream, Timestamp};
use fastrand::Rng;

use crate::exchange::events::numeric_ids;
use crate::exchange::uuid::random_uuid;
use crate::{AccountId, Datetimes, EventIds, OrderIds, Push, Quirks};

/// Wraps data into messages: adds ids and times, and serializes them.
#[derive(Debug)]
pub(crate) struct Envelopes {
    account: AccountId,
    /// One generator per stream, so that connections to one stream do not change the ids of another. `None`
    /// if messages have no ids.
    ids: Option<BTreeMap<PrivateStream, Rng>>,
    datetimes: Datetimes,
    order_ids: OrderIds,
}

impl Envelopes {
    pub(crate) fn new(account: AccountId, ids: Rng, quirks: Quirks) -> Self {
        let mut parent = ids.clone();
        let mut ids: BTreeMap<_, _> = [(PrivateStream::AccountBalance, ids)].into();
        for stream in PrivateStream::ALL {
            ids.entry(*stream).or_insert_with(|| parent.fork());
        }
        let ids = (quirks.event_ids == EventIds::Present).then_some(ids);
        Self { account, ids, datetimes: quirks.datetimes, order_ids: quirks.order_ids }
    }

    pub(crate) fn push<D: EventData>(&mut self, now: Timestamp, data: D) -> Push {
        let event = self.event(now, data);
        // Serialization cannot fail: an event holds only strings, numbers and maps with string keys.
        let text = match self.order_ids {
            OrderIds::Texts => serde_json::to_string(&event),
            OrderIds::Numbers => numeric_ids::to_string(&event),
        }
        .unwrap_or_default();
        Push { account: self.account, stream: D::STREAM, message: event.into(), text }
    }

    fn event<D: EventData>(&mut self, now: Timestamp, data: D) -> Event<D> {
        let mut event = Event::new(now, data);
        let rng = self.ids.as_mut().and_then(|ids| ids.get_mut(&D::STREAM));
        event.event_id = rng.map(random_uuid).map(Into::into);
        event.datetime = self.datetimes.format(now);
        event
    }
}
