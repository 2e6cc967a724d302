//! Programs that tests start. The command line's tests have this file too.

use std::path::Path;
use std::process::Command;

/// Runs a program that ends with us even where we end without a word. `setpriv` is part of
/// util-linux and becomes the program it starts; without it their guards must do.
pub(crate) fn command(program: &Path) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if !setpriv.exists() {
        return Command::new(program);
    }
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
