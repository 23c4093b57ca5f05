//! A bot that reports balances, fills and gaps until it is stopped.
//!
//! Run it with the credentials of your account in the environment.
#![allow(clippy::print_stdout, reason = "a program prints")]

use bitopro_client::{AccountItem, Change, Client, Item, credentials_from_env};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(credentials_from_env()?).build()?;
    run(&client, async { drop(tokio::signal::ctrl_c().await) }, |line| println!("{line}")).await;
    Ok(())
}

/// Follows the account until `stop` completes, and then closes the connections.
async fn run(client: &Client, stop: impl Future<Output = ()>, mut report: impl FnMut(String)) {
    let (mut account, mut changes) = (client.account(), client.changes());
    let mut stop = std::pin::pin!(stop);
    loop {
        let item = tokio::select! {
            () = &mut stop => break,
            item = account.next() => item,
        };
        let Some(item) = item else { break };
        for change in changes.apply(&item) {
            if let Change::Balance(_) | Change::OrderPartiallyFilled(_) | Change::OrderFilled(_) = change {
                report(change.to_string());
            }
        }
        if let AccountItem { stream, item: Item::Gap(gap), .. } = item {
            report(format!("{stream}: {gap}"));
        }
    }
    for (stream, reason) in account.close().await {
        report(format!("{stream}: {reason}"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_bot_reports_a_balance_that_changes_and_stops() {
    use bitopro_client::{Credentials, transport::Frame, transport::memory};
    let (connector, mut server) = memory::network();
    let credentials = Credentials::new("key", "secret", "me@example.com").expect("valid credentials");
    let client =
        Client::builder(credentials).with_connector(connector).build().expect("a valid configuration");
    let stop = tokio::sync::Notify::new();
    drop(tokio::spawn(async move {
        let mut peers = Vec::new();
        while peers.len() < 4 {
            peers.push(server.next_dial().await.expect("a dial").accept());
        }
        for amount in ["1.10", "0.85"] {
            let balance = format!(r#"{{"currency":"BTC","amount":"{amount}","available":"0"}}"#);
            let text = format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{"BTC":{balance}}}}}"#);
            peers[2].send(Frame::text(text)).await.expect("an open connection");
        }
        std::future::pending::<()>().await; // dropping the peers would end the connections
    }));
    let mut lines = Vec::new();
    run(&client, stop.notified(), |line| (lines.push(line), stop.notify_one()).1).await;
    assert_eq!(lines[0], "BTC: 0.85 (0 available), changed by -0.25");
    assert_eq!(lines[1..].len(), 4, "each stream reports why it ended: {lines:?}");
}

/// The simulator runs in memory and in virtual time, so the test takes no real time.
#[tokio::test(start_paused = true)]
async fn the_bot_reports_a_fill_of_the_simulated_exchange() -> Result<(), Box<dyn std::error::Error>> {
    use bitopro_sim::{Command, Scenario, Simulator};

    let simulator = Simulator::builder().start_in_memory()?;
    let client = Client::builder(simulator.credentials().to_credentials()?)
        .with_connector(simulator.connector())
        .build()?;
    let commands = ["wait 4", "place a buy btc_twd 0.01 at 2600000", "fill a 0.004", "fill a"];
    let mut scenario = Scenario::new();
    for command in commands {
        scenario = scenario.then(std::time::Duration::from_secs(1), command.parse::<Command>()?);
    }
    let stop = tokio::sync::Notify::new();
    let mut lines = Vec::new();
    let report = |line: String| {
        if line.contains(" filled: ") {
            stop.notify_one();
        }
        lines.push(line);
    };
    let both = async { tokio::join!(run(&client, stop.notified(), report), simulator.run(&scenario)).1 };
    tokio::time::timeout(std::time::Duration::from_secs(60), both).await??;
    assert!(lines.iter().any(|line| line.contains("partly filled: 0.004 of 0.01 executed")), "{lines:?}");
    Ok(())
}
