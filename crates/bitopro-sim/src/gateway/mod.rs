//! The network side of the exchange: HTTP, authentication, sessions and their queues.

pub(crate) mod authentication;
pub(crate) mod clock;
pub(crate) mod connector;
pub(crate) mod credentials;
pub(crate) mod dial;
pub(crate) mod dispatcher;
pub(crate) mod keepalive;
pub(crate) mod outbox;
pub(crate) mod proxy;
pub mod refusal;
pub(crate) mod sent;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod sockets;
pub(crate) mod supervisor;
pub(crate) mod tls;

pub use authentication::{BASE_PATH, NONCE_WINDOW};
pub use clock::Clock;
pub use connector::SimConnector;
pub use credentials::SimCredentials;
pub use dial::Dial;
pub use proxy::{Direction, Fault, FaultyProxy};
pub use sent::Sent;
