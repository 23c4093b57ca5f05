use std::{array, fmt};

use zeroize::Zeroizing;

/// The header that carries the API key.
pub const API_KEY_HEADER: &str = "X-BITOPRO-APIKEY";
/// The header that carries the payload.
pub const PAYLOAD_HEADER: &str = "X-BITOPRO-PAYLOAD";
/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "X-BITOPRO-SIGNATURE";

/// The three headers of one signed request. `Debug` shows nothing of their values, which are wiped on drop.
pub struct SignedHeaders {
    pub(crate) api_key: Zeroizing<String>,
    pub(crate) payload: Zeroizing<String>,
    pub(crate) signature: Zeroizing<String>,
}

impl SignedHeaders {
    /// Iterates over names and values, to be added to a request.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// The API key.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The payload: base64 of the request's JSON body.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The signature: lowercase hex of the HMAC-SHA384 of the payload.
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

impl<'a> IntoIterator for &'a SignedHeaders {
    type Item = (&'static str, &'a str);
    type IntoIter = array::IntoIter<Self::Item, 3>;

    fn into_iter(self) -> Self::IntoIter {
        [
            (API_KEY_HEADER, self.api_key.as_str()),
            (PAYLOAD_HEADER, self.payload.as_str()),
            (SIGNATURE_HEADER, self.signature.as_str()),
        ]
        .into_iter()
    }
}

impl fmt::Debug for SignedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedHeaders(redacted)")
    }
}
