//! Tests of the failure model. Their names begin with the numbers of the faults, which `docs/failures.md`
//! lists.

mod bursts;
mod clock;
mod dials;
mod exchange;
mod large;
mod messages;
mod orders;
mod partition;
mod refusals;
mod rest;
mod sockets;
mod subscriber;
mod trades;
mod unknown;
