//! Commands, and scenarios, which are lists of commands with delays.

pub(crate) mod command;
mod format;
mod parse;
pub(crate) mod steps;

pub use command::Command;
pub use steps::Scenario;
