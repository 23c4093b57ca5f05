use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use bitopro_client::{
    API_KEY_VARIABLE, API_SECRET_VARIABLE, Credentials, EMAIL_VARIABLE, credentials_from_env,
};

use crate::args::CredentialArgs;
use crate::exit::{Failure, Status};

/// Maximum number of bytes that are read from a credentials file.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Loads credentials from the file given by `--credentials`, or else from the environment. If there are none,
/// the error ends with `hint`.
pub(crate) fn load(args: &CredentialArgs, hint: &str) -> Result<Credentials, Failure> {
    match &args.credentials {
        Some(path) => from_file(path),
        None => credentials_from_env().map_err(|error| {
            let message = "no usable credentials in the environment; set them, or pass `--credentials FILE`";
            Failure::new(Status::Auth, format!("{message}{hint}")).with_source(error)
        }),
    }
}

fn from_file(path: &Path) -> Result<Credentials, Failure> {
    let shown = path.display();
    let unreadable = |error| {
        Failure::new(Status::Auth, format!("cannot read the credentials file {shown}")).with_source(error)
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        let message = format!(
            "{shown} is a directory; `--credentials` needs a file with lines such as `{API_KEY_VARIABLE}=…`"
        );
        return Err(Failure::new(Status::Auth, message));
    }
    if let Some(mode) = mode_for_others(&metadata) {
        let message = format!(
            "the credentials file {shown} has mode {mode:o}, so other users have access to it; run `chmod 600 \
            {shown}`"
        );
        return Err(Failure::new(Status::Auth, message));
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    parse(&text)
        .map_err(|message| Failure::new(Status::Auth, format!("the credentials file {shown}: {message}")))
}

/// Returns the permission bits of a file, if users other than its owner have access to it.
#[cfg(unix)]
fn mode_for_others(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.mode() & 0o777).filter(|mode| mode & 0o077 != 0)
}

/// Other platforms have no permission bits to check.
#[cfg(not(unix))]
fn mode_for_others(_: &Metadata) -> Option<u32> {
    None
}

/// Parses `NAME=value` lines, optionally with `export` and quotes. Ignores other names and comments. Errors
/// never contain a value.
fn parse(text: &str) -> Result<Credentials, String> {
    let value_of = |name: &str| {
        let found = text.lines().find_map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (found, value) = line.split_once('=')?;
            (found.trim() == name).then(|| unquote(value.trim()).to_owned())
        });
        found.ok_or_else(|| format!("no value for `{name}`; add a line `{name}=…`"))
    };
    let (email, key, secret) =
        (value_of(EMAIL_VARIABLE)?, value_of(API_KEY_VARIABLE)?, value_of(API_SECRET_VARIABLE)?);
    Credentials::new(key, secret, email).map_err(|error| error.to_string())
}

fn unquote(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::{Credentials, parse};

    #[test]
    fn shell_exports_and_plain_lines_are_read() {
        let text = "# mine\nexport BITOPRO_API_KEY='k'\nBITOPRO_API_SECRET = \"s=1\"\r\n\nBITOPRO_EMAIL=me@example.com\nOTHER=1\n";
        let credentials = parse(text).unwrap();
        assert_eq!((credentials.email(), credentials.api_key()), ("me@example.com", "k"));
        let same = Credentials::new("k", "s=1", "me@example.com").unwrap();
        let payload = bitopro_client::auth::Payload::of_body(b"{}");
        assert_eq!(credentials.sign(payload.clone()).signature(), same.sign(payload).signature());
    }

    #[test]
    fn errors_name_the_variable_but_never_show_a_value() {
        let error = parse("BITOPRO_API_KEY=k\nBITOPRO_EMAIL=me@example.com").unwrap_err();
        assert_eq!(error, "no value for `BITOPRO_API_SECRET`; add a line `BITOPRO_API_SECRET=…`");
        let error =
            parse("BITOPRO_API_KEY=a b\nBITOPRO_EMAIL=me@example.com\nBITOPRO_API_SECRET=hush").unwrap_err();
        assert!(error.contains("API key") && !error.contains("hush") && !error.contains("a b"), "{error}");
    }
}
