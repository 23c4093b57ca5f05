use std::collections::VecDeque;
use std::collections::vec_deque::Iter;

/// The most recent items, oldest first. Older ones are dropped, since a simulator may run for weeks.
#[derive(Debug, Clone)]
pub(crate) struct RecentItems<T> {
    items: VecDeque<T>,
    limit: usize,
    /// Number of all items, including dropped ones.
    pushed: u64,
}

impl<T> RecentItems<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { items: VecDeque::new(), limit, pushed: 0 }
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.items.len() >= self.limit {
            self.items.pop_front();
        }
        self.items.push_back(item);
        self.pushed += 1;
    }

    /// Returns the number of all items so far, including dropped ones.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::RecentItems;

    #[test]
    fn only_the_last_items_are_kept() {
        let mut recent = RecentItems::new(2);
        for (item, expected) in [(1, vec![1]), (2, vec![1, 2]), (3, vec![2, 3])] {
            recent.push(item);
            assert!(recent.iter().eq(&expected), "{recent:?}");
            assert_eq!(recent.pushed(), item);
        }
    }
}
