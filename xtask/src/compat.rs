//! Installs the exchange's own Python SDK and compares it with the simulator, in tests of bitopro-sim. Also runs the
//! code in docs/testing-with-pytest.md.

mod pytest;
mod python;

use anyhow::anyhow;

use crate::named_test::NamedTest;

pub(crate) fn run() -> anyhow::Result<()> {
    check()?.map_err(|reason| anyhow!(reason))
}

/// Runs the comparison and the code of the documentation. The inner error states why this machine cannot run it.
pub(crate) fn check() -> anyhow::Result<Result<(), String>> {
    let python = match python::prepare()? {
        Ok(python) => python,
        Err(reason) => return Ok(Err(reason)),
    };
    for name in [
        "the_official_sdk_opens_four_streams_at_the_same_moment_without_a_refusal",
        "the_official_sdk_receives_every_message_of_the_simulator",
    ] {
        let test = NamedTest { binary: &["--package", "bitopro-sim", "--test", "compat"], name };
        test.run(&[("BITOPRO_COMPAT_PYTHON", python.to_string_lossy().into_owned())])?;
    }
    pytest::run(&python)?;
    Ok(Ok(()))
}
