use std::collections::BTreeMap;

use bitopro_client::model::{EventId, PrivateStream};
use bitopro_client::{AccountItem, Item};
use bitopro_sim::SentMessage;

/// The events and gaps of each stream of an account, in order.
#[derive(Default)]
pub(crate) struct Record(BTreeMap<PrivateStream, Vec<Entry>>);

enum Entry {
    Event(EventId),
    Gap,
}

impl Entry {
    fn event((index, entry): (usize, &Self)) -> Option<(&str, usize)> {
        match entry {
            Self::Event(id) => Some((id.as_str(), index)),
            Self::Gap => None,
        }
    }
}

impl Record {
    pub(crate) fn apply(&mut self, item: &AccountItem) {
        let entries = self.0.entry(item.stream).or_default();
        match &item.item {
            Item::Snapshot(message) | Item::Update(message) => {
                entries.extend(message.event_id().map(|id| Entry::Event(id.clone())));
            }
            Item::Gap(_) => entries.push(Entry::Gap),
            _ => {}
        }
    }

    /// Returns the number of gaps of a stream.
    pub(crate) fn gaps(&self, stream: PrivateStream) -> usize {
        self.entries(stream).iter().filter(|entry| matches!(entry, Entry::Gap)).count()
    }

    fn entries(&self, stream: PrivateStream) -> &[Entry] {
        self.0.get(&stream).map_or(&[], Vec::as_slice)
    }

    /// Counts the events of a stream that were sent after the first delivered one but not delivered: all of
    /// them, and those that no gap covers. A gap covers everything sent between the events on both of its
    /// sides.
    pub(crate) fn missing(&self, stream: PrivateStream, sent: &[SentMessage]) -> Missing {
        let entries = self.entries(stream);
        let indices: BTreeMap<&str, usize> = entries.iter().enumerate().filter_map(Entry::event).collect();
        let has_gap = |from: usize, to: usize| {
            entries.iter().take(to).skip(from).any(|entry| matches!(entry, Entry::Gap))
        };
        let mut missing = Missing::default();
        // The index of the last delivered event, and the number of undelivered events since then.
        let (mut last, mut run) = (None, 0);
        for sent in sent.iter().filter(|sent| sent.stream == stream) {
            let Some(id) = sent.event_id.as_ref().map(EventId::as_str) else { continue };
            if let Some(&index) = indices.get(id) {
                let before = last.replace(index).unwrap_or(index);
                missing.out_of_order += usize::from(index < before);
                missing.count(std::mem::take(&mut run), has_gap(before, index));
            } else if last.is_some() {
                run += 1;
            }
        }
        missing.count(run, last.is_some_and(|last| has_gap(last, entries.len())));
        missing
    }
}

/// Numbers of missing events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) all: usize,
    pub(crate) without_a_gap: usize,
    /// Events that were delivered before events that had been sent earlier.
    pub(crate) out_of_order: usize,
}

impl Missing {
    pub(super) fn add(&mut self, other: Self) {
        self.all += other.all;
        self.without_a_gap += other.without_a_gap;
        self.out_of_order += other.out_of_order;
    }

    fn count(&mut self, run: usize, has_gap: bool) {
        self.all += run;
        self.without_a_gap += if has_gap { 0 } else { run };
    }
}
