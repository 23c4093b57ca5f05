//! The vocabulary of commands, and scenarios: commands with the times between them.

pub(crate) mod command;
mod format;
mod parse;
pub(crate) mod steps;

pub use command::Command;
pub use steps::Scenario;
