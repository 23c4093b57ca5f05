//! Commands as they are read from a text.

use std::str::{FromStr, SplitWhitespace};

use bitopro_model::{Action, Balance, Condition, Decimal, PrivateStream, parse_decimal};
use http::StatusCode;

use crate::exchange::exact::difference;
use crate::{Command, Error, ErrorKind, NewOrder};

type Fault = String;

impl FromStr for Command {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        command(text).map_err(|fault| Error::new(ErrorKind::Command, fault))
    }
}

fn command(text: &str) -> Result<Command, Fault> {
    let (word, rest) = first_word(text.trim_start());
    let mut words = Words(rest.split_whitespace());
    let command = match word {
        // The rest is the text, with all its spaces.
        "text" => return Ok(Command::SendText { stream: None, text: rest.to_owned() }),
        "text-to" => {
            let (name, text) = first_word(rest.trim_start());
            return Ok(Command::SendText { stream: Some(stream(name)?), text: text.to_owned() });
        }
        "place" => place(&mut words)?,
        "fill" => Command::Fill { order: words.next(ORDER)?, amount: words.optional(decimal)? },
        "cancel" => Command::Cancel(words.next(ORDER)?),
        "trigger" => Command::Trigger(words.next(ORDER)?),
        "deposit" => Command::Deposit {
            currency: words.next("the currency")?.as_str().into(),
            amount: words.decimal("the amount")?,
        },
        "balance" => balance(&mut words)?,
        "tick" => Command::Tick(words.optional(number)?.unwrap_or(1)),
        "wait" => Command::AwaitConnections(words.optional(number)?.unwrap_or(1)),
        "refuse" => Command::Refuse {
            count: number(&words.next("the number of dials")?)?,
            status: status(&words.next("the status")?)?,
        },
        "close" => close(&mut words)?,
        "disconnect" => Command::Disconnect(words.optional(stream)?),
        "pause-pings" => Command::PausePings,
        "resume-pings" => Command::ResumePings,
        "clock-offset" => Command::SetClockOffsetMs(number(&words.next("the milliseconds")?)?),
        "" => return Err("the command is missing".to_owned()),
        unknown => return Err(format!("unknown command `{unknown}`")),
    };
    match words.0.next() {
        Some(word) => Err(format!("unexpected `{word}` at the end")),
        None => Ok(command),
    }
}

const ORDER: &str = "the order's name";

/// The first word, and what follows the one space after it.
fn first_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
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

/// `NAME|- buy|sell PAIR AMOUNT at market|PRICE [post-only | when <=|>= PRICE] [client ID]`
fn place(words: &mut Words<'_>) -> Result<Command, Fault> {
    let name = words.next(ORDER)?;
    let action = match words.next("`buy` or `sell`")?.as_str() {
        "buy" => Action::Buy,
        "sell" => Action::Sell,
        other => return Err(format!("found `{other}`, expected `buy` or `sell`")),
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
                other => return Err(format!("found `{other}`, expected `<=` or `>=`")),
            };
            let stop_price = words.decimal("the stop price")?;
            NewOrder::limit(pair.as_str(), action, amount, price).with_stop(condition, stop_price)
        } else {
            NewOrder::limit(pair.as_str(), action, amount, price)
        }
    };
    if words.is_next("client") {
        order = order.with_client_id(number(&words.next("the client's id")?)?);
    }
    Ok(Command::Place { name: Some(name).filter(|name| name != "-"), order })
}

/// `CURRENCY AMOUNT [available AMOUNT] [stake AMOUNT] [untradable]`
fn balance(words: &mut Words<'_>) -> Result<Command, Fault> {
    let currency = words.next("the currency")?;
    let mut balance = Balance::new(currency.as_str(), words.decimal("the amount")?);
    let available = if words.is_next("available") { Some(words.decimal("what is available")?) } else { None };
    let stake = if words.is_next("stake") { words.decimal("the stake")? } else { Decimal::ZERO };
    balance.stake = Some(stake);
    let rest = || difference(balance.amount, stake);
    balance.available = available.or_else(rest).ok_or("the numbers have too many digits")?;
    balance.tradable = Some(!words.is_next("untradable"));
    Ok(Command::SetBalance(balance))
}

/// `[STREAM] CODE [REASON]`
fn close(words: &mut Words<'_>) -> Result<Command, Fault> {
    let mut code = words.next("the close code")?;
    let stream = stream(&code).ok();
    if stream.is_some() {
        code = words.next("the close code")?;
    }
    let code = number(&code)?;
    let reason: Vec<&str> = words.0.by_ref().collect();
    Ok(Command::Close { stream, code, reason: reason.join(" ") })
}

fn stream(word: &str) -> Result<PrivateStream, Fault> {
    word.parse().map_err(|error| format!("{error}"))
}

fn decimal(word: &str) -> Result<Decimal, Fault> {
    parse_decimal(word).map_err(|error| format!("`{word}`: {error}"))
}

fn number<T: FromStr>(word: &str) -> Result<T, Fault> {
    word.parse().map_err(|_| format!("`{word}` is not a number in the range allowed here"))
}

fn status(word: &str) -> Result<StatusCode, Fault> {
    let status = word.parse().map_err(|_| format!("`{word}` is not an HTTP status"))?;
    // These would not end the request that they answer.
    if StatusCode::is_informational(&status) {
        return Err(format!("`{word}` is not a status to refuse with"));
    }
    Ok(status)
}
