#![doc = include_str!("../README.md")]

mod credentials;
mod headers;
mod nonce;
mod payload;
mod signer;

pub use credentials::{Credentials, CredentialsError};
pub use headers::{API_KEY_HEADER, PAYLOAD_HEADER, SIGNATURE_HEADER, SignedHeaders};
pub use nonce::{Nonce, NonceSource};
pub use payload::{IdentityClaim, Payload, PayloadError};
pub use signer::{SignatureError, Signer};
