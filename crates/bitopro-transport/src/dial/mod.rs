//! Byte streams to a server, for WebSocket and for HTTP: TCP by hyper-util, proxies by hyper and tokio-socks, TLS by
//! rustls.

pub(crate) mod deadline;
mod dialer;
mod proxy;
pub(crate) mod resolver;
pub(crate) mod switch;
mod target;
pub(crate) mod tcp;
mod tls;

pub(crate) use dialer::{ByteStream, Dialer};
pub use proxy::{Proxy, ProxyError};
pub(crate) use target::{Protocol, Target};
pub use tls::CertificateError;
