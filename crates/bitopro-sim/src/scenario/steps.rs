use std::str::FromStr;
use std::time::Duration;

use crate::{Command, Error, ErrorKind};

/// A sequence of commands with delays, for [`Simulator::run`](crate::Simulator::run).
///
/// Build it with [`then`](Self::then), or parse it from text. Each line of the text consists of a delay in
/// milliseconds after the previous step and a [`Command`]. Empty lines and lines that begin with `#` are
/// skipped.
///
/// # Examples
///
/// ```
/// use bitopro_sim::Scenario;
///
/// let scenario: Scenario = r#"
/// ## Wait until this many connections are open.
/// 0     wait 4
/// ## Orders have names. Amounts are in the base currency.
/// 500   place a buy btc_twd 0.01 at 2600000
/// 0     place b sell eth_twd 0.5 at 200000 post-only client 7
/// 0     place c sell btc_twd 0.1 at 2390000 when <= 2400000
/// 0     place d buy usdt_twd 100 at market
/// ## Refer to an order by its name or id. Without an amount, the remaining amount is filled.
/// 500   fill a 0.004
/// 500   fill a
/// 0     cancel b
/// 0     trigger c
/// ## The amount without the stake is available by default.
/// 500   balance ADA 12.50 available 2 stake 10
/// 0     deposit ADA -1.50
/// ## Run market steps, one by default.
/// 500   tick 3
/// ## Act on connections. `refuse` takes a count and a status, and `close` a code and an optional reason.
/// 500   text {"event":"NEWS","data":{}}
/// 0     pause-pings
/// 0     resume-pings
/// 0     clock-offset -3600000
/// 0     refuse 2 502
/// 0     close 1001 maintenance
/// 0     disconnect user-trades
/// 0     disconnect
/// ## Address another account, which the builder has added.
/// 0     as alice place a sell btc_twd 0.01 at 2600000
/// "#.parse()?;
/// assert_eq!(scenario.len(), 21);
/// # Ok::<(), bitopro_sim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scenario {
    steps: Vec<Step>,
}

/// A command, the delay before it, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) line: usize,
    pub(crate) command: Command,
}

impl Scenario {
    /// Creates an empty scenario.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command, which runs this long after the previous step.
    #[must_use]
    pub fn then(mut self, after: Duration, command: Command) -> Self {
        self.steps.push(Step { after, line: self.steps.len() + 1, command });
        self
    }

    /// Returns the number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Returns whether the scenario has no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl FromStr for Scenario {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (mut steps, mut errors) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match step(line) {
                Ok((after, command)) => steps.push(Step { after, line: number, command }),
                Err(error) => errors.push(format!("line {number}: {error}")),
            }
        }
        if errors.is_empty() {
            Ok(Self { steps })
        } else {
            Err(Error::new(ErrorKind::Scenario, errors.join("; ")))
        }
    }
}

/// Parses a line as a delay and a command.
fn step(line: &str) -> Result<(Duration, Command), String> {
    let (after, command) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let after: u64 =
        after.parse().map_err(|_| format!("expected a delay of at least 0 milliseconds, found `{after}`"))?;
    let command = command.parse().map_err(|error: Error| error.to_string())?;
    Ok((Duration::from_millis(after), command))
}

#[cfg(test)]
mod tests;
