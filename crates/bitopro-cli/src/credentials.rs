use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read};
use std::path::Path;

use bitopro_client::{API_KEY_VARIABLE, Credentials, credentials_from_env, credentials_from_lines};
use zeroize::Zeroizing;

use crate::args::CredentialArgs;
use crate::exit::{Failure, Status};

/// Maximum size of a credentials file.
const MAX_FILE_BYTES: usize = 64 << 10;

/// Loads credentials from the file given by `--credentials`, or else from the environment. If there are none,
/// the error ends with `hint`.
pub(crate) fn load(args: &CredentialArgs, hint: &str) -> Result<Credentials, Failure> {
    match &args.credentials {
        Some(path) => from_file(path),
        None => from_env(&format!("; set them, or pass `--credentials FILE`{hint}")),
    }
}

/// Loads credentials from the environment. If there are none, the error ends with `hint`.
pub(crate) fn from_env(hint: &str) -> Result<Credentials, Failure> {
    credentials_from_env().map_err(|error| {
        let message = format!("no usable credentials in the environment{hint}");
        Failure::new(Status::Auth, message).with_source(error)
    })
}

fn from_file(path: &Path) -> Result<Credentials, Failure> {
    let shown = path.display();
    let failure = |message: String| Failure::new(Status::Auth, message);
    let unreadable =
        |error: io::Error| failure(format!("cannot read the credentials file {shown}")).with_source(error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !is_file_or_pipe(metadata.file_type()) {
        let kind = if metadata.is_dir() { "directory" } else { "device" };
        return Err(failure(format!(
            "{shown} is a {kind}; `--credentials` needs a file with lines such as `{API_KEY_VARIABLE}=…`"
        )));
    }
    if let Some(mode) = mode_for_others(path, &metadata) {
        return Err(failure(format!(
            "the credentials file {shown} has mode {mode:o}, so other users have access to it; run `chmod 600 \
            {shown}`"
        )));
    }
    let contents = read(file).map_err(unreadable)?;
    if contents.len() > MAX_FILE_BYTES {
        return Err(failure(format!(
            "the credentials file {shown} is larger than {} KiB; pass a file with only the credentials",
            MAX_FILE_BYTES >> 10
        )));
    }
    credentials_from_lines(&contents).map_err(|error| {
        failure(format!("no usable credentials in the credentials file {shown}")).with_source(error)
    })
}

#[cfg(unix)]
fn is_file_or_pipe(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;

    kind.is_file() || kind.is_fifo()
}

#[cfg(not(unix))]
fn is_file_or_pipe(kind: FileType) -> bool {
    kind.is_file()
}

/// Reads at most one byte more than the maximum.
fn read(file: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let limit = MAX_FILE_BYTES + 1;
    // A buffer that grows leaves unwiped copies behind. The last byte keeps it from being full.
    let mut contents = Zeroizing::new(Vec::with_capacity(limit + 1));
    file.take(limit as u64).read_to_end(&mut contents)?;
    Ok(contents)
}

/// Returns the permission bits of a file, if users other than its owner have access to it.
///
/// systemd and container runtimes create credentials that their group can read: with an owner of root, or in
/// a directory that others cannot enter.
#[cfg(unix)]
fn mode_for_others(path: &Path, file: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;

    const OTHERS_ENTER: u32 = 0o001;
    const NOT_OWNER: u32 = 0o077;

    let mode = file.mode() & 0o777;
    let is_closed = |directory: &Path| {
        fs::metadata(directory).is_ok_and(|directory| directory.mode() & OTHERS_ENTER == 0)
    };
    let is_in_closed_directory =
        || fs::canonicalize(path).is_ok_and(|path| path.parent().is_some_and(is_closed));
    let is_private = match mode {
        0o440 => file.uid() == 0 || is_in_closed_directory(),
        _ => mode & NOT_OWNER == 0,
    };
    (!is_private).then_some(mode)
}

/// Other platforms have no permission bits to check.
#[cfg(not(unix))]
fn mode_for_others(_: &Path, _: &Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::{MAX_FILE_BYTES, Read, read};

    #[test]
    fn fault_60_an_endless_file_is_read_up_to_the_limit() {
        assert_eq!(read(std::io::repeat(b'#')).unwrap().len(), MAX_FILE_BYTES + 1);
    }

    #[test]
    fn fault_60_the_buffer_of_the_file_never_grows() {
        for length in [0, 100, MAX_FILE_BYTES, MAX_FILE_BYTES + 1, 2 * MAX_FILE_BYTES] {
            let contents = read(std::io::repeat(b'#').take(length as u64)).unwrap();
            assert_eq!(contents.capacity(), MAX_FILE_BYTES + 2);
        }
    }
}
