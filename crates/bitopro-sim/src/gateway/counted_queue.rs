use std::collections::VecDeque;

/// Values that apply to the next events, each to a number of them, in the order in which they were added.
#[derive(Debug)]
pub(crate) struct CountedQueue<T>(VecDeque<(usize, T)>);

impl<T> Default for CountedQueue<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Clone> CountedQueue<T> {
    pub(crate) fn push(&mut self, count: usize, value: T) {
        self.0.push_back((count, value));
    }

    /// Returns the value that applies to the next event, if any.
    pub(crate) fn next(&mut self) -> Option<T> {
        while let Some((left, value)) = self.0.front_mut() {
            if let Some(rest) = left.checked_sub(1) {
                *left = rest;
                return Some(value.clone());
            }
            self.0.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::CountedQueue;

    #[test]
    fn each_value_applies_as_often_as_requested_and_in_order() {
        let mut queue = CountedQueue::default();
        for (count, value) in [(2, 'a'), (0, 'b'), (1, 'c')] {
            queue.push(count, value);
        }
        let values: Vec<Option<char>> = (0..5).map(|_| queue.next()).collect();
        assert_eq!(values, [Some('a'), Some('a'), Some('c'), None, None]);
    }
}
