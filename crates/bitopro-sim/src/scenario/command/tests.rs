use std::time::Duration;

use bitopro_model::{Action, Balance, Condition, Decimal, PrivateStream, PublicStream, Stream};
use http::StatusCode;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use crate::{Command, NewOrder, RestFault};

fn decimal(units: i64, scale: u32) -> Decimal {
    Decimal::new(units, scale)
}

fn fail(count: usize, fault: RestFault) -> Command {
    Command::FailRest { count, fault }
}

fn place(order: NewOrder) -> Command {
    Command::Place { name: Some("a".to_owned()), order }
}

#[test]
fn every_kind_of_order_is_parsed_and_formatted() {
    let (amount, price, stop) = (decimal(10, 3), decimal(2_390_000, 0), decimal(2_400_000, 0));
    for (text, order) in [
        ("place a buy btc_twd 0.010 at 2390000", NewOrder::limit("btc_twd", Action::Buy, amount, price)),
        (
            "place a sell btc_twd 0.010 at 2390000 post-only client 7",
            NewOrder::post_only("btc_twd", Action::Sell, amount, price).with_client_id(7),
        ),
        ("place a buy btc_twd 0.010 at market", NewOrder::market("btc_twd", Action::Buy, amount)),
        (
            "place a sell btc_twd 0.010 at 2390000 when <= 2400000",
            NewOrder::limit("btc_twd", Action::Sell, amount, price).with_stop(Condition::AtOrBelow, stop),
        ),
        (
            "place a buy btc_twd 0.010 at 2390000 when >= 2400000 client 9",
            NewOrder::limit("btc_twd", Action::Buy, amount, price)
                .with_stop(Condition::AtOrAbove, stop)
                .with_client_id(9),
        ),
    ] {
        assert_eq!(text.parse(), Ok(place(order.clone())), "{text}");
        assert_eq!(place(order.clone()).to_string(), text);
        let unnamed = Command::Place { name: None, order };
        assert_eq!(
            (unnamed.to_string().parse(), unnamed.to_string()),
            (Ok(unnamed), text.replace(" a ", " - "))
        );
    }
    let market = NewOrder::market("btc_twd", Action::Buy, amount);
    assert_eq!("  place  a buy btc_twd 0.010  at market ".parse(), Ok(place(market)));
}

