//! `bitopro check`: follows the way from this machine to the exchange, and says where it ends.

mod report;
mod server;

use bitopro_client::Credentials;
use bitopro_sim::Simulator;

use crate::args::CheckArgs;
use crate::client::{self, ca_file};
use crate::credentials;
use crate::demo;
use crate::exit::{Failure, Status};
use crate::output::{OutputError, exit_status};
use crate::signals::Signals;
use report::{Found, Report};
use server::Server;

pub(crate) fn run(args: &CheckArgs, signals: &Signals) -> Result<Status, Failure> {
    crate::block_on(async {
        let mut stop_request = signals.stop_request();
        tokio::select! {
            () = stop_request.requested() => Ok(Status::Ok),
            result = check(args) => result,
        }
    })
}

async fn check(args: &CheckArgs) -> Result<Status, Failure> {
    let demo = if args.demo { Some(demo::start().await?) } else { None };
    let credentials = match &demo {
        Some(demo) => demo::credentials(demo),
        None => credentials::load(&args.credentials, ""),
    };
    let server = server(args, demo.as_ref())?;
    let mut report = Report::new(&args.format);
    let result = check_all(&server, credentials, &mut report).await;
    if let Some(demo) = demo {
        demo.stop().await;
    }
    exit_status(result, report.status())
}

fn server(args: &CheckArgs, demo: Option<&Simulator>) -> Result<Server, Failure> {
    let ca_file = ca_file(args.trust.ca_file.clone());
    match demo {
        Some(demo) => Server::new(Some(demo.ws_url().to_string()), Some(demo.rest_url().to_string()), None),
        None => Server::new(args.url.clone(), None, ca_file),
    }
}

/// Makes each step whose conditions are met.
async fn check_all(
    server: &Server,
    credentials: Result<Credentials, Failure>,
    report: &mut Report,
) -> Result<(), OutputError> {
    const NO_CREDENTIALS: &str = "needs credentials";

    let found = async { credentials.map(|credentials| Found::new(credentials, "complete")) };
    let credentials = report.step("credentials", found).await?;
    let proxy = report.step("proxy", async { server.proxy() }).await?;
    match proxy {
        Some(None) => {
            let addresses = report.step("dns", server.resolve()).await?;
            match addresses {
                Some(addresses) => drop(report.step("tcp", server.connect(&addresses)).await?),
                None => report.skip("tcp", "needs an address")?,
            }
        }
        Some(Some(_)) => {
            report.skip("dns", "the proxy resolves the name")?;
            report.skip("tcp", "the proxy connects to the server")?;
        }
        None => {
            report.skip("dns", "needs a usable proxy")?;
            report.skip("tcp", "needs a usable proxy")?;
        }
    }
    let client = server.client(credentials.as_ref()).map_err(OutputError::Failed)?;
    match client.rest() {
        Ok(rest) => {
            report.step("clock", server.compare_clocks(rest.base_url())).await?;
            match &credentials {
                Some(_) => drop(report.step("key", server::call(&client)).await?),
                None => report.skip("key", NO_CREDENTIALS)?,
            }
        }
        Err(error) => {
            let reason = client::for_command(&error.to_string());
            report.skip("clock", &reason)?;
            report.skip("key", &reason)?;
        }
    }
    let Some(credentials) = credentials else {
        report.skip("stream", NO_CREDENTIALS)?;
        return report.skip("ping", NO_CREDENTIALS);
    };
    match report.step("stream", server::open_stream(&client)).await? {
        Some(()) => drop(report.step("ping", server.ping(&credentials)).await?),
        None => report.skip("ping", "needs an open stream")?,
    }
    Ok(())
}
