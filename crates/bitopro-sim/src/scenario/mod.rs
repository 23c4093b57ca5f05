//! Scenarios: what happens to a simulated exchange, and when.

pub(crate) mod line;
pub(crate) mod steps;

pub use steps::{Scenario, ScenarioError, Step};
