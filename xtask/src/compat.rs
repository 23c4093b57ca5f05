//! Runs other clients of the exchange against the simulator, and the code of pages of the documentation.

mod client;
mod environment;
mod page;
mod simulator;
mod table;

use anyhow::{anyhow, ensure};

use crate::compat::client::{Client, OptIn, Script};
pub(crate) use crate::compat::environment::{Environment, python};
use crate::compat::page::{PAGES, Page};
use crate::workspace::cargo;

/// All clients, in the order of the table.
const CLIENTS: [Client; 4] = [
    Client {
        name: "BitoPro's Python SDK",
        package: "bitopro-client",
        environment: SDK,
        opt_in: None,
        scripts: &[Script { file: "bitopro_sdk.py", quirks: "", arguments: |_| Vec::new() }],
        quirks: &[""],
        needs_tls: false,
        tests: &[
            "the_official_sdk_opens_four_streams_at_the_same_moment_without_a_refusal",
            "the_official_sdk_receives_every_message_of_the_simulator",
        ],
    },
    ccxt_for_python(Environment::Python {
        directory: "compat-ccxt",
        requirements: &[
            "ccxt==4.5.22 --hash=sha256:07500c3a4dd13cd8f0532d088bfaf2cf96a98ec3b890bc88e4e88c2949951c50\n",
            include_str!("compat/ccxt-requirements.txt"),
        ],
        imports: "import ccxt, ccxt.pro",
    }),
    ccxt_for_python(CCXT),
    Client {
        name: "ccxt for JavaScript",
        package: "ccxt",
        environment: Environment::Node {
            directory: "compat-ccxt-js",
            package: include_str!("compat/ccxt-js/package.json"),
            lock: include_str!("compat/ccxt-js/package-lock.json"),
        },
        opt_in: Some(OptIn::CcxtJs),
        scripts: &[Script {
            file: "ccxt_calls.py",
            quirks: "",
            arguments: |environment| vec!["node".into(), environment.join("ccxt_driver.mjs").into()],
        }],
        quirks: CCXT_QUIRKS,
        // It sends requests only to `https`, unless a program loads another module for it.
        needs_tls: true,
        tests: &[],
    },
];

/// The newer ccxt for Python.
pub(crate) const CCXT: Environment = Environment::Python {
    directory: "compat-ccxt-newer",
    requirements: &[
        "ccxt==4.5.84 --hash=sha256:b920f7d92c0fb62873a900c96ee2cfb76ec6ffeaa7343bf5be0cc01b9b2e9617\n",
        include_str!("compat/ccxt-requirements.txt"),
    ],
    imports: "import ccxt, ccxt.pro",
};

/// The exchange's own SDK, and pytest.
pub(crate) const SDK: Environment = Environment::Python {
    directory: "compat",
    requirements: &[include_str!("compat/requirements.txt")],
    imports: "import pytest, requests; from bitoproClient import bitopro_websocket_client",
};

/// The default quirks, and those of the older documentation that ccxt notices.
const CCXT_QUIRKS: &[&str] = &[
    "",
    "balance-updates=all order-ids=numbers event-ids=absent order-times=milliseconds match-ids=uuid \
     open-order-times=milliseconds placed-order-ids=texts trade-list-order=oldest-first done-orders=all",
];

const fn ccxt_for_python(environment: Environment) -> Client {
    Client {
        name: "ccxt for Python",
        package: "ccxt",
        environment,
        opt_in: Some(OptIn::Ccxt),
        scripts: &[
            Script {
                file: "ccxt_calls.py",
                quirks: "",
                arguments: |environment| {
                    let driver = client::script("ccxt_driver.py").into();
                    vec![python(environment).into(), "-B".into(), "-I".into(), driver]
                },
            },
            Script {
                file: "ccxt_bot.py",
                // Its market moves by commands, so it makes its calls faster than a bot that waits.
                quirks: "rate-limits=ignored",
                arguments: |_| vec!["docs/examples/ccxt_bot.py".into()],
            },
        ],
        quirks: CCXT_QUIRKS,
        needs_tls: false,
        tests: &[],
    }
}

#[derive(Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "independent options of a command")]
pub(crate) struct Args {
    /// Also run ccxt for Python in two versions; installs each, about 125 MB.
    #[arg(long)]
    ccxt: bool,
    /// Also run ccxt for JavaScript; installs it, about 70 MB.
    #[arg(long)]
    ccxt_js: bool,
    /// Fail if the results differ from the table in docs/compatibility.md.
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// Write the results into the table in docs/compatibility.md.
    #[arg(long)]
    write: bool,
}

impl Args {
    fn selects(&self, client: &Client) -> bool {
        match client.opt_in {
            None => true,
            Some(OptIn::Ccxt) => self.ccxt,
            Some(OptIn::CcxtJs) => self.ccxt_js,
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    perform(args)?.map_err(|reason| anyhow!(reason))
}

/// Runs what needs no option, and compares the results with the table. The inner error states what this machine cannot
/// run.
pub(crate) fn check() -> anyhow::Result<Result<(), String>> {
    perform(&Args { check: true, ..Args::default() })
}

fn perform(args: &Args) -> anyhow::Result<Result<(), String>> {
    let build = cargo(&["build", "--locked", "--package", "bitopro-cli"]).status()?;
    ensure!(build.success(), "cannot build the command");
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    for client in CLIENTS.iter().filter(|client| args.selects(client)) {
        match client.run()? {
            Ok(found) => rows.extend(found),
            Err(reason) => skipped.push(format!("{} {}: {reason}", client.name, client.version())),
        }
    }
    skipped.extend(PAGES.iter().map(Page::run).collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten());
    print!("{}", table::text(&rows));
    table::fail_on_failures(&rows)?;
    if args.write {
        table::write(&rows)?;
    } else if args.check {
        table::check(&rows)?;
    }
    Ok(if skipped.is_empty() { Ok(()) } else { Err(skipped.join("; ")) })
}
