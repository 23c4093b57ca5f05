//! The running simulator: its builder and its handle.

mod account;
mod account_handle;
mod account_options;
mod builder;
mod commands;
mod endpoint;
mod handle;

pub use account_handle::AccountHandle;
pub use builder::SimulatorBuilder;
pub use handle::Simulator;
