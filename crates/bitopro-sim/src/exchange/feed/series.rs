use bitopro_model::{Pair, PublicStream};

/// Numbers of levels of an order book that the exchange serves (documented).
pub(crate) const BOOK_LIMITS: [usize; 6] = [1, 5, 10, 20, 30, 50];
/// The number of levels of an order book if a client requests none, or another one (measured).
pub(crate) const DEFAULT_BOOK_LIMIT: usize = 5;

/// The messages of a public stream about one pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) stream: PublicStream,
    pub(crate) pair: Pair,
    /// The largest number of levels on each side of an order book. 0 for other streams.
    pub(crate) limit: usize,
}
