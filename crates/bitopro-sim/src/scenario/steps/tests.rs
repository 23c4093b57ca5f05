use std::time::Duration;

use crate::{Command, Scenario};

#[test]
fn a_step_has_its_delay_and_line_number() {
    let scenario: Scenario = "# first\n\n  10 tick\r\n20\tdisconnect\n".parse().unwrap();
    let steps: Vec<_> =
        scenario.steps().iter().map(|step| (step.after.as_millis(), step.line, &step.command)).collect();
    assert_eq!(steps, [(10, 3, &Command::Tick(1)), (20, 4, &Command::Disconnect(None))]);
    let built = Scenario::new().then(Duration::from_millis(10), Command::Tick(1));
    assert_eq!((built.len(), built.steps()[0].line, Scenario::new().is_empty()), (1, 1, true));
    assert_eq!(built, "10 tick".parse().unwrap());
}

#[test]
fn every_error_is_reported_with_its_line() {
    let error =
        "0 tick\nsoon tick\n0 dance\n\n5\n0 fill\n0 tick 1 2\n-1 tick".parse::<Scenario>().unwrap_err();
    let expected = "line 2: expected a delay of at least 0 milliseconds, found `soon`; \
        line 3: unknown command `dance`; expected `place`, `fill`, `cancel`, `trigger`, `deposit`, `balance`, \
        `tick`, `wait`, `text`, `text-to`, `refuse`, `fail-rest`, `close`, `disconnect`, `pause-pings`, `resume-pings`, \
        `clock-offset` or `as`; \
        line 5: expected a command such as `cancel a`, found the end of the line; \
        line 6: expected an order name or id, found the end of the line; \
        line 7: unexpected `2` after the command; \
        line 8: expected a delay of at least 0 milliseconds, found `-1`";
    assert_eq!(error.to_string(), expected);
}
