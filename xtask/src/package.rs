//! Checks the packages as they would be published: each builds on its own and includes both licences. The
//! tests of packages that need no other package of the workspace must also pass.

use std::fs;

use anyhow::ensure;

use crate::workspace::{cargo, published, root};

/// The packages whose tests need no other package of the workspace.
const TESTED: [&str; 3] = ["bitopro-model", "bitopro-auth", "bitopro-transport"];

pub(crate) fn check() -> anyhow::Result<()> {
    // Cargo keeps the unpacked packages in its home under a hash of the target directory, and does not notice when a
    // package of the same version has changed. So each run has its own directory.
    fs::create_dir_all(root().join("target"))?;
    let target = tempfile::Builder::new().prefix("packages-").tempdir_in(root().join("target"))?;
    let target = target.path();
    let args = ["package", "--workspace", "--exclude", "xtask", "--locked", "--allow-dirty", "--quiet"];
    let status = cargo(&args).arg("--target-dir").arg(target).status()?;
    ensure!(status.success(), "cannot build the packages: {status}");
    let unpacked =
        |package: &str| target.join("package").join(format!("{package}-{}", env!("CARGO_PKG_VERSION")));
    for package in published()? {
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let file = unpacked(&package.name).join(licence);
            ensure!(file.is_file(), "{} has no {licence}", package.name);
        }
    }
    for package in TESTED {
        let mut test = cargo(&["test", "--quiet", "--all-features"]);
        let status = test.current_dir(unpacked(package)).arg("--target-dir").arg(target).status()?;
        ensure!(status.success(), "the tests of the package {package} failed: {status}");
    }
    Ok(())
}
