//! Every source of credentials is checked before the first dial. Names begin with the fault's number in the
//! failure model.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use bitopro_sim::Simulator;
use tempfile::TempDir;

use crate::process::{Outcome, bitopro, run, with_credentials};

/// A directory with a credentials file.
struct CredentialsFile {
    _directory: TempDir,
    path: PathBuf,
}

impl CredentialsFile {
    fn new(contents: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.env");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        file.write_all(contents).unwrap();
        Self { _directory: directory, path }
    }

    fn sign(&self) -> Outcome {
        run(&mut bitopro(&["sign", "--credentials", self.path.to_str().unwrap()]))
    }
}

const GOOD: &[u8] = b"BITOPRO_API_KEY=key\nBITOPRO_API_SECRET=hush\nBITOPRO_EMAIL=me@example.com\n";

/// Runs a command that must fail with these causes, and without a dial or a secret in the output.
fn assert_refused(command: &mut Command, causes: &str) {
    let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("ws://{}/ws", server.local_addr().unwrap());
    let outcome = run(command.env("BITOPRO_WS_URL", url));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""), "{command:?}");
    assert!(outcome.stderr.ends_with(&format!("  caused by: {causes}\n")), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "the command has dialled");
}

#[test]
fn fault_60_every_source_is_checked_before_the_first_dial() {
    let causes = "no value for BITOPRO_API_KEY; unknown name BITOPRO_KEY (did you mean BITOPRO_API_KEY?); the API \
        secret contains a space, a line break or another character that is not visible ASCII (copy it again, without \
        anything around it); the email address has no `@` (use the address of the BitoPro account)";
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("balances.jsonl");
    for args in [&["watch", "all"][..], &["record", recording.to_str().unwrap()], &["sign"]] {
        let mut command = bitopro(args);
        with_credentials(&mut command, "", "hush\n", "hush");
        assert_refused(command.env("BITOPRO_KEY", "hush"), causes);
    }
    let lines = b"BITOPRO_KEY=hush\nBITOPRO_API_SECRET='hush '\nBITOPRO_EMAIL=hush";
    let file = CredentialsFile::new(lines);
    for args in [&["watch", "all"][..], &["sign"]] {
        assert_refused(bitopro(args).arg("--credentials").arg(&file.path), causes);
    }
}

#[test]
fn fault_60_a_swapped_key_and_email_are_reported_before_the_first_dial() {
    let mut command = bitopro(&["watch", "all"]);
    with_credentials(&mut command, "hush@example.com", "hush", "hush");
    let causes = "the API key contains `@` (it may be the email address); the email address has no `@` (use the \
        address of the BitoPro account)";
    assert_refused(&mut command, causes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_60_a_file_from_another_editor_or_with_a_rotated_secret_works() {
    let simulator = Simulator::builder().start().await.unwrap();
    let [key, secret, email] = {
        let account = simulator.credentials();
        [&account.api_key, &account.api_secret, &account.email].map(String::as_str)
    };
    for contents in [
        format!("\u{feff}BITOPRO_API_KEY={key}\r\nBITOPRO_API_SECRET={secret}\r\nBITOPRO_EMAIL={email}\r\n"),
        format!(
            "BITOPRO_API_SECRET=old\nBITOPRO_API_KEY={key}\nBITOPRO_EMAIL={email}\nBITOPRO_API_SECRET={secret}"
        ),
        format!(
            "export\tBITOPRO_API_KEY='{key}' # mine\nBITOPRO_API_SECRET=\"{secret}\"\nBITOPRO_EMAIL={email}  "
        ),
    ] {
        let file = CredentialsFile::new(contents.as_bytes());
        let watch = ["watch", "balances", "--once", "--credentials", file.path.to_str().unwrap()];
        let outcome = run(bitopro(&watch).env("BITOPRO_WS_URL", simulator.ws_url().to_string()));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{contents}");
    }
}

#[test]
fn fault_60_a_large_or_endless_file_is_an_error_and_never_cut_off() {
    const LIMIT: usize = 64 << 10;

    let with_length = |length: usize| {
        let mut contents = vec![b'#'; length - GOOD.len()];
        *contents.last_mut().unwrap() = b'\n';
        contents.extend_from_slice(GOOD);
        CredentialsFile::new(&contents)
    };
    assert_eq!(with_length(LIMIT).sign().code, Some(0));
    let too_large = "is larger than 64 KiB; pass a file with only the credentials\n";
    let outcome = with_length(LIMIT + 1).sign();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""));
    assert!(outcome.stderr.ends_with(too_large), "{}", outcome.stderr);

    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&fifo).status().unwrap().success());
    let endless = {
        let fifo = fifo.clone();
        thread::spawn(move || {
            let mut fifo = OpenOptions::new().write(true).open(fifo).unwrap();
            while fifo.write_all(&[b'#'; 4096]).is_ok() {}
        })
    };
    let outcome = CredentialsFile { _directory: directory, path: fifo }.sign();
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stderr.ends_with(too_large), "{}", outcome.stderr);
    endless.join().unwrap();
}

