//! Reads the balances of several accounts from one IP address, with one limit on the dials of all of them.
//!
//! Its arguments are files with lines `NAME=API_KEY,API_SECRET,EMAIL`; adapt `main` to your own store of secrets.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::time::Duration;

use bitopro_client::{Client, Credentials, DialLimiter, Item};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut clients = Vec::new();
    // At most 60 dials in 5 minutes, over all clients.
    let limiter = DialLimiter::new(60, Duration::from_secs(300));
    for path in std::env::args().skip(1) {
        for line in std::fs::read_to_string(path)?.lines() {
            let (name, secrets) = line.split_once('=').ok_or("expected NAME=API_KEY,API_SECRET,EMAIL")?;
            let parts: Vec<&str> = secrets.split(',').collect();
            let [key, secret, email] = parts[..] else {
                return Err("expected API_KEY,API_SECRET,EMAIL".into());
            };
            let credentials = Credentials::new(key, secret, email)?;
            clients
                .push((name.to_owned(), Client::builder(credentials).with_dial_limiter(&limiter).build()?));
        }
    }
    for line in first_balances(clients).await {
        println!("{line}");
    }
    Ok(())
}

/// Returns a line for each account with its number of currencies.
async fn first_balances(clients: Vec<(String, Client)>) -> Vec<String> {
    let mut tasks = JoinSet::new();
    for (name, client) in clients {
        tasks.spawn(async move {
            let mut balances = client.balances();
            while let Some(item) = balances.next().await {
                match item {
                    Item::Snapshot(event) => return format!("{name}: {} currencies", event.data.len()),
                    Item::Closed(reason) => return format!("{name}: {reason}"),
                    _ => {}
                }
            }
            format!("{name}: no snapshot")
        });
    }
    tasks.join_all().await
}

#[tokio::test(start_paused = true)]
async fn each_account_is_reported_within_the_shared_limit() -> Result<(), Box<dyn std::error::Error>> {
    use bitopro_sim::Simulator;
    use tokio::time::timeout;

    let limiter = DialLimiter::new(2, Duration::from_secs(60));
    let (mut simulators, mut clients) = (Vec::new(), Vec::new());
    for name in ["a", "b", "c"] {
        let simulator = Simulator::builder().start_in_memory()?;
        let client = Client::builder(simulator.credentials().to_credentials()?)
            .with_connector(simulator.connector())
            .with_dial_limiter(&limiter)
            .build()?;
        clients.push((name.to_owned(), client));
        simulators.push(simulator);
    }
    let started = tokio::time::Instant::now();
    let mut lines = timeout(Duration::from_secs(600), first_balances(clients)).await?;
    lines.sort();
    assert_eq!(lines, ["a: 12 currencies", "b: 12 currencies", "c: 12 currencies"]);
    assert!(started.elapsed() >= Duration::from_secs(30), "the third dial waits for the limit");
    Ok(())
}
