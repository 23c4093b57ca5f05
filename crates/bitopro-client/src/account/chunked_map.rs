use std::collections::VecDeque;
use std::sync::Arc;

/// Maximum number of entries in a chunk.
const CHUNK: usize = 32;

/// A sorted map for entries that arrive nearly in order, whose clones share their entries.
///
/// A change of a map that has clones copies a chunk of its entries and the list of the chunks.
#[derive(Debug, Clone)]
pub(super) struct ChunkedMap<K, V> {
    /// The entries, in order of their keys. No chunk is empty.
    chunks: VecDeque<Arc<Vec<(K, V)>>>,
    len: usize,
}

impl<K: Ord + Clone, V: Clone> ChunkedMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns all entries, in order of their keys.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let (index, position) = self.locate(key);
        let (_, value) = self.chunks.get(index)?.get(position.ok()?)?;
        Some(value)
    }

    /// Returns the last key before this one, if any.
    pub(super) fn last_before(&self, key: &K) -> Option<&K> {
        let before = self.chunks.partition_point(|chunk| chunk.first().is_some_and(|(first, _)| first < key));
        let chunk = self.chunks.get(before.checked_sub(1)?)?;
        let (last, _) = chunk.get(chunk.partition_point(|(known, _)| known < key).checked_sub(1)?)?;
        Some(last)
    }

    /// Adds or replaces an entry.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let (index, position) = self.locate(&key);
        let Some(chunk) = self.chunks.get_mut(index) else {
            return self.insert_chunk(0, (key, value));
        };
        match position {
            Ok(known) => {
                if let Some(entry) = Arc::make_mut(chunk).get_mut(known) {
                    entry.1 = value;
                }
            }
            Err(place) if chunk.len() < CHUNK => {
                Arc::make_mut(chunk).insert(place, (key, value));
                self.len += 1;
            }
            // The earlier chunks remain full if the keys arrive in order.
            Err(place) if place == chunk.len() => self.insert_chunk(index + 1, (key, value)),
            Err(_) => {
                let tail = Arc::make_mut(chunk).split_off(CHUNK / 2);
                self.chunks.insert(index + 1, Arc::new(tail));
                self.insert(key, value);
            }
        }
    }

    fn insert_chunk(&mut self, index: usize, entry: (K, V)) {
        self.chunks.insert(index, Arc::new(vec![entry]));
        self.len += 1;
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (index, position) = self.locate(key);
        let position = position.ok()?;
        let chunk = Arc::make_mut(self.chunks.get_mut(index)?);
        let (_, value) = chunk.remove(position);
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
        self.len -= 1;
        Some(value)
    }

    /// Removes and returns the entry with the first key, if any.
    pub(super) fn pop_first(&mut self) -> Option<(K, V)> {
        let (key, _) = self.chunks.front()?.first()?;
        let key = key.clone();
        let value = self.remove(&key)?;
        Some((key, value))
    }

    /// Returns the index of the chunk that contains the key or its place, and the position there.
    fn locate(&self, key: &K) -> (usize, Result<usize, usize>) {
        let after = self.chunks.partition_point(|chunk| chunk.first().is_some_and(|(first, _)| first <= key));
        let index = after.saturating_sub(1);
        let chunk = self.chunks.get(index);
        (index, chunk.map_or(Err(0), |chunk| chunk.binary_search_by(|(known, _)| known.cmp(key))))
    }
}

impl<K, V> Default for ChunkedMap<K, V> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::{CHUNK, ChunkedMap};

    #[derive(Debug, Clone)]
    enum Operation {
        Insert(u16),
        /// Inserts a number of keys after the last one.
        Append(u16),
        Remove(u16),
        PopFirst,
        /// Clones the map. The clone must not change.
        Clone,
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let key = 0..400_u16;
        prop_oneof![
            4 => key.clone().prop_map(Operation::Insert),
            2 => (0..70_u16).prop_map(Operation::Append),
            3 => key.prop_map(Operation::Remove),
            2 => any::<()>().prop_map(|()| Operation::PopFirst),
            1 => any::<()>().prop_map(|()| Operation::Clone),
        ]
    }

    fn entries(map: &ChunkedMap<u16, usize>) -> Vec<(u16, usize)> {
        map.iter().map(|(key, value)| (*key, *value)).collect()
    }

    proptest! {
        #[test]
        fn a_chunked_map_behaves_like_a_tree_and_its_clones_do_not_change(operations in vec(operation(), 0..200)) {
            let (mut map, mut tree) = (ChunkedMap::default(), BTreeMap::new());
            let mut clones = Vec::new();
            for (value, operation) in operations.into_iter().enumerate() {
                match operation {
                    Operation::Insert(key) => {
                        map.insert(key, value);
                        tree.insert(key, value);
                    }
                    Operation::Append(count) => {
                        let next = tree.last_key_value().map_or(0, |(last, _)| last + 1);
                        for key in next..next + count {
                            map.insert(key, value);
                            tree.insert(key, value);
                        }
                    }
                    Operation::Remove(key) => prop_assert_eq!(map.remove(&key), tree.remove(&key)),
                    Operation::PopFirst => prop_assert_eq!(map.pop_first(), tree.pop_first()),
                    Operation::Clone => clones.push((map.clone(), tree.clone())),
                }
                for key in (0..400).step_by(50) {
                    prop_assert_eq!(map.get(&key), tree.get(&key));
                    prop_assert_eq!(map.last_before(&key), tree.range(..key).next_back().map(|(last, _)| last));
                }
                prop_assert_eq!(map.len(), tree.len());
                assert!(map.chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())));
            }
            clones.push((map, tree));
            for (map, tree) in clones {
                prop_assert_eq!(entries(&map), tree.clone().into_iter().collect::<Vec<_>>());
                let reversed = map.iter().rev().map(|(key, value)| (*key, *value)).collect::<Vec<_>>();
                prop_assert_eq!(reversed, tree.into_iter().rev().collect::<Vec<_>>());
            }
        }
    }
}
