//! Readers of the output: one that closes the pipe, and a regular file.

use std::fs;

use bitopro_sim::Simulator;

use crate::process::{Running, bitopro, watch};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_closed_pipe_ends_the_command_without_new_output() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut running = Running::start(&mut watch(&simulator, "balances", &[]));
    for expected in ["connected", "snapshot"] {
        assert_eq!(running.json()["type"], expected);
    }
    running.close_stdout();
    assert_eq!(running.finish().1.code(), Some(0));
}

#[test]
fn the_output_can_be_a_regular_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("balances.jsonl");
    let file = fs::File::create(&path).unwrap();
    let running = Running::start_into(&mut bitopro(&["watch", "balances", "--demo", "--once"]), file);
    assert_eq!(running.finish().1.code(), Some(0));
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 3);
}

#[test]
fn the_exit_code_of_decode_reports_bad_lines_even_if_the_pipe_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("frames.jsonl");
    let good = "{\"event\":\"MARGIN_BALANCE_INFO\"}\n";
    for (lines, code) in [(good.to_owned(), 0), (format!("{good}{{\n{good}"), 5)] {
        fs::write(&path, lines).unwrap();
        let (unread, stdout) = std::io::pipe().unwrap();
        drop(unread);
        let running = Running::start_into(&mut bitopro(&["decode", path.to_str().unwrap()]), stdout);
        assert_eq!(running.finish().1.code(), Some(code));
    }
}
