use std::fmt;

/// An iterator over a state of an account, in the order that its method `iter` documents.
pub struct StateIter<'a, T> {
    values: Box<dyn DoubleEndedIterator<Item = &'a T> + Send + Sync + 'a>,
    len: usize,
}

impl<'a, T> StateIter<'a, T> {
    /// Creates an iterator of this length.
    pub(super) fn new(values: impl DoubleEndedIterator<Item = &'a T> + Send + Sync + 'a, len: usize) -> Self {
        Self { values: Box::new(values), len }
    }
}

impl<'a, T> Iterator for StateIter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        self.len = self.len.saturating_sub(1);
        self.values.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<T> DoubleEndedIterator for StateIter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.len = self.len.saturating_sub(1);
        self.values.next_back()
    }
}

impl<T> ExactSizeIterator for StateIter<'_, T> {}

impl<T> fmt::Debug for StateIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateIter").field("len", &self.len).finish_non_exhaustive()
    }
}
