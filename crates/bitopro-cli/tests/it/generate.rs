//! `bitopro completions` and `bitopro man`.

use std::fs;

use crate::process::{bitopro, run};

#[test]
fn the_completions_of_each_shell_name_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = run(&mut bitopro(&["completions", shell]));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{shell}");
        for name in ["watch", "check", "order", "--heartbeat"] {
            let name = if shell == "fish" { name.trim_start_matches("--") } else { name };
            assert!(outcome.stdout.contains(name), "{shell}: {name}");
        }
    }
    assert_eq!(run(&mut bitopro(&["completions", "cmd"])).code, Some(2));
}

#[test]
fn each_subcommand_has_a_man_page() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let outcome = run(&mut bitopro(&["man", path]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    for (file, text) in [
        ("bitopro.1", "Unofficial"),
        ("bitopro-watch.1", "BITOPRO_WS_URL"),
        ("bitopro-order-place.1", ".SH NAME\nbitopro\\-order\\-place"),
    ] {
        let page = fs::read_to_string(directory.path().join(file)).unwrap();
        assert!(page.contains(text), "{file}: {page}");
    }
    let missing = run(&mut bitopro(&["man", &format!("{path}/missing")]));
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("cannot write "), "{}", missing.stderr);
}
