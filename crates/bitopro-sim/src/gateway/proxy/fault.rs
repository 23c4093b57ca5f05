use std::time::Duration;

/// The direction in which bytes are relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// From the server to the client.
    ToClient,
    /// From the client to the server.
    ToServer,
    /// Both directions, independently of each other.
    Both,
}

/// A fault in one direction of a connection.
///
/// Bytes are counted from the moment at which the fault is injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Neither bytes nor the end of the direction are relayed until the fault is cleared.
    Pause,
    /// Bytes are written in pieces of at most this size.
    Split {
        /// The size of a piece; 0 is treated as 1.
        bytes: usize,
    },
    /// Like [`Split`](Self::Split), with a pause after each piece.
    Throttle {
        /// The size of a piece; 0 is treated as 1.
        bytes: usize,
        /// The pause after a piece.
        every: Duration,
    },
    /// Bytes are held back until this many have arrived or the direction ends, and are then written together.
    Coalesce {
        /// Number of bytes to collect; 0 is treated as 1.
        bytes: usize,
    },
    /// One byte arrives with all its bits flipped.
    Corrupt {
        /// Number of unchanged bytes before it.
        after: usize,
    },
    /// The direction ends (FIN), while the other one continues.
    Finish {
        /// Number of bytes that are relayed first.
        after: usize,
    },
    /// Both sides of the connection are reset (RST).
    Reset {
        /// Number of bytes that are relayed first.
        after: usize,
    },
}
