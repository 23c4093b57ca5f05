use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use bitopro_client::Signer;
use serde::de::IgnoredAny;

use crate::args::SignArgs;
use crate::credentials;
use crate::exit::{Failure, Status};
use crate::output::{Output, OutputError, exit_status};

pub(crate) fn run(args: &SignArgs) -> Result<Status, Failure> {
    let signer = Signer::new(credentials::load(&args.credentials, "")?);
    let headers = match &args.body {
        Some(path) => signer.sign_body(&body(path)?),
        None => signer.sign_identity(unix_ms()),
    };
    exit_status(print(headers.iter()), Status::Ok)
}

fn print<'a>(headers: impl Iterator<Item = (&'static str, &'a str)>) -> Result<(), OutputError> {
    let mut output = Output::stdout();
    for (name, value) in headers {
        output.line(&format!("{name}: {value}"))?;
    }
    output.flush()
}

/// Reads a JSON body without a trailing line end, which an editor adds and `curl -d @FILE` does not send.
fn body(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let (read, shown) = if path == Path::new("-") {
        (io::stdin().lock().read_to_end(&mut body).map(|_| body), "standard input".to_owned())
    } else {
        (fs::read(path), path.display().to_string())
    };
    let failed = |message: String| Failure::new(Status::Usage, message);
    let mut body = read
        .map_err(|error| failed(format!("cannot read the request body from {shown}")).with_source(error))?;
    if body.pop_if(|byte| *byte == b'\n').is_some() {
        body.pop_if(|byte| *byte == b'\r');
    }
    if body.is_empty() {
        let message = format!(
            "the request body from {shown} is empty; omit `--body` to sign a GET or DELETE request, which has none"
        );
        return Err(failed(message));
    }
    let not_json =
        || failed(format!("the request body from {shown} is not JSON; pass the body that you send"));
    // Skipping a value does not check that its strings are UTF-8.
    let text = str::from_utf8(&body).map_err(|error| not_json().with_source(error))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| not_json().with_source(error))?;
    Ok(body)
}

/// Returns the current time in milliseconds since 1970, or 0 if the clock is earlier.
#[allow(
    clippy::disallowed_methods,
    reason = "the request is sent to the real exchange, which compares the time with its own clock"
)]
fn unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
