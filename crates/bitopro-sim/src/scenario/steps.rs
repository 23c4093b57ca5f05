use std::str::FromStr;
use std::time::Duration;

use crate::{Command, Error, ErrorKind};

/// A sequence of commands for [`Simulator::run`](crate::Simulator::run), with the times between them.
///
/// It is made step by step, or read from a text. Each line has the milliseconds to wait after the step
/// before it, and a [`Command`]; empty lines and lines that begin with `#` are left out.
///
/// ```
/// use bitopro_sim::Scenario;
///
/// let scenario: Scenario = r#"
/// ## Wait until there are this many connections.
/// 0     wait 4
/// ## An order gets a name. Amounts are of the base currency.
/// 500   place a buy btc_twd 0.01 at 2600000
/// 0     place b sell eth_twd 0.5 at 200000 post-only client 7
/// 0     place c sell btc_twd 0.1 at 2390000 when <= 2400000
/// 0     place d buy usdt_twd 100 at market
/// ## By its name, or by its id. A fill without an amount fills what remains.
/// 500   fill a 0.004
/// 500   fill a
/// 0     cancel b
/// 0     trigger c
/// ## All but the stake is available by default.
/// 500   balance ADA 12.50 available 2 stake 10
/// 0     deposit ADA -1.50
/// ## Steps of the market: one by default.
/// 500   tick 3
/// ## A refusal has a count and a status, a close a code and perhaps a reason.
/// 500   text {"event":"NEWS","data":{}}
/// 0     pause-pings
/// 0     resume-pings
/// 0     clock-offset -3600000
/// 0     refuse 2 502
/// 0     close 1001 maintenance
/// 0     disconnect user-trades
/// 0     disconnect
/// "#.parse()?;
/// assert_eq!(scenario.len(), 20);
/// # Ok::<(), bitopro_sim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scenario {
    steps: Vec<Step>,
}

/// A command, the time to wait before it, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) line: usize,
    pub(crate) command: Command,
}

impl Scenario {
    /// Creates a scenario without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command, to be carried out this long after the one before it.
    #[must_use]
    pub fn then(mut self, after: Duration, command: Command) -> Self {
        self.steps.push(Step { after, line: self.steps.len() + 1, command });
        self
    }

    /// Returns the number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Returns whether it has no steps.
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
        let (mut steps, mut faults) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match step(line) {
                Ok((after, command)) => steps.push(Step { after, line: number, command }),
                Err(fault) => faults.push(format!("line {number}: {fault}")),
            }
        }
        if faults.is_empty() {
            Ok(Self { steps })
        } else {
            Err(Error::new(ErrorKind::Scenario, faults.join("; ")))
        }
    }
}

/// Splits a line into the time to wait and the command.
fn step(line: &str) -> Result<(Duration, Command), String> {
    let (after, command) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let after: u64 = after
        .parse()
        .map_err(|_| format!("found `{after}`, expected the milliseconds after the step before"))?;
    let command = command.parse().map_err(|error: Error| error.to_string())?;
    Ok((Duration::from_millis(after), command))
}

#[cfg(test)]
mod tests;
