use bitopro_rest::Endpoint;
use http::{Method, StatusCode};

use crate::gateway::authentication::Rejection;
use crate::gateway::refusal;
use crate::rest::REST_PATH;

/// Returns the endpoint of a method and a path, and the parameters in the path. A slash at the end of the path is
/// ignored.
///
/// # Errors
///
/// Returns 404 for an unknown path, or 405 for a known one with another method, which is an assumption.
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Result<(Endpoint, Vec<&'a str>), Rejection> {
    let path = path.strip_prefix(REST_PATH).unwrap_or_default();
    let found =
        Endpoint::ALL.iter().filter_map(|endpoint| Some((*endpoint, arguments(endpoint.path(), path)?)));
    let mut found: Vec<(Endpoint, Vec<&str>)> = found.collect();
    let is_known = !found.is_empty();
    found.retain(|(endpoint, _)| endpoint.method() == *method);
    // `/orders/all/{pair}` is more specific than `/orders/{pair}/{id}`.
    let best = found.into_iter().min_by_key(|(_, arguments)| arguments.len());
    best.ok_or_else(|| {
        if is_known {
            let refusal = refusal::with_message(StatusCode::METHOD_NOT_ALLOWED, "405 METHOD NOT ALLOWED");
            Rejection::new(refusal, "wrong method")
        } else {
            Rejection::new(refusal::not_found(), "unknown path")
        }
    })
}

fn arguments<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut expected, mut arguments) = (template.split('/'), Vec::new());
    for segment in path.split('/') {
        match expected.next()? {
            parameter if parameter.starts_with('{') && !segment.is_empty() => arguments.push(segment),
            literal if literal == segment => {}
            _ => return None,
        }
    }
    expected.next().is_none().then_some(arguments)
}
