//! Real sockets: TCP by hyper-util, proxies by hyper and tokio-socks, TLS by rustls, the upgrade by hyper,
//! frames by tungstenite.
//!
//! tungstenite's own upgrade is not used, because it logs the raw request, including the signature.

mod connection;
mod connector;
mod deadline;
mod proxy;
mod resolver;
mod switch;
mod tcp;
mod tls;
mod upgrade;

pub use connection::{Limits, TungsteniteConnection};
pub use connector::TungsteniteConnector;
pub use proxy::{Proxy, ProxyError};
pub use tls::CertificateError;
