//! The network side of the exchange: HTTP, authentication, sessions and their queues.

pub(crate) mod authentication;
pub(crate) mod channel;
pub(crate) mod clock;
pub(crate) mod connector;
pub(crate) mod counted_queue;
pub(crate) mod credentials;
pub(crate) mod dispatcher;
mod handshake;
pub(crate) mod keepalive;
pub(crate) mod outbox;
pub(crate) mod proxy;
pub mod refusal;
mod route;
pub(crate) mod sent_message;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod sockets;
pub(crate) mod supervisor;
pub(crate) mod tls;
pub(crate) mod upgrade_attempt;

pub use authentication::{BASE_PATH, NONCE_WINDOW};
pub use clock::Clock;
pub use connector::SimConnector;
pub use credentials::SimCredentials;
pub use proxy::{Direction, Fault, FaultyProxy};
pub use sent_message::SentMessage;
pub use upgrade_attempt::UpgradeAttempt;