#[test]
fn every_kind_of_command_is_parsed_and_formatted() {
    let mut balance = Balance::new("ADA", decimal(1250, 2));
    balance.stake = Some(Decimal::TEN);
    balance.available = decimal(250, 2);
    let mut untradable = Balance::new("ADA", decimal(7, 0));
    untradable.tradable = Some(false);
    let trades = Some(PrivateStream::UserTrades.into());
    let close = |stream, reason: &str| Command::Close { stream, code: 1001, reason: reason.to_owned() };
    let text = |stream, text: &str| Command::SendText { stream, text: text.to_owned() };
    for (line, written, expected) in [
        ("fill a", "fill a", Command::Fill { order: "a".to_owned(), amount: None }),
        (
            "fill SL-7 0.5",
            "fill SL-7 0.5",
            Command::Fill { order: "SL-7".to_owned(), amount: Some(decimal(5, 1)) },
        ),
        ("cancel a", "cancel a", Command::Cancel("a".to_owned())),
        ("trigger a", "trigger a", Command::Trigger("a".to_owned())),
        (
            "deposit ADA -1.50",
            "deposit ADA -1.50",
            Command::Deposit { currency: "ADA".into(), amount: decimal(-150, 2) },
        ),
        (
            "balance ADA 12.50 stake 10",
            "balance ADA 12.50 available 2.50 stake 10",
            Command::SetBalance(balance),
        ),
        (
            "balance ADA 7",
            "balance ADA 7 available 7 stake 0",
            Command::SetBalance(Balance::new("ADA", decimal(7, 0))),
        ),
        (
            "balance ADA 7 untradable",
            "balance ADA 7 available 7 stake 0 untradable",
            Command::SetBalance(untradable),
        ),
        ("tick", "tick 1", Command::Tick(1)),
        ("tick 30", "tick 30", Command::Tick(30)),
        ("wait", "wait 1", Command::AwaitConnections(1)),
        ("wait 4", "wait 4", Command::AwaitConnections(4)),
        ("refuse 2 502", "refuse 2 502", Command::Refuse { count: 2, status: StatusCode::BAD_GATEWAY }),
        ("fail-rest 2 502", "fail-rest 2 502", fail(2, RestFault::Status(StatusCode::BAD_GATEWAY))),
        ("fail-rest 1 lose", "fail-rest 1 lose", fail(1, RestFault::Lose)),
        ("fail-rest 1 truncate", "fail-rest 1 truncate", fail(1, RestFault::Truncate)),
        (
            "fail-rest 1  delay 3000",
            "fail-rest 1 delay 3000",
            fail(1, RestFault::Delay(Duration::from_secs(3))),
        ),
        ("close 1001", "close 1001", close(None, "")),
        ("close 1001 back  soon", "close 1001 back soon", close(None, "back soon")),
        ("close user-trades 1001", "close user-trades 1001", close(trades, "")),
        ("text {\"a\":  # 1}", "text {\"a\":  # 1}", text(None, "{\"a\":  # 1}")),
        ("text-to user-trades  a\tb ", "text-to user-trades  a\tb ", text(trades, " a\tb ")),
        ("disconnect", "disconnect", Command::Disconnect(None)),
        ("disconnect user-trades", "disconnect user-trades", Command::Disconnect(trades)),
        (
            "disconnect order-books",
            "disconnect order-books",
            Command::Disconnect(Some(PublicStream::OrderBooks.into())),
        ),
        ("as alice  cancel a", "as alice cancel a", Command::Cancel("a".to_owned()).for_account("alice")),
        ("as alice text  a ", "as alice text  a ", text(None, " a ").for_account("alice")),
        ("pause-pings", "pause-pings", Command::PausePings),
        ("resume-pings", "resume-pings", Command::ResumePings),
        ("clock-offset -5", "clock-offset -5", Command::SetClockOffsetMs(-5)),
    ] {
        let parsed: Command = line.parse().unwrap();
        assert_eq!(parsed, expected, "{line}");
        assert_eq!((parsed.to_string().as_str(), expected.to_string().as_str()), (written, written));
        assert_eq!(written.parse(), Ok(expected));
    }
}

#[test]
fn an_invalid_command_is_rejected_with_its_error() {
    for (text, expected) in [
        ("", "expected a command such as `cancel a`, found the end of the line"),
        ("dance", "unknown command `dance`; expected `place`, `fill`, "),
        ("fill", "expected an order name or id, found the end of the line"),
        ("tick 1 2", "unexpected `2` after the command"),
        ("place a hold btc_twd 1 at 2", "expected `buy` or `sell`, found `hold`"),
        ("place a buy btc_twd 1e3 at 2", "`1e3`: expected digits"),
        ("place a buy btc_twd 1 for 2", "expected `at PRICE` or `at market` after the amount"),
        ("place a buy btc_twd 1 at", "expected a price or `market`, found the end of the line"),
        ("place a buy btc_twd 1 at 2 when = 3", "expected `<=` or `>=`, found `=`"),
        ("place a buy btc_twd 1 at market post-only", "unexpected `post-only`"),
        ("place a buy btc_twd 1 at 2 client -1", "expected a client id from 0 to 4294967295, found `-1`"),
        ("deposit ADA", "expected an amount, found the end of the line"),
        ("close 70000", "expected a close code from 0 to 65535, found `70000`"),
        ("close user-trades", "expected a close code from 0 to 65535, found the end of the line"),
        ("text-to nowhere hello", "`nowhere`"),
        ("refuse 1 99", "expected an HTTP status from 200 to 999, found `99`"),
        ("refuse 1 101", "expected an HTTP status from 200 to 999, found the informational status `101`"),
        ("disconnect now", "`now`"),
        ("as", "expected the name of an account, found the end of the line"),
        ("as alice", "expected a command such as `cancel a`, found the end of the line"),
        ("as alice tick 3", "`tick` does not act on an account, so it cannot follow `as alice`"),
        ("as alice as bob disconnect", "`as` does not act on an account, so it cannot follow `as alice`"),
    ] {
        let error = text.parse::<Command>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn the_error_about_an_unknown_command_lists_all_commands() {
    let error = "dance".parse::<Command>().unwrap_err().to_string();
    let listed: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    assert_eq!(listed.len(), 18, "{error}");
    for name in listed {
        let is_unknown =
            name.parse::<Command>().is_err_and(|error| error.to_string().starts_with("unknown command"));
        assert!(!is_unknown, "{name}");
    }
}

fn streams() -> impl Strategy<Value = Option<Stream>> {
    proptest::option::of(proptest::sample::select(Stream::all().collect::<Vec<_>>()))
}

fn decimals() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0_u32..=12).prop_map(|(units, scale)| Decimal::new(units, scale))
}

