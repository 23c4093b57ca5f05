#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(any(not(doctest), feature = "memory"), doc = include_str!("../README.md"))]

mod connector;
#[cfg(feature = "hyper")]
mod dial;
mod error;
mod frame;
mod http_client;
mod printable;
mod request;

#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "recording")]
pub mod recording;
#[cfg(all(feature = "memory", feature = "recording"))]
pub mod replay;
#[cfg(feature = "tungstenite")]
mod tungstenite;

pub use connector::{Connection, Connector};
#[cfg(feature = "hyper")]
pub use dial::{CertificateError, Proxy, ProxyError};
pub use error::{Error, ErrorKind, Refusal};
pub use frame::{CloseFrame, Frame, Text};
#[cfg(feature = "hyper")]
pub use http_client::HyperClient;
pub use http_client::{HttpClient, HttpLimits};
pub use printable::printable;
pub use request::Request;
#[cfg(feature = "tungstenite")]
pub use tungstenite::{Limits, TungsteniteConnection, TungsteniteConnector};
