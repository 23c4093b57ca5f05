use std::time::Duration;

use bitopro_model::{OrderId, Stream};
use bitopro_transport::{Frame, Refusal};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::gateway::channel::Addressees;
use crate::gateway::refusal;
use crate::{Command, CommandError, Error, ErrorKind, Push, Scenario, Simulator};

/// Interval at which a command that waits for connections polls their number.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Commands and scenarios.
impl Simulator {
    /// Carries out a command, and returns the messages sent about accounts.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the command cannot be carried out. It has then changed nothing. Among
    /// the commands that act on connections, only [`Command::AwaitConnections`] can fail.
    pub fn execute(&self, command: &Command) -> Result<Vec<Push>, CommandError> {
        self.execute_with_order(command).map(|(_, pushes)| pushes)
    }

    /// Like [`execute`](Self::execute), and also returns the id of a placed order.
    fn execute_with_order(&self, command: &Command) -> Result<(Option<OrderId>, Vec<Push>), CommandError> {
        let dispatcher = &self.dispatcher;
        let whole = command;
        let (name, command) = command.addressee()?;
        let account = name.map(|name| self.dispatcher.account_id(name)).transpose()?;
        let addressees = |stream: &Option<Stream>| Addressees { account, stream: *stream };
        match command {
            Command::AwaitConnections(count) if self.connections() < *count => {
                return Err(CommandError::TooFewConnections(*count));
            }
            Command::AwaitConnections(_) => {}
            Command::SendText { stream, text } => {
                dispatcher.send(addressees(stream), &Frame::text(text.as_str()));
            }
            Command::Refuse { count, status } => {
                self.refuse_next(*count, refusal::with_status(*status, self.now()));
            }
            Command::Close { stream, code, reason } => {
                dispatcher.send(addressees(stream), &Frame::close(*code, reason.as_str()));
            }
            Command::Disconnect(stream) => dispatcher.disconnect(addressees(stream)),
            Command::FailRest { count, fault } => dispatcher.fail_rest(*count, *fault),
            Command::PausePings => dispatcher.pause_pings(true),
            Command::ResumePings => dispatcher.pause_pings(false),
            Command::SetClockOffsetMs(offset) => dispatcher.set_clock_offset_ms(*offset),
            _ => return dispatcher.change(|exchange, now| exchange.execute_with_order(now, whole)),
        }
        Ok((None, Vec::new()))
    }

    /// Carries out a command, which may wait for connections. Returns the id of a placed order, and the messages
    /// sent about accounts.
    ///
    /// Dropping the future while it waits means that the command is not carried out.
    pub(crate) async fn execute_or_wait(
        &self,
        command: &Command,
    ) -> Result<(Option<OrderId>, Vec<Push>), CommandError> {
        if let Command::Tick(count) = command {
            // Between two steps, other clients can use the exchange, and the task can be cancelled.
            let mut pushes = Vec::new();
            for _ in 0..*count {
                pushes.extend(self.tick());
                yield_now().await;
            }
            return Ok((None, pushes));
        }
        loop {
            match self.execute_with_order(command) {
                Err(CommandError::TooFewConnections(_)) => sleep(POLL_INTERVAL).await,
                executed => {
                    yield_now().await;
                    return executed;
                }
            }
        }
    }

    /// Refuses the next `count` dials, whatever their request, with this refusal.
    ///
    /// [`Command::Refuse`] creates a refusal from a status.
    pub fn refuse_next(&self, count: usize, refusal: Refusal) {
        self.dispatcher.refuse_next(count, refusal);
    }

    /// Runs a scenario to its end, or to its first error.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`ErrorKind::Scenario`] that names the step that failed. The later steps
    /// do not run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future skips the remaining steps. Completed steps keep their effect.
    pub async fn run(&self, scenario: &Scenario) -> Result<(), Error> {
        for step in scenario.steps() {
            sleep(step.after).await;
            self.execute_or_wait(&step.command)
                .await
                .map_err(|error| Error::new(ErrorKind::Scenario, format!("line {}: {error}", step.line)))?;
        }
        Ok(())
    }
}
