//! Parses commands from text.

use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use bitopro_model::{Action, Balance, Condition, Decimal, Stream, exact_sub, parse_decimal};
use http::StatusCode;

use crate::{Command, Error, ErrorKind, NewOrder, RestFault};

type ParseError = String;

impl FromStr for Command {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        command(text).map_err(|error| Error::new(ErrorKind::Command, error))
    }
}

fn command(text: &str) -> Result<Command, ParseError> {
    let (token, rest) = split_first_word(text.trim_start());
    let mut tokens = Tokens(rest.split_whitespace());
    let command = match token {
        "as" => return addressed(rest),
        // The text keeps its whitespace.
        "text" => return Ok(Command::SendText { stream: None, text: rest.to_owned() }),
        "text-to" => {
            let (name, text) = split_first_word(rest.trim_start());
            return Ok(Command::SendText { stream: Some(stream(name)?), text: text.to_owned() });
        }
        "place" => place(&mut tokens)?,
        "fill" => Command::Fill { order: tokens.next(ORDER)?, amount: tokens.optional(decimal)? },
        "cancel" => Command::Cancel(tokens.next(ORDER)?),
        "trigger" => Command::Trigger(tokens.next(ORDER)?),
        "deposit" => Command::Deposit {
            currency: tokens.next("a currency")?.as_str().into(),
            amount: tokens.decimal("an amount")?,
        },
        "balance" => balance(&mut tokens)?,
        "tick" => Command::Tick(
            tokens
                .optional(|token| number(token, "a number of market steps from 0 to 4294967295"))?
                .unwrap_or(1),
        ),
        "wait" => Command::AwaitConnections(
            tokens.optional(|token| number(token, "a number of connections, at least 0"))?.unwrap_or(1),
        ),
        "refuse" => Command::Refuse {
            count: tokens.number("a number of dials, at least 0")?,
            status: status(&tokens.next(STATUS)?)?,
        },
        "fail-rest" => Command::FailRest {
            count: tokens.number("a number of calls, at least 0")?,
            fault: rest_fault(&mut tokens)?,
        },
        "close" => close(&mut tokens)?,
        "disconnect" => Command::Disconnect(tokens.optional(stream)?),
        "pause-pings" => Command::PausePings,
        "resume-pings" => Command::ResumePings,
        "clock-offset" => Command::SetClockOffsetMs(tokens.number("an offset in whole milliseconds")?),
        "" => return Err("expected a command such as `cancel a`, found the end of the line".to_owned()),
        unknown => return Err(format!("unknown command `{unknown}`; expected {COMMANDS}")),
    };
    match tokens.0.next() {
        Some(token) => Err(format!("unexpected `{token}` after the command")),
        None => Ok(command),
    }
}

const ORDER: &str = "an order name or id";
const STATUS: &str = "an HTTP status from 200 to 999";
const CLOSE_CODE: &str = "a close code from 0 to 65535";

/// The names of all commands, for the error about an unknown one.
const COMMANDS: &str = "`place`, `fill`, `cancel`, `trigger`, `deposit`, `balance`, `tick`, `wait`, `text`, \
    `text-to`, `refuse`, `fail-rest`, `close`, `disconnect`, `pause-pings`, `resume-pings`, `clock-offset` or `as`";

/// `ACCOUNT COMMAND`
fn addressed(text: &str) -> Result<Command, ParseError> {
    let (account, rest) = split_first_word(text.trim_start());
    if account.is_empty() {
        return Err("expected the name of an account, found the end of the line".to_owned());
    }
    let command = command(rest)?;
    if command.acts_on_account() {
        return Ok(command.for_account(account));
    }
    let name = rest.split_whitespace().next().unwrap_or_default();
    Err(format!("`{name}` does not act on an account, so it cannot follow `as {account}`"))
}

/// Splits off the first word and the whitespace character after it.
fn split_first_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

struct Tokens<'a>(SplitWhitespace<'a>);

impl Tokens<'_> {
    fn next(&mut self, expected: &str) -> Result<String, ParseError> {
        self.0
            .next()
            .map(str::to_owned)
            .ok_or_else(|| format!("expected {expected}, found the end of the line"))
    }

    fn optional<T>(
        &mut self,
        read: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, ParseError> {
        self.0.next().map(read).transpose()
    }

    /// Consumes the next token if it equals this one, and returns whether it did.
    fn consume(&mut self, token: &str) -> bool {
        let mut rest = self.0.clone();
        let is_next = rest.next() == Some(token);
        if is_next {
            self.0 = rest;
        }
        is_next
    }

    fn decimal(&mut self, expected: &str) -> Result<Decimal, ParseError> {
        decimal(&self.next(expected)?)
    }

    fn number<T: FromStr>(&mut self, expected: &str) -> Result<T, ParseError> {
        number(&self.next(expected)?, expected)
    }
}

