//! Faults over real sockets on loopback, most of them through a proxy that breaks connections.

mod connections;
mod hostile;
mod process;
mod proxy;
mod refusals;
pub(super) mod rig;
mod stalls;
mod texts;
mod tls;
pub(super) mod wire;
