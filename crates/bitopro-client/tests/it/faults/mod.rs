//! The catalogue of faults, each row a test whose name begins with its number. `docs/failures.md` is the table.

mod bursts;
mod clock;
mod consumer;
mod dials;
mod exchange;
mod hostile;
mod large;
mod messages;
mod orders;
mod partition;
mod process;
mod proxy;
mod refusals;
mod refusals_over_sockets;
mod rig;
mod sockets;
mod stalls;
mod tls;
mod trades;
mod unknown;
mod wire;
