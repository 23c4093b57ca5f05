//! A bot that reports fills, changes and gaps until it is stopped, and looks for fills that a gap has hidden.
//!
//! Run it with `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL` in the environment, and
//! `BITOPRO_WS_URL` for a simulated exchange.
#![allow(clippy::print_stdout, reason = "a program prints")]

use bitopro_client::model::{Message, PrivateStream};
use bitopro_client::{AccountItem, Client, Item};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env()?.build()?;
    run(&client, async { drop(tokio::signal::ctrl_c().await) }, |line| println!("{line}")).await;
    Ok(())
}

/// Follows the account until `stop` completes, and then closes the connections.
async fn run(client: &Client, stop: impl Future<Output = ()>, mut report: impl FnMut(String)) {
    let (mut account, mut changes) = (client.account(), client.changes());
    let mut unchecked_gaps = Vec::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let item = tokio::select! {
            () = &mut stop => break,
            item = account.next() => item,
        };
        // All streams have ended, for the reasons that their last items report.
        let Some(item) = item else { return };
        match &item {
            AccountItem { item: Item::Update(Message::UserTrade(event)), .. } => {
                let fill = &event.data;
                let (pair, action, fee) = (fill.pair(), fill.action().as_str().to_owned(), fill.fee);
                report(format!(
                    "fill of {}: {action} {} {pair} at {}, fee {fee} {}",
                    fill.order_id, fill.volume, fill.price, fill.fee_currency
                ));
            }
            AccountItem { item: Item::Connected(_) | Item::Snapshot(_) | Item::Update(_), .. } => {}
            // A gap, a disconnection, the end of a stream, or a message that is unknown or cannot be read.
            other => report(other.to_string()),
        }
        for change in changes.apply(&item) {
            report(change.to_string());
        }
        if let AccountItem { stream: PrivateStream::UserTrades, item: Item::Gap(gap), .. } = item {
            unchecked_gaps.push(gap);
        }
        // Once everything is fresh again, the orders show what the missing trades have executed.
        let current = account.current();
        if current.is_fresh() {
            for missing in unchecked_gaps.drain(..).flat_map(|gap| current.missing_fills(&gap)) {
                let amount =
                    missing.missing.map_or_else(|| "an unknown amount".to_owned(), |m| m.to_string());
                report(format!("fills of {} are missing: {amount} {}", missing.order.id, missing.order.pair));
            }
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
        while let Some(dial) = server.next_dial().await {
            let is_balance = dial.request().url().path().ends_with("account-balance");
            let mut peer = dial.accept();
            for amount in ["1.10", "0.85"].into_iter().filter(|_| is_balance) {
                let balance = format!(r#"{{"currency":"BTC","amount":"{amount}","available":"0"}}"#);
                let event = r#""event":"ACCOUNT_BALANCE","timestamp":1"#;
                let text = format!(r#"{{{event},"data":{{"BTC":{balance}}}}}"#);
                peer.send(Frame::text(text)).await.expect("an open connection");
            }
            peers.push(peer); // dropping it would end the connection
        }
    }));
    let mut lines = Vec::new();
    run(&client, stop.notified(), |line| (lines.push(line), stop.notify_one()).1).await;
    assert_eq!(lines[0], "BTC: 0.85 (0 available), changed by -0.25");
    assert_eq!(lines[1..].len(), 4, "each stream reports why it ended: {lines:?}");
}

/// The simulator runs in memory and in virtual time, so the test takes no real time. Both clocks follow it.
#[tokio::test(start_paused = true)]
async fn the_bot_reports_fills_and_those_that_a_gap_has_hidden() -> Result<(), Box<dyn std::error::Error>> {
    use bitopro_client::WallClock;
    use bitopro_client::model::Timestamp;
    use bitopro_sim::{Clock, Scenario, Simulator};

    let clock = Clock::following_tokio(Timestamp::from_millis(1_639_553_303_365));
    let simulator = Simulator::builder().with_clock(clock.clone()).start_in_memory()?;
    let now = move || clock.now().to_system_time().unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    let client = Client::builder(simulator.credentials().to_credentials()?)
        .with_connector(simulator.connector())
        .with_wall_clock(WallClock::new(now))
        .build()?;
    let scenario: Scenario = "
        0     wait 4
        1000  place a buy btc_twd 0.01 at 2600000
        1000  fill a 0.004
        1000  refuse 4 502
        0     disconnect
        10    fill a 0.002
        10    cancel a
        0     wait 4
        60000 deposit ADA 1"
        .parse()?;
    let stop = tokio::sync::Notify::new();
    let mut lines = Vec::new();
    let follow = run(&client, stop.notified(), |line| lines.push(line));
    let ((), played) = tokio::join!(follow, async {
        let played = simulator.run(&scenario).await;
        stop.notify_one();
        played
    });
    played?;
    let lines = lines.join("\n");
    for expected in
        [": BUY 0.004 btc_twd at 2600000, fee ", "closed, partly filled: ", "are missing: 0.002 btc_twd"]
    {
        assert!(lines.contains(expected), "{expected}: {lines}");
    }
    Ok(())
}
