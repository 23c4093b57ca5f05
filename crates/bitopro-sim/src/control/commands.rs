//! Carries out the commands of a request.

use bitopro_model::OrderId;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::control::problem::{FailedCommand, Problem};
use crate::{Command, Push, Simulator};

const EXPECTED: &str = r#"expected a body such as {"commands": ["deposit BTC 0.5", "tick"]}"#;

#[derive(Debug, Serialize)]
pub(super) struct Results {
    results: Vec<CommandResult>,
}

#[derive(Debug, Serialize)]
pub(super) struct CommandResult {
    command: String,
    /// The id of the order that the command placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderId>,
    messages: Vec<Sent>,
}

#[derive(Debug, Serialize)]
struct Sent {
    account: String,
    stream: &'static str,
    /// The message as it was sent.
    message: Box<RawValue>,
}

/// Carries out the commands in a body, and stops at the first one that fails.
pub(super) async fn run(simulator: &Simulator, body: &[u8]) -> Result<Results, Problem> {
    let texts = texts(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error))?;
    let mut commands = Vec::new();
    for text in texts {
        match text.parse::<Command>() {
            Ok(command) => commands.push((text, command)),
            Err(error) => {
                let failed = FailedCommand { command: text, results: Vec::new() };
                return Err(Problem::of_command(StatusCode::BAD_REQUEST, error.to_string(), failed));
            }
        }
    }
    let names: Vec<String> = simulator
        .dispatcher
        .read(|exchange| exchange.accounts().map(|account| account.name().to_owned()).collect());
    let mut results = Vec::new();
    for (text, command) in commands {
        match simulator.execute_or_wait(&command).await {
            Ok((order, pushes)) => {
                let messages = pushes.into_iter().filter_map(|push| sent(&names, push)).collect();
                results.push(CommandResult { command: text, order, messages });
            }
            Err(error) => {
                let failed = FailedCommand { command: text, results };
                return Err(Problem::of_command(StatusCode::CONFLICT, error.to_string(), failed));
            }
        }
    }
    Ok(Results { results })
}

/// Returns the texts of the commands in a body.
fn texts(body: &[u8]) -> Result<Vec<String>, String> {
    let body =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}; {EXPECTED}"))?;
    let Value::Object(mut fields) = body else { return Err(EXPECTED.to_owned()) };
    let commands = fields.remove("commands");
    if let Some(name) = fields.keys().next() {
        return Err(format!("unknown field `{name}`; {EXPECTED}"));
    }
    match commands {
        Some(Value::String(command)) => Ok(vec![command]),
        Some(Value::Array(commands)) => {
            let command = |command| match command {
                Value::String(command) => Ok(command),
                other => Err(format!("`{other}` is not a string; {EXPECTED}")),
            };
            commands.into_iter().map(command).collect()
        }
        _ => Err(EXPECTED.to_owned()),
    }
}

fn sent(names: &[String], push: Push) -> Option<Sent> {
    let account = names.get(push.account.index())?.clone();
    // Every message is JSON.
    let message = RawValue::from_string(push.text).ok()?;
    Some(Sent { account, stream: push.stream.name(), message })
}
