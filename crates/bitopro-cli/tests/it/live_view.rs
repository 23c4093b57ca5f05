//! The live view on a real pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::process::bitopro;

/// A command on a terminal of 80 columns and 24 lines.
struct OnTerminal {
    child: Child,
    terminal: File,
    output: Vec<u8>,
}

impl OnTerminal {
    fn start(command: &mut Command) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let user = File::from(open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        tcsetwinsize(&user, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command.stdin(user.try_clone().unwrap()).stdout(user.try_clone().unwrap()).stderr(user);
        Self { child: command.spawn().unwrap(), terminal: terminal.into(), output: Vec::new() }
    }

    /// Reads until the output since the last call contains a text.
    fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        loop {
            if let Some(start) = find(&self.output, text) {
                self.output.drain(..start + text.len());
                return;
            }
            let count = self.terminal.read(&mut buffer).unwrap();
            self.output.extend_from_slice(&buffer[..count]);
        }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // Fails if the command has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find(output: &[u8], text: &str) -> Option<usize> {
    output.windows(text.len()).position(|window| window == text.as_bytes())
}

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

#[test]
fn the_live_view_reacts_to_keys_and_restores_the_terminal() {
    for (arguments, stop) in
        [(["watch", "all", "--demo", "--state"], "q"), (["watch", "all", "--demo", "--tui"], "\x03")]
    {
        let mut view = OnTerminal::start(&mut bitopro(&arguments));
        view.wait_for(ENTER);
        view.wait_for("balances");
        view.wait_for("CURRENCY");
        view.press("?");
        // The frame of the help. Only the cells that change are written, so a longer text would have holes.
        view.wait_for("┌");
        view.press("?");
        view.press(stop);
        view.wait_for(LEAVE);
        assert!(view.child.wait().unwrap().success(), "{arguments:?}");
    }
}

#[test]
fn a_signal_restores_the_terminal() {
    let mut view = OnTerminal::start(&mut bitopro(&["watch", "balances", "--demo", "--tui"]));
    view.wait_for("balances");
    let id = view.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    view.wait_for(LEAVE);
    assert!(view.child.wait().unwrap().success());
}

#[test]
fn a_log_on_the_same_terminal_is_refused() {
    let mut command = bitopro(&["watch", "all", "--demo", "--tui"]);
    let mut view = OnTerminal::start(command.env("RUST_LOG", "info"));
    view.wait_for("the log would overwrite the live view; add `2> bitopro.log`");
    assert_eq!(view.child.wait().unwrap().code(), Some(2));
}
