//! One line of a scenario.

use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use bitopro_model::{Action, Balance, Condition, Decimal, parse_decimal};
use http::StatusCode;

use super::steps::Step;
use crate::exchange::exact::difference;
use crate::exchange::order::NewOrder;

type Fault = String;

/// The time to wait, and the step.
pub(super) fn read(line: &str) -> Result<(Duration, Step), Fault> {
    let (after, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let after: u64 = after
        .parse()
        .map_err(|_| format!("`{after}` where the milliseconds after the step before are expected"))?;
    let rest = rest.trim_start();
    let (word, told) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    // A text may have spaces of its own.
    if word == "text" {
        return Ok((Duration::from_millis(after), Step::SendText(told.to_owned())));
    }
    let mut words = Words(told.split_whitespace());
    let step = match word {
        "place" => place(&mut words)?,
        "fill" => Step::Fill(words.next("the order's name")?, words.optional(decimal)?),
        "cancel" => Step::Cancel(words.next("the order's name")?),
        "trigger" => Step::Trigger(words.next("the order's name")?),
        "balance" => balance(&mut words)?,
        "tick" => Step::Tick(words.optional(number)?.unwrap_or(1)),
        "wait" => Step::AwaitConnections(words.optional(number)?.unwrap_or(1)),
        "refuse" => Step::Refuse(number(&words.next("how often")?)?, status(&words.next("the status")?)?),
        "close" => {
            let code = number(&words.next("the close code")?)?;
            let reason: Vec<&str> = words.0.by_ref().collect();
            Step::Close(code, reason.join(" "))
        }
        "disconnect" => Step::Disconnect,
        "pause-pings" => Step::PausePings,
        "resume-pings" => Step::ResumePings,
        "clock-offset" => Step::SetClockOffsetMs(number(&words.next("the milliseconds")?)?),
        "" => return Err("nothing to be done".to_owned()),
        unknown => return Err(format!("`{unknown}` is nothing that can be done")),
    };
    match words.0.next() {
        Some(word) => Err(format!("`{word}` is too much")),
        None => Ok((Duration::from_millis(after), step)),
    }
}

struct Words<'a>(SplitWhitespace<'a>);

impl Words<'_> {
    fn next(&mut self, what: &str) -> Result<String, Fault> {
        self.0.next().map(str::to_owned).ok_or_else(|| format!("{what} is missing"))
    }

    fn optional<T>(&mut self, read: impl FnOnce(&str) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        self.0.next().map(read).transpose()
    }

    /// Takes the next word if it is this one.
    fn is_next(&mut self, word: &str) -> bool {
        let mut ahead = self.0.clone();
        let found = ahead.next() == Some(word);
        if found {
            self.0 = ahead;
        }
        found
    }

    fn decimal(&mut self, what: &str) -> Result<Decimal, Fault> {
        decimal(&self.next(what)?)
    }
}

/// `NAME buy|sell PAIR AMOUNT at market|PRICE [post-only | when <=|>= PRICE] [client ID]`
fn place(words: &mut Words<'_>) -> Result<Step, Fault> {
    let name = words.next("the order's name")?;
    let action = match words.next("`buy` or `sell`")?.as_str() {
        "buy" => Action::Buy,
        "sell" => Action::Sell,
        other => return Err(format!("`{other}` where `buy` or `sell` is expected")),
    };
    let pair = words.next("the pair")?;
    let amount = words.decimal("the amount")?;
    if !words.is_next("at") {
        return Err("`at` and the price are missing, or `at market`".to_owned());
    }
    let mut order = if words.is_next("market") {
        NewOrder::market(pair.as_str(), action, amount)
    } else {
        let price = words.decimal("the price")?;
        if words.is_next("post-only") {
            NewOrder::post_only(pair.as_str(), action, amount, price)
        } else if words.is_next("when") {
            let condition = match words.next("`<=` or `>=`")?.as_str() {
                "<=" => Condition::AtOrBelow,
                ">=" => Condition::AtOrAbove,
                other => return Err(format!("`{other}` where `<=` or `>=` is expected")),
            };
            let stop_price = words.decimal("the stop price")?;
            NewOrder::stop_limit(pair.as_str(), action, amount, price, condition, stop_price)
        } else {
            NewOrder::limit(pair.as_str(), action, amount, price)
        }
    };
    if words.is_next("client") {
        order = order.with_client_id(number(&words.next("the client's id")?)?);
    }
    Ok(Step::Place(name, order))
}

/// `CURRENCY AMOUNT [available AMOUNT] [stake AMOUNT]`
fn balance(words: &mut Words<'_>) -> Result<Step, Fault> {
    let currency = words.next("the currency")?;
    let mut balance = Balance::new(currency.as_str(), words.decimal("the amount")?);
    let available = if words.is_next("available") { Some(words.decimal("what is available")?) } else { None };
    let stake = if words.is_next("stake") { words.decimal("the stake")? } else { Decimal::ZERO };
    balance.stake = Some(stake);
    let rest = || difference(balance.amount, stake);
    balance.available = available.or_else(rest).ok_or("the numbers have too many digits")?;
    Ok(Step::SetBalance(balance))
}

fn decimal(word: &str) -> Result<Decimal, Fault> {
    parse_decimal(word).map_err(|error| format!("`{word}`: {error}"))
}

fn number<T: FromStr>(word: &str) -> Result<T, Fault> {
    word.parse().map_err(|_| format!("`{word}` is not a number that can stand here"))
}

fn status(word: &str) -> Result<StatusCode, Fault> {
    let status = word.parse().map_err(|_| format!("`{word}` is not an HTTP status"))?;
    // These would not end the request that they answer.
    if StatusCode::is_informational(&status) {
        return Err(format!("`{word}` is not a status to refuse with"));
    }
    Ok(status)
}
