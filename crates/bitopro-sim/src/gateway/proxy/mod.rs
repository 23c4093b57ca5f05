//! A TCP proxy that injects network faults into connections.

mod fault;
mod faulty_proxy;
mod relay;

pub use fault::{Direction, Fault};
pub use faulty_proxy::FaultyProxy;
