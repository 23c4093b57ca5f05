//! The exchange's own Python SDK against the simulator: installs it and runs the comparison, a test of bitopro-sim.

mod python;

use anyhow::bail;

use crate::named_test::NamedTest;

/// The outcome of a comparison that found no difference.
#[derive(Debug)]
pub(crate) enum Verdict {
    Agrees,
    /// This machine cannot run it, for this reason.
    NotRun(String),
}

pub(crate) fn run() -> anyhow::Result<()> {
    match check()? {
        Verdict::Agrees => Ok(()),
        Verdict::NotRun(why) => bail!("{why}"),
    }
}

pub(crate) fn check() -> anyhow::Result<Verdict> {
    let python = match python::prepare()? {
        Ok(python) => python,
        Err(why) => return Ok(Verdict::NotRun(why)),
    };
    let test = NamedTest {
        binary: &["--package", "bitopro-sim", "--test", "compat"],
        name: "the_exchange_s_sdk_sees_what_the_simulator_sends",
    };
    test.run(&[("BITOPRO_COMPAT_PYTHON", python.to_string_lossy().into_owned())])?;
    Ok(Verdict::Agrees)
}
