use bitopro_model::{Action, Condition};

use super::*;

fn step(line: &str) -> Step {
    let scenario: Scenario = line.parse().unwrap();
    scenario.steps[0].step.clone()
}

fn fault(text: &str) -> String {
    text.parse::<Scenario>().unwrap_err().to_string()
}

#[test]
fn every_order_can_be_written_down() {
    let (amount, price, stop) = (Decimal::new(10, 3), Decimal::new(2_390_000, 0), Decimal::new(2_400_000, 0));
    for (line, order) in [
        ("0 place a buy btc_twd 0.010 at 2390000", NewOrder::limit("btc_twd", Action::Buy, amount, price)),
        (
            "0 place a sell btc_twd 0.010 at 2390000 post-only client 7",
            NewOrder::post_only("btc_twd", Action::Sell, amount, price).with_client_id(7),
        ),
        ("0  place  a buy btc_twd 0.010  at market ", NewOrder::market("btc_twd", Action::Buy, amount)),
        (
            "0 place a sell btc_twd 0.010 at 2390000 when <= 2400000",
            NewOrder::stop_limit("btc_twd", Action::Sell, amount, price, Condition::AtOrBelow, stop),
        ),
        (
            "0 place a buy btc_twd 0.010 at 2390000 when >= 2400000 client 9",
            NewOrder::stop_limit("btc_twd", Action::Buy, amount, price, Condition::AtOrAbove, stop)
                .with_client_id(9),
        ),
    ] {
        assert_eq!(step(line), Step::Place("a".to_owned(), order), "{line}");
    }
}

#[test]
fn every_step_can_be_written_down() {
    let mut balance = Balance::new("ADA", Decimal::new(1250, 2));
    balance.stake = Some(Decimal::TEN);
    balance.available = Decimal::new(250, 2);
    for (line, expected) in [
        ("0 fill a", Step::Fill("a".to_owned(), None)),
        ("0 fill SL-7 0.5", Step::Fill("SL-7".to_owned(), Some(Decimal::new(5, 1)))),
        ("0 cancel a", Step::Cancel("a".to_owned())),
        ("0 trigger a", Step::Trigger("a".to_owned())),
        ("0 balance ADA 12.50 stake 10", Step::SetBalance(balance)),
        ("0 balance ADA 7", Step::SetBalance(Balance::new("ADA", Decimal::new(7, 0)))),
        ("0 tick", Step::Tick(1)),
        ("0 tick 30", Step::Tick(30)),
        ("0 wait", Step::AwaitConnections(1)),
        ("0 wait 4", Step::AwaitConnections(4)),
        ("0 refuse 2 502", Step::Refuse(2, StatusCode::BAD_GATEWAY)),
        ("0 close 1001", Step::Close(1001, String::new())),
        ("0 close 1001 back  soon", Step::Close(1001, "back soon".to_owned())),
        ("0 text {\"a\":  # 1}", Step::SendText("{\"a\":  # 1}".to_owned())),
        ("0 disconnect", Step::Disconnect),
        ("0 pause-pings", Step::PausePings),
        ("0 resume-pings", Step::ResumePings),
        ("0 clock-offset -5", Step::SetClockOffsetMs(-5)),
    ] {
        assert_eq!(step(line), expected, "{line}");
    }
}

#[test]
fn steps_know_their_time_and_their_line() {
    let scenario: Scenario = "# first\n\n  10 tick\r\n20\tdisconnect\n".parse().unwrap();
    let places: Vec<_> = scenario.steps().iter().map(|timed| (timed.after.as_millis(), timed.line)).collect();
    assert_eq!(places, [(10, 3), (20, 4)]);
    let made = Scenario::new().then(Duration::from_millis(10), Step::Tick(1));
    assert_eq!((made.len(), made.steps()[0].line, Scenario::new().is_empty()), (1, 1, true));
}

#[test]
fn every_fault_is_named_with_its_line() {
    let faults = fault("0 tick\nsoon tick\n0 dance\n\n5\n0 fill\n0 tick 1 2");
    let expected = "line 2: `soon` where the milliseconds after the step before are expected; \
        line 3: `dance` is nothing that can be done; line 5: nothing to be done; \
        line 6: the order's name is missing; line 7: `2` is too much";
    assert_eq!(faults, expected);
    for (line, expected) in [
        ("0 place a hold btc_twd 1 at 2", "`hold` where `buy` or `sell`"),
        ("0 place a buy btc_twd 1e3 at 2", "`1e3`: not a plain decimal"),
        ("0 place a buy btc_twd 1 for 2", "`at` and the price are missing"),
        ("0 place a buy btc_twd 1 at", "the price is missing"),
        ("0 place a buy btc_twd 1 at 2 when = 3", "`=` where `<=` or `>=`"),
        ("0 place a buy btc_twd 1 at market post-only", "`post-only` is too much"),
        ("0 place a buy btc_twd 1 at 2 client -1", "`-1` is not a number that can stand here"),
        ("0 close 70000", "`70000` is not a number"),
        ("0 refuse 1 99", "`99` is not an HTTP status"),
        ("0 refuse 1 101", "`101` is not a status to refuse with"),
        ("-1 tick", "`-1` where the milliseconds"),
        ("0 disconnect now", "`now` is too much"),
    ] {
        let fault = fault(line);
        assert!(fault.starts_with("line 1: ") && fault.contains(expected), "{fault}");
    }
}