fn commands() -> impl Strategy<Value = Command> {
    (unaddressed_commands(), proptest::option::of("[a-z]{1,8}")).prop_map(
        |(command, account)| match account {
            Some(account) if command.acts_on_account() => command.for_account(account),
            _ => command,
        },
    )
}

fn unaddressed_commands() -> impl Strategy<Value = Command> {
    let order = "[A-Za-z0-9_-]{2,8}";
    let orders =
        (0_u8..4, any::<bool>(), decimals(), decimals(), decimals(), proptest::option::of(any::<u32>()));
    let orders = orders.prop_map(|(kind, flag, amount, price, stop, client)| {
        let action = if flag { Action::Buy } else { Action::Sell };
        let condition = if flag { Condition::AtOrAbove } else { Condition::AtOrBelow };
        let order = match kind {
            0 => NewOrder::limit("eth_twd", action, amount, price),
            1 => NewOrder::post_only("eth_twd", action, amount, price),
            2 => NewOrder::market("eth_twd", action, amount),
            _ => NewOrder::limit("eth_twd", action, amount, price).with_stop(condition, stop),
        };
        client.map_or(order.clone(), |id| order.with_client_id(id))
    });
    prop_oneof![
        (proptest::option::of(order), orders).prop_map(|(name, order)| Command::Place { name, order }),
        (order, proptest::option::of(decimals())).prop_map(|(order, amount)| Command::Fill { order, amount }),
        order.prop_map(Command::Cancel),
        order.prop_map(Command::Trigger),
        ("[A-Z]{3,4}", decimals())
            .prop_map(|(currency, amount)| Command::Deposit { currency: currency.as_str().into(), amount }),
        ("[A-Z]{3,4}", decimals(), decimals(), decimals(), any::<bool>()).prop_map(
            |(currency, amount, available, stake, tradable)| {
                let mut balance = Balance::new(currency.as_str(), amount);
                (balance.available, balance.stake) = (available, Some(stake));
                balance.tradable = Some(tradable);
                Command::SetBalance(balance)
            }
        ),
        any::<u32>().prop_map(Command::Tick),
        any::<usize>().prop_map(Command::AwaitConnections),
        (streams(), "\\PC{0,20}").prop_map(|(stream, text)| Command::SendText { stream, text }),
        (any::<usize>(), 200_u16..1000).prop_map(|(count, status)| Command::Refuse {
            count,
            status: StatusCode::from_u16(status).unwrap()
        }),
        (any::<usize>(), any::<u32>().prop_map(|ms| RestFault::Delay(Duration::from_millis(ms.into()))))
            .prop_map(|(count, fault)| fail(count, fault)),
        (streams(), any::<u16>(), "([a-z]{1,5}( [a-z]{1,5}){0,2})?")
            .prop_map(|(stream, code, reason)| Command::Close { stream, code, reason }),
        streams().prop_map(Command::Disconnect),
        Just(Command::PausePings),
        Just(Command::ResumePings),
        any::<i64>().prop_map(Command::SetClockOffsetMs),
    ]
}

proptest! {
    #[test]
    fn a_formatted_command_is_parsed_back_unchanged(command in commands()) {
        prop_assert_eq!(command.to_string().parse(), Ok(command));
    }
}
