use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_model::OrderId;
use tokio::time::sleep;

use super::Simulator;
use crate::exchange::order::OrderError;
use crate::gateway::refusal;
use crate::scenario::steps::{Scenario, ScenarioError, Step};

/// How often a scenario that waits for sockets looks for them.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

impl Simulator {
    /// Runs a scenario to its end. Cancel-safe: when this is dropped, what was done stays done, and the
    /// rest does not happen.
    ///
    /// # Errors
    /// A [`ScenarioError`] that names the first step that could not be done. Those after it are not.
    pub async fn run(&self, scenario: &Scenario) -> Result<(), ScenarioError> {
        let mut names = BTreeMap::new();
        for timed in scenario.steps() {
            sleep(timed.after).await;
            self.carry_out(&timed.step, &mut names)
                .await
                .map_err(|error| ScenarioError::of_step(timed.line, &error))?;
        }
        Ok(())
    }

    async fn carry_out<'a>(
        &self,
        step: &'a Step,
        names: &mut BTreeMap<&'a str, OrderId>,
    ) -> Result<(), OrderError> {
        let of = |name: &'a str| names.get(name).cloned().unwrap_or_else(|| OrderId::new(name));
        match step {
            Step::Place(name, order) => {
                let id = self.place(order)?;
                names.insert(name, id);
            }
            Step::Fill(name, Some(volume)) => drop(self.fill(&of(name), *volume)?),
            Step::Fill(name, None) => drop(self.fill_rest(&of(name))?),
            Step::Cancel(name) => drop(self.cancel(&of(name))?),
            Step::Trigger(name) => drop(self.trigger(&of(name))?),
            Step::SetBalance(balance) => drop(self.set_balance(balance.clone())),
            Step::Tick(count) => (0..*count).for_each(|_| drop(self.tick())),
            Step::AwaitConnections(count) => {
                while self.connections() < *count {
                    sleep(LOOK_INTERVAL).await;
                }
            }
            Step::SendText(text) => self.send_text(text.as_str()),
            Step::Refuse(count, status) => self.refuse_next(*count, refusal::of(*status, self.now())),
            Step::Close(code, reason) => self.close_all(*code, reason),
            Step::Disconnect => self.disconnect_all(),
            Step::PausePings => self.pause_pings(),
            Step::ResumePings => self.resume_pings(),
            Step::SetClockOffsetMs(offset) => self.set_clock_offset_ms(*offset),
        }
        Ok(())
    }
}
