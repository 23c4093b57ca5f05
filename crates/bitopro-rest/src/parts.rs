use std::fmt::{self, Display, Write as _};

use bitopro_model::__private::slice_for_display;
use bitopro_model::Pair;
use serde::Serialize;

/// Maximum number of bytes of a parameter that an error shows.
const SHOWN: usize = 40;

/// The parts of a request that depend on the parameters of a call, and every problem with them.
///
/// Public only because [`Call`](crate::Call) mentions it.
pub struct Parts<'a> {
    arguments: Vec<String>,
    query: String,
    body: Option<Vec<u8>>,
    problems: Vec<String>,
    next_nonce: &'a dyn Fn() -> u64,
}

/// The parts of a valid request.
pub(crate) struct Target {
    pub(crate) path_and_query: String,
    pub(crate) body: Option<Vec<u8>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(next_nonce: &'a dyn Fn() -> u64) -> Self {
        Self { arguments: Vec::new(), query: String::new(), body: None, problems: Vec::new(), next_nonce }
    }

    /// Returns the next nonce of the signer, which is the time of an order.
    pub(crate) fn next_nonce(&self) -> u64 {
        (self.next_nonce)()
    }

    /// Adds a problem that makes the call invalid.
    pub(crate) fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Adds a pair to the path, in lowercase.
    ///
    /// Anything that is not a pair is a problem: `DELETE /orders/all` would cancel all orders of the account.
    pub(crate) fn pair(&mut self, pair: &Pair) {
        self.check_pair(pair);
        self.arguments.push(percent_encoded(&pair.as_str().to_ascii_lowercase()));
    }

    pub(crate) fn check_pair(&mut self, pair: &Pair) {
        let is_code = |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !pair.as_str().split_once('_').is_some_and(|(base, quote)| is_code(base) && is_code(quote)) {
            let shown = shown(pair.as_str());
            self.problem(format!("`{shown}` is not a pair; expected two currencies such as `btc_twd`"));
        }
    }

    /// Adds an id or a currency to the path.
    ///
    /// An empty one is a problem: the exchange ignores a slash at the end of a path, so `DELETE
    /// /orders/btc_twd/` would cancel all orders of the pair.
    pub(crate) fn segment(&mut self, what: &str, text: &str) {
        if text.bytes().all(|byte| byte == b'.' || byte.is_ascii_whitespace()) {
            let shown = shown(text);
            self.problem(format!("`{shown}` is not {what}"));
        }
        self.arguments.push(percent_encoded(text));
    }

    /// Adds a parameter to the query if it has a value.
    pub(crate) fn query(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            let separator = if self.query.is_empty() { '?' } else { '&' };
            let value = percent_encoded(&value.to_string());
            self.query.extend([separator.to_string().as_str(), name, "=", &value]);
        }
    }

    /// Adds a number to the query. A number out of range is a problem.
    pub(crate) fn query_in(&mut self, name: &str, value: Option<u32>, min: u32, max: u32) {
        if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
            self.problem(format!("`{name}` is {value}; expected {min} to {max}"));
        }
        self.query(name, value);
    }

    /// Sets the body.
    pub(crate) fn body(&mut self, body: &impl Serialize) {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = Some(body),
            Err(error) => self.problem(error.to_string()),
        }
    }

    /// Returns the parts of the request, or all problems.
    pub(crate) fn finish(self, path: &str) -> Result<Target, String> {
        if !self.problems.is_empty() {
            return Err(self.problems.join("; "));
        }
        let mut arguments = self.arguments.into_iter();
        let segments = path.split('/').skip(1);
        let mut path_and_query = segments.fold(String::new(), |mut path, segment| {
            path.push('/');
            let argument = if segment.starts_with('{') { arguments.next() } else { None };
            path.push_str(argument.as_deref().unwrap_or(segment));
            path
        });
        path_and_query.push_str(&self.query);
        Ok(Target { path_and_query, body: self.body })
    }
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("problems", &self.problems).finish_non_exhaustive()
    }
}

pub(crate) fn shown(text: &str) -> String {
    slice_for_display(text, 0, SHOWN)
}

/// Encodes everything except the unreserved characters of RFC 3986.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}
