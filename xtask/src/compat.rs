//! Installs the exchange's own Python SDK and compares it with the simulator, in tests of bitopro-sim. Also runs the
//! code in docs/testing-with-pytest.md. With `--ccxt`, compares ccxt for Python instead.

mod pytest;
mod python;

use std::path::Path;

use anyhow::anyhow;

use crate::named_test::NamedTest;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run ccxt for Python instead; installs it and what it needs first, about 125 MB.
    #[arg(long)]
    ccxt: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let outcome = if args.ccxt { check_ccxt() } else { check() };
    outcome?.map_err(|reason| anyhow!(reason))
}

fn check_ccxt() -> anyhow::Result<Result<(), String>> {
    let python = match python::prepare(&python::CCXT)? {
        Ok(python) => python,
        Err(reason) => return Ok(Err(reason)),
    };
    run_test("ccxt::ccxt_reads_and_trades_what_the_simulator_records", &python)?;
    Ok(Ok(()))
}

/// Runs the comparison and the code of the documentation. The inner error states why this machine cannot run it.
pub(crate) fn check() -> anyhow::Result<Result<(), String>> {
    let python = match python::prepare(&python::SDK)? {
        Ok(python) => python,
        Err(reason) => return Ok(Err(reason)),
    };
    for name in [
        "the_official_sdk_opens_four_streams_at_the_same_moment_without_a_refusal",
        "the_official_sdk_receives_every_message_of_the_simulator",
    ] {
        run_test(name, &python)?;
    }
    pytest::run(&python)?;
    Ok(Ok(()))
}

fn run_test(name: &'static str, python: &Path) -> anyhow::Result<()> {
    let test = NamedTest { binary: &["--package", "bitopro-sim", "--test", "compat"], name };
    test.run(&[("BITOPRO_COMPAT_PYTHON", python.to_string_lossy().into_owned())])
}
