//! Decodes recorded frames, one per line, from standard input, and prints the balance of BTC in each.
//!
//! The models need no client, no runtime and no network.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::io::BufRead;

use bitopro_model::{DecodeError, Message};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in std::io::stdin().lock().lines() {
        match describe(&line?) {
            Ok(text) => println!("{text}"),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}

/// Returns a line about a frame, or the error that names the field that cannot be read.
fn describe(frame: &str) -> Result<String, DecodeError> {
    Ok(match Message::from_json(frame)? {
        Message::AccountBalance(event) => match event.data.get("BTC") {
            Some(balance) => format!("BTC: {} ({} available)", balance.amount, balance.available),
            None => "the message has no balance of BTC".to_owned(),
        },
        other => other.to_string(),
    })
}

#[test]
fn a_frame_is_described_and_an_error_names_the_field() {
    let frame = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"BTC":{"currency":"BTC","amount":"1.10","available":"0.85"}}}"#;
    assert_eq!(describe(frame).as_deref(), Ok("BTC: 1.10 (0.85 available)"));
    let error = describe(&frame.replace(r#""1.10""#, "1.1")).expect_err("an amount that is not a string");
    assert!(error.to_string().starts_with("data.BTC.amount: "), "{error}");
}
