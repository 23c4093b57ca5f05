use std::time::Duration;

use bitopro_transport::{Frame, Refusal};
use tokio::time::sleep;

use crate::gateway::refusal;
use crate::{Command, CommandError, Error, ErrorKind, Push, Scenario, Simulator};

/// The interval at which a scenario that waits for connections counts them.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Commands and scenarios.
impl Simulator {
    /// Carries out a command, and returns the events that were sent. Of the commands about connections,
    /// which send none, only [`Command::AwaitConnections`] can fail.
    ///
    /// # Errors
    /// A [`CommandError`] that says why not. Nothing has changed then.
    pub fn execute(&self, command: &Command) -> Result<Vec<Push>, CommandError> {
        let dispatcher = &self.dispatcher;
        match command {
            Command::AwaitConnections(count) if self.connections() < *count => {
                return Err(CommandError::TooFewConnections(*count));
            }
            Command::AwaitConnections(_) => {}
            Command::SendText { stream, text } => dispatcher.send(*stream, &Frame::text(text.as_str())),
            Command::Refuse { count, status } => {
                self.refuse_next(*count, refusal::of(*status, self.now()));
            }
            Command::Close { stream, code, reason } => {
                dispatcher.send(*stream, &Frame::close(*code, reason.as_str()));
            }
            Command::Disconnect(stream) => dispatcher.disconnect(*stream),
            Command::PausePings => dispatcher.pause_pings(true),
            Command::ResumePings => dispatcher.pause_pings(false),
            Command::SetClockOffsetMs(offset) => dispatcher.set_clock_offset_ms(*offset),
            account => {
                let executed = dispatcher.change(|exchange, now| Ok(((), exchange.execute(now, account)?)));
                return executed.map(|((), pushes)| pushes);
            }
        }
        Ok(Vec::new())
    }

    /// Refuses the next `count` dials with any refusal, whatever they ask for. [`Command::Refuse`] does so with
    /// the documented ones.
    pub fn refuse_next(&self, count: usize, refusal: Refusal) {
        self.dispatcher.refuse_next(count, refusal);
    }

    /// Runs a scenario to its end. Cancel-safe: when this is dropped, what was done stays done, and the
    /// rest does not happen.
    ///
    /// # Errors
    /// An [`Error`] that names the first step that could not be done. Those after it are not.
    pub async fn run(&self, scenario: &Scenario) -> Result<(), Error> {
        for step in scenario.steps() {
            sleep(step.after).await;
            loop {
                match self.execute(&step.command) {
                    Ok(_) => break,
                    Err(CommandError::TooFewConnections(_)) => sleep(LOOK_INTERVAL).await,
                    Err(error) => {
                        let message = format!("line {}: {error}", step.line);
                        return Err(Error::new(ErrorKind::Scenario, message));
                    }
                }
            }
        }
        Ok(())
    }
}
