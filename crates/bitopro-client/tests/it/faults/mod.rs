//! The catalogue of faults: each has a test whose name begins with its number. `docs/failures.md` lists them.

mod bursts;
mod clock;
mod consumer;
mod dials;
mod exchange;
mod large;
mod messages;
mod orders;
mod partition;
mod refusals;
mod sockets;
mod trades;
mod unknown;
