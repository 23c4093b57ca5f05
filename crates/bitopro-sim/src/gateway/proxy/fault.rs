use std::time::Duration;

/// Which way bytes go.
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

/// What happens to the bytes of one direction. Counts begin when the fault is inflicted.
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
    /// Bytes are held back until there are at least this many, and then written at once; also where the other
    /// side ends before.
    Coalesce {
        /// How many.
        bytes: usize,
    },
    /// The byte after this many arrives with all its bits flipped.
    Corrupt {
        /// How many pass unharmed.
        after: usize,
    },
    /// After so many bytes the direction ends (FIN), while the other one goes on.
    Finish {
        /// How many pass.
        after: usize,
    },
    /// After so many bytes both sides are reset (RST).
    Reset {
        /// How many pass.
        after: usize,
    },
}