/// `NAME|- buy|sell PAIR AMOUNT at market|PRICE [post-only | when <=|>= PRICE] [client ID]`
fn place(tokens: &mut Tokens<'_>) -> Result<Command, ParseError> {
    let name = tokens.next("an order name or `-`")?;
    let action = match tokens.next("`buy` or `sell`")?.as_str() {
        "buy" => Action::Buy,
        "sell" => Action::Sell,
        other => return Err(format!("expected `buy` or `sell`, found `{other}`")),
    };
    let pair = tokens.next("a pair")?;
    let amount = tokens.decimal("an amount")?;
    if !tokens.consume("at") {
        return Err("expected `at PRICE` or `at market` after the amount".to_owned());
    }
    let mut order = if tokens.consume("market") {
        NewOrder::market(pair.as_str(), action, amount)
    } else {
        let price = tokens.decimal("a price or `market`")?;
        if tokens.consume("post-only") {
            NewOrder::post_only(pair.as_str(), action, amount, price)
        } else if tokens.consume("when") {
            let condition = match tokens.next("`<=` or `>=`")?.as_str() {
                "<=" => Condition::AtOrBelow,
                ">=" => Condition::AtOrAbove,
                other => return Err(format!("expected `<=` or `>=`, found `{other}`")),
            };
            let stop_price = tokens.decimal("a stop price")?;
            NewOrder::limit(pair.as_str(), action, amount, price).with_stop(condition, stop_price)
        } else {
            NewOrder::limit(pair.as_str(), action, amount, price)
        }
    };
    if tokens.consume("client") {
        order = order.with_client_id(tokens.number("a client id from 0 to 4294967295")?);
    }
    Ok(Command::Place { name: Some(name).filter(|name| name != "-"), order })
}

/// `CURRENCY AMOUNT [available AMOUNT] [stake AMOUNT] [untradable]`
fn balance(tokens: &mut Tokens<'_>) -> Result<Command, ParseError> {
    let currency = tokens.next("a currency")?;
    let mut balance = Balance::new(currency.as_str(), tokens.decimal("an amount")?);
    let available =
        if tokens.consume("available") { Some(tokens.decimal("an available amount")?) } else { None };
    let stake = if tokens.consume("stake") { tokens.decimal("a stake")? } else { Decimal::ZERO };
    balance.stake = Some(stake);
    let unstaked = || exact_sub(balance.amount, stake);
    balance.available =
        available.or_else(unstaked).ok_or("the amount without the stake has too many digits to be exact")?;
    balance.tradable = Some(!tokens.consume("untradable"));
    Ok(Command::SetBalance(balance))
}

/// `STATUS|lose|truncate|delay MILLISECONDS`
fn rest_fault(tokens: &mut Tokens<'_>) -> Result<RestFault, ParseError> {
    let expected = "an HTTP status, `lose`, `truncate` or `delay`";
    Ok(match tokens.next(expected)?.as_str() {
        "lose" => RestFault::Lose,
        "truncate" => RestFault::Truncate,
        "delay" => RestFault::Delay(Duration::from_millis(tokens.number("a delay in whole milliseconds")?)),
        text => RestFault::Status(status(text).map_err(|_| format!("expected {expected}, found `{text}`"))?),
    })
}

/// `[STREAM] CODE [REASON]`
fn close(tokens: &mut Tokens<'_>) -> Result<Command, ParseError> {
    let mut code = tokens.next(CLOSE_CODE)?;
    let stream = stream(&code).ok();
    if stream.is_some() {
        code = tokens.next(CLOSE_CODE)?;
    }
    let code = number(&code, CLOSE_CODE)?;
    let reason: Vec<&str> = tokens.0.by_ref().collect();
    Ok(Command::Close { stream, code, reason: reason.join(" ") })
}

fn stream(token: &str) -> Result<Stream, ParseError> {
    Stream::all().find(|stream| stream.name() == token).ok_or_else(|| {
        let names: Vec<_> = Stream::all().map(|stream| format!("`{stream}`")).collect();
        format!("unknown stream `{token}`; expected one of {}", names.join(", "))
    })
}

fn decimal(token: &str) -> Result<Decimal, ParseError> {
    parse_decimal(token).map_err(|error| format!("`{token}`: {error}"))
}

fn number<T: FromStr>(token: &str, expected: &str) -> Result<T, ParseError> {
    token.parse().map_err(|_| format!("expected {expected}, found `{token}`"))
}

fn status(token: &str) -> Result<StatusCode, ParseError> {
    let status = token.parse().map_err(|_| format!("expected {STATUS}, found `{token}`"))?;
    // An informational response does not end the request.
    if StatusCode::is_informational(&status) {
        return Err(format!("expected {STATUS}, found the informational status `{token}`"));
    }
    Ok(status)
}
