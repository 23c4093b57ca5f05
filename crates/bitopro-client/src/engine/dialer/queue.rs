use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time after which an inactive entry loses its turn, so that it does not block the others.
const TURN_GRACE: Duration = Duration::from_secs(1);

/// A fair queue: among the waiting entries, the one whose last turn is the oldest goes next.
#[derive(Debug)]
pub(super) struct FairQueue<K> {
    entries: BTreeMap<K, Entry>,
    turns: u64,
}

#[derive(Debug)]
struct Entry {
    /// Number of its last turn. Before its first turn, the position at which it was added.
    last_turn: u64,
    /// The time from which it waits for a turn, if it waits for one.
    ready_at: Option<Instant>,
    /// The time at which its turn came, if it has not been active since.
    offered_at: Option<Instant>,
}

impl<K: Copy + Ord> FairQueue<K> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), turns: 0 }
    }

    /// Adds an entry that does not wait for a turn yet.
    pub(super) fn add(&mut self, key: K) {
        self.turns += 1;
        self.entries.insert(key, Entry { last_turn: self.turns, ready_at: None, offered_at: None });
    }

    pub(super) fn remove(&mut self, key: K) {
        self.entries.remove(&key);
    }

    /// Sets the time from which an entry waits for a turn. `None` means that it does not wait for one.
    pub(super) fn set_ready_at(&mut self, key: K, ready_at: Option<Instant>) {
        if let Some(entry) = self.entries.get_mut(&key) {
            (entry.ready_at, entry.offered_at) = (ready_at, None);
        }
    }

    /// Marks an entry as active. Returns the time from which it waits for a turn, if it waits for one.
    pub(super) fn mark_active(&mut self, key: K) -> Option<Instant> {
        let entry = self.entries.get_mut(&key)?;
        // An active entry is eligible again, even if it has missed its turn.
        entry.offered_at = None;
        entry.ready_at
    }

    /// Gives `first` the earlier turn of the two if both are ready. Returns whether that changed their order.
    pub(super) fn put_before(&mut self, first: K, second: K, now: Instant) -> bool {
        let turn_of = |key| {
            let entry = self.entries.get(&key)?;
            entry.ready_at.is_some_and(|ready_at| ready_at <= now).then_some(entry.last_turn)
        };
        let (Some(late), Some(early)) = (turn_of(first), turn_of(second)) else { return false };
        if late < early {
            return false;
        }
        for (key, turn) in [(first, early), (second, late)] {
            if let Some(entry) = self.entries.get_mut(&key) {
                (entry.last_turn, entry.offered_at) = (turn, None);
            }
        }
        true
    }

    /// Returns `Ok` if it is the turn of this entry. Otherwise, returns the latest time at which to ask
    /// again.
    pub(super) fn turn(&mut self, key: K, now: Instant) -> Result<(), Instant> {
        let waiting = self.entries.iter_mut().filter(|(_, entry)| {
            let is_ready = entry.ready_at.is_some_and(|ready_at| ready_at <= now);
            is_ready && entry.offered_at.is_none_or(|offered_at| offered_at + TURN_GRACE > now)
        });
        match waiting.min_by_key(|(_, entry)| entry.last_turn) {
            Some((next, entry)) if *next != key => Err(*entry.offered_at.get_or_insert(now) + TURN_GRACE),
            _ => Ok(()),
        }
    }

    /// Gives an entry its turn. Afterwards, it does not wait for another one.
    pub(super) fn take_turn(&mut self, key: K) {
        self.add(key);
    }
}
