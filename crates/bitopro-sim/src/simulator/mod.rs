//! The running simulator: its builder and its handle.

mod account;
mod builder;
mod commands;
mod endpoint;
mod handle;

pub use builder::SimulatorBuilder;
pub use handle::Simulator;
