//! The exchange's own Python SDK against the simulator: installs it and runs the comparison, a test of bitopro-sim.

mod python;

use anyhow::anyhow;

use crate::named_test::NamedTest;

pub(crate) fn run() -> anyhow::Result<()> {
    check()?.map_err(|why| anyhow!(why))
}

/// Runs the comparison. The inner error is the reason why this machine cannot run it.
pub(crate) fn check() -> anyhow::Result<Result<(), String>> {
    let python = match python::prepare()? {
        Ok(python) => python,
        Err(why) => return Ok(Err(why)),
    };
    let test = NamedTest {
        binary: &["--package", "bitopro-sim", "--test", "compat"],
        name: "the_exchange_s_sdk_sees_what_the_simulator_sends",
    };
    test.run(&[("BITOPRO_COMPAT_PYTHON", python.to_string_lossy().into_owned())])?;
    Ok(Ok(()))
}
