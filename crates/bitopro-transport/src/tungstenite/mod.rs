//! WebSocket connections over real sockets: the upgrade by hyper, frames by tungstenite.
//!
//! tungstenite's own upgrade is not used, because it logs the raw request, including the signature.

mod connection;
mod connector;
mod upgrade;

pub use connection::{Limits, TungsteniteConnection};
pub use connector::TungsteniteConnector;
