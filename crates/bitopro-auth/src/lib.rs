#![doc = include_str!("../README.md")]

mod credentials;
mod headers;
mod nonce;
mod payload;
mod problem;
mod signer;

pub use credentials::Credentials;
pub use headers::{API_KEY_HEADER, PAYLOAD_HEADER, SIGNATURE_HEADER, SignedHeaders};
pub use nonce::{Nonce, NonceSource};
pub use payload::{IdentityClaim, Payload, PayloadError};
pub use problem::{CredentialsError, CredentialsPart, CredentialsProblem};
pub use signer::{SignatureError, Signer};
