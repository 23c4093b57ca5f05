//! Completions for shells, and man pages.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::exit::{Failure, Status};
use crate::output::exit_status;

const NAME: &str = "bitopro";

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), NAME, &mut script);
    exit_status(io::stdout().write_all(&script).map_err(Into::into), Status::Ok)
}

/// Writes a page for the command and each of its subcommands.
pub(crate) fn man(args: &ManArgs) -> Result<Status, Failure> {
    let mut command = Args::command();
    // Gives each subcommand its full name.
    command.build();
    write_page(&command, NAME, &args.directory)?;
    Ok(Status::Ok)
}

fn write_page(command: &clap::Command, name: &str, directory: &Path) -> Result<(), Failure> {
    let path = directory.join(format!("{name}.1"));
    let failed = |error: io::Error| {
        Failure::new(Status::Usage, format!("cannot write {}", path.display())).with_source(error)
    };
    let mut page = Vec::new();
    let shown = command.clone().display_name(name.to_owned());
    Man::new(shown).render(&mut page).map_err(failed)?;
    fs::write(&path, page).map_err(failed)?;
    let mut others = command.get_subcommands().filter(|command| command.get_name() != "help");
    others.try_for_each(|command| write_page(command, &format!("{name}-{}", command.get_name()), directory))
}
