use std::time::Duration;

use crate::{Command, Scenario};

#[test]
fn steps_know_their_time_and_their_line() {
    let scenario: Scenario = "# first\n\n  10 tick\r\n20\tdisconnect\n".parse().unwrap();
    let steps: Vec<_> =
        scenario.steps().iter().map(|step| (step.after.as_millis(), step.line, &step.command)).collect();
    assert_eq!(steps, [(10, 3, &Command::Tick(1)), (20, 4, &Command::Disconnect(None))]);
    let made = Scenario::new().then(Duration::from_millis(10), Command::Tick(1));
    assert_eq!((made.len(), made.steps()[0].line, Scenario::new().is_empty()), (1, 1, true));
    assert_eq!(made, "10 tick".parse().unwrap());
}

#[test]
fn every_fault_is_named_with_its_line() {
    let error =
        "0 tick\nsoon tick\n0 dance\n\n5\n0 fill\n0 tick 1 2\n-1 tick".parse::<Scenario>().unwrap_err();
    let expected = "line 2: found `soon`, expected the milliseconds after the step before; \
        line 3: unknown command `dance`; line 5: the command is missing; \
        line 6: the order's name is missing; line 7: unexpected `2` at the end; \
        line 8: found `-1`, expected the milliseconds after the step before";
    assert_eq!(error.to_string(), expected);
}