#[test]
fn fault_60_a_file_that_others_can_read_is_refused() {
    for (is_closed, directory_mode) in [(true, 0o700), (true, 0o770), (false, 0o755), (false, 0o711)] {
        let file = CredentialsFile::new(GOOD);
        let directory = file.path.with_file_name("directory");
        DirBuilder::new().mode(0o700).create(&directory).unwrap();
        let path = directory.join("key.env");
        fs::rename(&file.path, &path).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(directory_mode)).unwrap();
        // A link, as in the directory of a Kubernetes secret.
        let link = file.path.with_file_name("link.env");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let is_owned_by_root = fs::metadata(&path).unwrap().uid() == 0;
        for (mode, is_accepted) in [
            (0o600, true),
            (0o400, true),
            (0o440, is_closed || is_owned_by_root),
            (0o640, false),
            (0o660, false),
            (0o444, false),
            (0o604, false),
            (0o602, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            for path in [&path, &link] {
                let outcome = sign(path);
                let code = if is_accepted { 0 } else { 3 };
                assert_eq!(outcome.code, Some(code), "{mode:o} in {directory_mode:o}: {}", outcome.stderr);
                let refusal = format!("has mode {mode:o}, so other users have access to it; run `chmod 600 ");
                assert_eq!(outcome.stderr.contains(&refusal), !is_accepted, "{}", outcome.stderr);
            }
        }
    }
}

#[test]
fn a_device_is_never_read_and_its_mode_should_not_change() {
    for device in ["/dev/zero", "/dev/null"] {
        let outcome = sign(Path::new(device));
        assert_eq!(outcome.code, Some(3));
        let expected =
            format!("bitopro: {device} is a device; `--credentials` needs a file with lines such as ");
        assert!(outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
    }
}

fn sign(path: &Path) -> Outcome {
    run(bitopro(&["sign", "--credentials"]).arg(path))
}

#[test]
fn a_base_url_that_is_not_unicode_is_a_usage_error_and_a_path_may_be_anything() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("balances.jsonl");
    let not_unicode = OsStr::from_bytes(b"wss://\xff/ws");
    for args in [&["watch", "all"][..], &["record", recording.to_str().unwrap()]] {
        let mut command = bitopro(args);
        with_credentials(&mut command, "key", "secret", "me@example.com");
        let outcome = run(command.env("BITOPRO_WS_URL", not_unicode));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
        assert_eq!(outcome.stderr, "bitopro: BITOPRO_WS_URL is not valid Unicode\n");
        // The CA file is read: it contains no certificate.
        let path = directory.path().join(OsStr::from_bytes(b"ca\xff.pem"));
        fs::write(&path, "").unwrap();
        let outcome = run(command.env_remove("BITOPRO_WS_URL").env("BITOPRO_CA_FILE", path));
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains("contains no certificate"), "{}", outcome.stderr);
    }
}
