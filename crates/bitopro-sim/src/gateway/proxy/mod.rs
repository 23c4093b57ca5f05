//! A TCP proxy that does to connections what networks do.

mod fault;
mod faulty_proxy;
mod relay;

pub use fault::{Direction, Fault};
pub use faulty_proxy::FaultyProxy;
