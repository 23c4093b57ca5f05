use std::time::Duration;

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// From the server to the client.
    ToClient,
    /// From the client to the server.
    ToServer,
    /// Both, each by itself.
    Both,
}

/// A fault in one direction. Counts begin when the fault is inflicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing passes, and nothing ends either. What is sent waits, and passes when the fault is gone.
    Pause,
    /// Bytes pass in pieces of at most this many (0 counts as 1), each written by itself.
    Split {
        /// The size of a piece.
        bytes: usize,
    },
    /// As [`Split`](Self::Split), with a pause after each piece.
    Throttle {
        /// The size of a piece.
        bytes: usize,
        /// The pause.
        every: Duration,
    },
    /// Bytes are held back until there are at least this many, and then written together; also where the other
    /// side ends before.
    Coalesce {
        /// The number of bytes.
        bytes: usize,
    },
    /// The byte after this many arrives with all its bits flipped.
    Corrupt {
        /// The number of bytes that pass unharmed.
        after: usize,
    },
    /// After this many bytes the direction ends (FIN), while the other one continues.
    Finish {
        /// The number of bytes that pass.
        after: usize,
    },
    /// After this many bytes both sides are reset (RST).
    Reset {
        /// The number of bytes that pass.
        after: usize,
    },
}
