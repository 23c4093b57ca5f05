use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Grace period for a member whose turn it is. One that does not ask must not block the others.
const TURN_GRACE: Duration = Duration::from_secs(1);

/// Serves its waiting members in turn: the one whose last turn is the oldest goes next.
#[derive(Debug)]
pub(super) struct FairQueue<K> {
    members: BTreeMap<K, Member>,
    turns: u64,
}

#[derive(Debug)]
struct Member {
    /// Number of its last turn; before its first one, the order in which it was added.
    turn: u64,
    /// When its wait ends, if it waits for a turn.
    ready_at: Option<Instant>,
    /// When it was first found to be the next, since it last asked.
    called_at: Option<Instant>,
}

impl<K: Copy + Ord> FairQueue<K> {
    pub(super) fn new() -> Self {
        Self { members: BTreeMap::new(), turns: 0 }
    }

    /// Adds a member that waits for no turn yet.
    pub(super) fn add(&mut self, key: K) {
        self.turns += 1;
        self.members.insert(key, Member { turn: self.turns, ready_at: None, called_at: None });
    }

    pub(super) fn remove(&mut self, key: K) {
        self.members.remove(&key);
    }

    /// Lets a member wait for a turn from this moment on, or for none.
    pub(super) fn wait(&mut self, key: K, ready_at: Option<Instant>) {
        if let Some(member) = self.members.get_mut(&key) {
            (member.ready_at, member.called_at) = (ready_at, None);
        }
    }

    /// Records that a member asks for its turn, and returns from when on it waits for one.
    pub(super) fn ask(&mut self, key: K) -> Option<Instant> {
        let member = self.members.get_mut(&key)?;
        // A member that asks is present, even if it has let its turn pass.
        member.called_at = None;
        member.ready_at
    }

    /// Returns whether it is the member's turn, or when it may be at the latest.
    pub(super) fn turn(&mut self, key: K, now: Instant) -> Result<(), Instant> {
        let waiting = self.members.iter_mut().filter(|(_, member)| {
            let is_ready = member.ready_at.is_some_and(|ready_at| ready_at <= now);
            is_ready && member.called_at.is_none_or(|called_at| called_at + TURN_GRACE > now)
        });
        match waiting.min_by_key(|(_, member)| member.turn) {
            Some((next, member)) if *next != key => Err(*member.called_at.get_or_insert(now) + TURN_GRACE),
            _ => Ok(()),
        }
    }

    /// Gives a member its turn, after which it waits for none.
    pub(super) fn take(&mut self, key: K) {
        self.add(key);
    }
}
