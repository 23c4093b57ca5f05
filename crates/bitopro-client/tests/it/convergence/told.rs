use std::collections::BTreeMap;

use bitopro_client::model::PrivateStream;
use bitopro_client::{AccountItem, Item};
use bitopro_sim::Sent;

/// What each stream of an account told, in order.
#[derive(Default)]
pub(crate) struct Record(BTreeMap<PrivateStream, Vec<Told>>);

enum Told {
    Event(String),
    Gap,
}

impl Told {
    fn event((place, told): (usize, &Self)) -> Option<(&str, usize)> {
        match told {
            Self::Event(id) => Some((id, place)),
            Self::Gap => None,
        }
    }
}

impl Record {
    pub(crate) fn apply(&mut self, item: &AccountItem) {
        let told = self.0.entry(item.stream).or_default();
        match &item.item {
            Item::Snapshot(message) | Item::Update(message) => {
                told.extend(message.event_id().map(|id| Told::Event(id.to_owned())));
            }
            Item::Gap(_) => told.push(Told::Gap),
            _ => {}
        }
    }

    /// How many gaps a stream told.
    pub(super) fn gaps(&self, stream: PrivateStream) -> usize {
        self.told(stream).iter().filter(|told| matches!(told, Told::Gap)).count()
    }

    fn told(&self, stream: PrivateStream) -> &[Told] {
        self.0.get(&stream).map_or(&[], Vec::as_slice)
    }

    /// Counts the events of a stream that were sent, since the first that was delivered, and are in no item: all
    /// of them, and those among them that no gap stands for. A gap stands for what was sent between the events
    /// on both its sides.
    pub(crate) fn missing(&self, stream: PrivateStream, sent: &[Sent]) -> Missing {
        let told = self.told(stream);
        let places: BTreeMap<&str, usize> = told.iter().enumerate().filter_map(Told::event).collect();
        let has_gap =
            |from: usize, to: usize| told.iter().take(to).skip(from).any(|told| matches!(told, Told::Gap));
        let mut missing = Missing::default();
        // Where the last event stands that was delivered, and how many were not since.
        let (mut last, mut run) = (None, 0);
        for sent in sent.iter().filter(|sent| sent.stream == stream) {
            let Some(id) = sent.event_id.as_deref() else { continue };
            if let Some(&here) = places.get(id) {
                let before = last.replace(here).unwrap_or(here);
                missing.disordered += usize::from(here < before);
                missing.count(std::mem::take(&mut run), has_gap(before, here));
            } else if last.is_some() {
                run += 1;
            }
        }
        missing.count(run, last.is_some_and(|last| has_gap(last, told.len())));
        missing
    }
}

/// How many events are missing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) all: usize,
    pub(crate) without_a_gap: usize,
    /// Events that came before what was sent before them.
    pub(crate) disordered: usize,
}

impl Missing {
    fn count(&mut self, run: usize, has_gap: bool) {
        self.all += run;
        self.without_a_gap += if has_gap { 0 } else { run };
    }
}
