//! Faults of the process and its runtime.

use std::time::Duration;

use bitopro_client::transport;
use bitopro_client::{Client, Closed, Credentials, ErrorKind, Item};
use bitopro_sim::Simulator;
use futures_util::FutureExt;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::{Instant, advance, timeout};

use super::rig::{client, connection_error, transport_error};
use crate::network::{balance, network};

/// A stopped process or a suspended machine: the clock jumps, and nothing has arrived in between.
#[tokio::test(start_paused = true)]
async fn fault_40_after_a_long_sleep_silence_is_detected_immediately() {
    let (builder, mut server) = network();
    let mut balances = builder.build().unwrap().balances();
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(balance(1)).await.unwrap();
    for _ in 0..2 {
        balances.next().await.unwrap();
    }
    let asleep = Duration::from_secs(600);
    let began = Instant::now();
    advance(asleep).await;
    let lost = timeout(asleep, balances.next()).await.expect("the silence is detected");
    let Some(Item::Disconnected(disconnected)) = lost else { panic!("still connected") };
    assert_eq!(disconnected.error.kind(), ErrorKind::Idle);
    assert_eq!(began.elapsed(), asleep, "detected only after another idle limit");
}

#[test]
fn fault_40_a_runtime_that_shuts_down_during_a_dial_ends_the_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut balances, accepted) = runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let balances = Client::builder(credentials).with_endpoint(url).build().unwrap().balances();
        let (mut accepted, _) = listener.accept().await.unwrap();
        // The request has arrived, so the dial is waiting for the response.
        accepted.read_u8().await.unwrap();
        (balances, accepted.into_std().unwrap())
    });
    drop(runtime);
    let item = balances.next().now_or_never().flatten();
    let Some(Item::Closed(Closed::Failed(error))) = item else { panic!("{item:?}") };
    assert_eq!(error.kind(), ErrorKind::Stopped);
    // The socket was closed with the runtime.
    accepted.set_nonblocking(false).unwrap();
    std::io::copy(&mut &accepted, &mut std::io::sink()).unwrap();
}

/// The limit of open files applies to the entire process, so the test runs itself in a child process.
#[cfg(unix)]
#[test]
fn fault_40_dials_without_file_descriptors_are_retried_until_they_succeed() {
    const CHILD: &str = "BITOPRO_TEST_WITH_FEW_FILES";
    const NAME: &str =
        "faults::sockets::process::fault_40_dials_without_file_descriptors_are_retried_until_they_succeed";
    if std::env::var_os(CHILD).is_none() {
        let child = std::process::Command::new("sh")
            .args(["-c", r#"ulimit -n 64 && exec "$0" "$@""#])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let simulator = Simulator::builder().start().await.unwrap();
        let builder = client(&simulator, simulator.ws_url());
        let mut files = Vec::new();
        let open_error = loop {
            match std::fs::File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        let mut balances = builder.build().unwrap().balances();
        for _ in 0..10 {
            let error = connection_error(&mut balances).await;
            assert_eq!(error.kind(), ErrorKind::Network);
            assert_eq!(transport_error(&error).kind(), transport::ErrorKind::Connect, "{error:?}");
            let code = format!("code: {}", open_error.raw_os_error().unwrap());
            assert!(format!("{error:?}").contains(&code), "{error:?}");
        }
        drop(files);
        while !matches!(balances.next().await, Some(Item::Snapshot(_))) {}
    });
}
