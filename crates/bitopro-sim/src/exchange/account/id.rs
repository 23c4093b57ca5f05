/// One of the accounts of an exchange, in the order in which the builder received them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccountId(usize);

impl AccountId {
    /// The first account, which every exchange has.
    pub const DEFAULT: Self = Self(0);

    pub(crate) const fn from_index(index: usize) -> Self {
        Self(index)
    }

    pub(crate) const fn index(self) -> usize {
        self.0
    }
}
