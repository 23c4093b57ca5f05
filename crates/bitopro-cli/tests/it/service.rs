//! `bitopro watch` under a service manager such as systemd.

use std::os::unix::net::UnixDatagram;

use crate::process::{Running, bitopro};

#[test]
fn the_service_manager_learns_that_the_command_is_ready_and_alive_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = bitopro(&["watch", "all", "--demo"]);
    let mut watch = Running::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "20000"));
    let next = || {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    // The watchdog does not wait for the streams.
    let mut seen = vec![next()];
    while !seen.contains(&"READY=1\n".to_owned()) {
        seen.push(next());
    }
    assert!(seen.iter().all(|state| state == "WATCHDOG=1\n" || state == "READY=1\n"), "{seen:?}");
    assert_eq!(watch.json()["type"], "connected");
    assert_eq!([next(), next()], ["WATCHDOG=1\n", "WATCHDOG=1\n"]);
    watch.signal("TERM");
    while next() != "STOPPING=1\n" {}
    let (_, status) = watch.finish();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_service_manager_that_does_not_read_does_not_stop_the_output() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let _unread = UnixDatagram::bind(&path).unwrap();
    let mut command = bitopro(&["watch", "all", "--demo"]);
    let mut watch = Running::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000"));
    while watch.json()["type"] != "update" {}
}
