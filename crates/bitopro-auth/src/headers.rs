use std::{array, fmt};

use zeroize::Zeroizing;

/// Name of the header that contains the API key.
pub const API_KEY_HEADER: &str = "X-BITOPRO-APIKEY";
/// Name of the header that contains the payload.
pub const PAYLOAD_HEADER: &str = "X-BITOPRO-PAYLOAD";
/// Name of the header that contains the signature.
pub const SIGNATURE_HEADER: &str = "X-BITOPRO-SIGNATURE";

/// The three headers of one signed request.
///
/// `Debug` output is redacted, and the values are wiped from memory on drop.
pub struct SignedHeaders {
    pub(crate) api_key: Zeroizing<String>,
    pub(crate) payload: Zeroizing<String>,
    pub(crate) signature: Zeroizing<String>,
}

impl SignedHeaders {
    /// Returns an iterator over the names and values of the headers.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// Returns the API key.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Returns the payload: JSON in base64.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// Returns the signature: the HMAC-SHA384 of the payload, in lowercase hex.
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
