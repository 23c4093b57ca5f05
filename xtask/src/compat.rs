//! Installs the exchange's own Python SDK and compares it with the simulator, in a test of bitopro-sim.

mod python;

use anyhow::anyhow;

use crate::named_test::NamedTest;

pub(crate) fn run() -> anyhow::Result<()> {
    check()?.map_err(|reason| anyhow!(reason))
}

/// Runs the comparison. The inner error states why this machine cannot run it.
pub(crate) fn check() -> anyhow::Result<Result<(), String>> {
    let python = match python::prepare()? {
        Ok(python) => python,
        Err(reason) => return Ok(Err(reason)),
    };
    let test = NamedTest {
        binary: &["--package", "bitopro-sim", "--test", "compat"],
        name: "the_official_sdk_receives_every_message_of_the_simulator",
    };
    test.run(&[("BITOPRO_COMPAT_PYTHON", python.to_string_lossy().into_owned())])?;
    Ok(Ok(()))
}
