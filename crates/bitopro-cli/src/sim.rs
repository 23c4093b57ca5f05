use std::fs;
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bitopro_client::{
    API_KEY_VARIABLE, API_SECRET_VARIABLE, EMAIL_VARIABLE, REST_URL_VARIABLE, WS_URL_VARIABLE,
};
use bitopro_sim::{self as sim, ControlServer, PairList, Scenario, Simulator};

use crate::args::SimArgs;
use crate::client::CA_FILE_VARIABLE;
use crate::exit::{Failure, Status};
use crate::output::{Output, OutputError, exit_status};
use crate::signals::Signals;

/// The environment variable with the URL of the control server, which its clients read.
const CONTROL_URL_VARIABLE: &str = "BITOPRO_SIM_CONTROL_URL";
/// Default interval between market steps.
const MARKET_INTERVAL_MS: u64 = 1000;

pub(crate) fn run(args: SimArgs, signals: &Signals) -> Result<Status, Failure> {
    let scenario = args.scenario.as_deref().map(|path| read(path, "scenario")).transpose()?;
    let pairs = args.pairs.as_deref().map(|path| read(path, "list of pairs")).transpose()?;
    crate::block_on(serve(args, scenario, pairs.unwrap_or_default(), signals))
}

async fn serve(
    args: SimArgs,
    scenario: Option<Scenario>,
    pairs: PairList,
    signals: &Signals,
) -> Result<Status, Failure> {
    let is_controlled = scenario.is_some() || args.control;
    let interval = args.interval.unwrap_or(if is_controlled { 0 } else { MARKET_INTERVAL_MS });
    let builder = Simulator::builder().with_seed(args.seed).with_port(args.port);
    let builder = builder.with_currencies(args.currencies.into()).with_pairs(pairs);
    let mut builder = args.exchange.apply(builder);
    for name in args.accounts {
        builder = builder.with_named_account(name);
    }
    for (name, rank) in args.ranks {
        builder = builder.with_rank(name, rank);
    }
    if args.tls.is_some() {
        builder = builder.with_tls();
    }
    if interval > 0 {
        builder = builder.with_market_interval(Duration::from_millis(interval));
    }
    let cannot_start =
        |error| Failure::new(Status::Usage, "cannot start the simulated exchange").with_source(error);
    let simulator = builder.start().await.map_err(cannot_start)?;
    let control = if args.control { Some(ControlServer::bind().await.map_err(cannot_start)?) } else { None };
    let ca_file = match (&args.tls, simulator.ca_pem()) {
        (Some(directory), Some(pem)) => Some(write_ca(directory, pem)?),
        _ => None,
    };
    // The exchange keeps running if the reader of these lines closes the pipe.
    exit_status(print_exports(&simulator, ca_file.as_deref(), control.as_ref()), Status::Ok)?;
    let scenario = scenario.unwrap_or_default();
    let controlled = async {
        match control {
            Some(control) => control.serve(&simulator).await,
            None => pending().await,
        }
    };
    let mut stop_request = signals.stop_request();
    let ended = tokio::select! {
        () = stop_request.requested() => Ok(Status::Ok),
        never = controlled => match never {},
        // The exchange keeps running after the last step.
        Err(error) = simulator.run(&scenario) => {
            Err(Failure::new(Status::Usage, "the scenario stopped before its end").with_source(error))
        }
    };
    simulator.stop().await;
    ended
}

/// Reads and parses a file, or standard input. `what` names its contents.
fn read<T: FromStr<Err = sim::Error>>(path: &Path, what: &str) -> Result<T, Failure> {
    let (text, shown) = if path == Path::new("-") {
        (io::read_to_string(io::stdin()), "standard input".to_owned())
    } else {
        (fs::read_to_string(path), path.display().to_string())
    };
    let text = text.map_err(|error| {
        Failure::new(Status::Usage, format!("cannot read the {what} from {shown}")).with_source(error)
    })?;
    text.parse().map_err(|error: sim::Error| {
        Failure::new(Status::Usage, format!("{shown} is not a valid {what}")).with_source(error)
    })
}

fn write_ca(directory: &Path, pem: &str) -> Result<PathBuf, Failure> {
    let path = directory.join("ca.pem");
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, pem))
        .and_then(|()| fs::canonicalize(&path))
        .map_err(|error| {
            Failure::new(Status::Usage, format!("cannot write the CA certificate to {}", path.display()))
                .with_source(error)
        })
}

/// Prints the variables for clients of the exchange and of the control server, and a comment for each further
/// account.
fn print_exports(
    simulator: &Simulator,
    ca_file: Option<&Path>,
    control: Option<&ControlServer>,
) -> Result<(), OutputError> {
    let credentials = simulator.credentials();
    let mut output = Output::stdout();
    let ca_file = ca_file.map(|path| path.display().to_string());
    let (ws_url, rest_url) = (simulator.ws_url().to_string(), simulator.rest_url().to_string());
    let control_url = control.map(|control| format!("http://{}", control.addr()));
    let lines = [
        (WS_URL_VARIABLE, Some(ws_url.as_str())),
        (REST_URL_VARIABLE, Some(rest_url.as_str())),
        (API_KEY_VARIABLE, Some(credentials.api_key.as_str())),
        (API_SECRET_VARIABLE, Some(credentials.api_secret.as_str())),
        (EMAIL_VARIABLE, Some(credentials.email.as_str())),
        (CA_FILE_VARIABLE, ca_file.as_deref()),
        // The last one, at which a program can stop reading.
        (CONTROL_URL_VARIABLE, control_url.as_deref()),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            output.line(&format!("export {name}={}", quote(value)))?;
        }
    }
    for account in simulator.accounts().iter().skip(1) {
        let name = account.read(|account| account.name().to_owned());
        let sim::SimCredentials { api_key, api_secret, email, .. } = account.credentials();
        output.line(&format!(
            "# {name}: {API_KEY_VARIABLE}={} {API_SECRET_VARIABLE}={} {EMAIL_VARIABLE}={}",
            quote(api_key),
            quote(api_secret),
            quote(email)
        ))?;
    }
    output.flush()
}

/// Quotes a value for a POSIX shell, if needed.
fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn only_values_that_a_shell_would_change_are_quoted() {
        assert_eq!(quote("ws://127.0.0.1:8765/ws"), "ws://127.0.0.1:8765/ws");
        assert_eq!(quote("/tmp/my dir/it's"), r"'/tmp/my dir/it'\''s'");
    }
}
