use std::ops::RangeInclusive;
use std::str::FromStr;

use bitopro_model::Timestamp;
use bitopro_transport::Refusal;
use percent_encoding::percent_decode_str;

use crate::rest::refused::wrong_parameter;

/// The parameters of a call in its path and query.
#[derive(Debug)]
pub(crate) struct Parameters {
    arguments: Vec<String>,
    query: Vec<(String, String)>,
}

impl Parameters {
    pub(crate) fn new(arguments: Vec<&str>, query: &str) -> Self {
        let decoded = |argument: &str| percent_decode_str(argument).decode_utf8_lossy().into_owned();
        let arguments = arguments.into_iter().map(decoded).collect();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned();
        // Some clients send parameters without a value.
        Self { arguments, query: query.filter(|(_, value)| !value.is_empty()).collect() }
    }

    /// Returns a parameter of the path, which is empty if the endpoint has fewer.
    pub(crate) fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn number<T: FromStr + PartialOrd>(
        &self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Refusal> {
        let number = |text: &str| text.parse().ok().filter(|number| range.contains(number));
        self.text(name).map(|text| number(text).ok_or_else(|| wrong_parameter(name))).transpose()
    }

    pub(crate) fn millis(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        Ok(self.number(name, 0..=i64::MAX)?.map(Timestamp::from_millis))
    }
}
