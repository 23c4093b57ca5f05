//! Prints the balances of an account, and then every change.
//!
//! Reads the credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`, and connects to
//! `BITOPRO_WS_URL` if that is set.
#![allow(clippy::print_stdout, reason = "a program prints")]

use bitopro_client::{Client, Item};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env()?.build()?;
    run(&client, async { drop(tokio::signal::ctrl_c().await) }, |line| println!("{line}")).await;
    Ok(())
}

/// Reports balances until `stop` completes or the stream ends.
async fn run(client: &Client, stop: impl Future<Output = ()>, mut report: impl FnMut(String)) {
    let (mut balances, mut changes) = (client.balances(), client.changes());
    let mut is_first = true;
    let mut stop = std::pin::pin!(stop);
    loop {
        let item = tokio::select! {
            () = &mut stop => break,
            item = balances.next() => item,
        };
        let Some(item) = item else { break };
        match &item {
            Item::Snapshot(event) if std::mem::take(&mut is_first) => {
                for balance in &event.data {
                    report(balance.to_string());
                }
            }
            Item::Snapshot(_) | Item::Update(_) => {}
            // Connected, disconnected, a gap, a message that cannot be read or is unknown, or the end.
            other => report(other.to_string()),
        }
        for change in changes.apply(&item.into()) {
            report(change.to_string());
        }
    }
    let _ = balances.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_balances_and_each_change_are_reported() -> Result<(), Box<dyn std::error::Error>> {
    use bitopro_sim::{Command, Simulator};

    let simulator = Simulator::builder().start_in_memory()?;
    let client = Client::builder(simulator.credentials().to_credentials()?)
        .with_connector(simulator.connector())
        .build()?;
    let deposit: Command = "deposit BTC 0.25".parse()?;
    let stop = tokio::sync::Notify::new();
    let mut lines = Vec::new();
    let report = |line: String| {
        if line.starts_with("TWD") {
            // The last balance of the snapshot.
            simulator.execute(&deposit).expect("a valid command");
        }
        if line.contains("changed by") {
            stop.notify_one();
        }
        lines.push(line);
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), run(&client, stop.notified(), report)).await?;
    assert!(lines[0].starts_with("connected to "), "{lines:?}");
    assert!(lines.contains(&"BTC: 1.61730707 (1.36730707 available)".to_owned()), "{lines:?}");
    let changed = "BTC: 1.86730707 (1.61730707 available), changed by +0.25000000";
    assert!(lines.contains(&changed.to_owned()), "{lines:?}");
    Ok(())
}
