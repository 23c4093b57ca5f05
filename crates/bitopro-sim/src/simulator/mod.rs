//! The running simulator: its builder and its handle.

mod builder;
mod endpoint;
mod handle;
mod running;
mod trading;

pub use builder::SimulatorBuilder;
pub use handle::Simulator;
