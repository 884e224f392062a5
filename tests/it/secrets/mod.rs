//! What is kept at rest: sealed under master keys, and proven where it grants.

mod beside;
mod credentials;
mod flow;
mod grants;
mod rotating;
mod signing;
mod wrong;

use crate::support::command::{Directory, ringfence, run, stderr};

/// A new installation; its configuration file.
fn installed(directory: &Directory) -> String {
    let output = run(&["init", "--dir", directory.path().to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    directory.file("ringfence.toml")
}

/// As [`installed`], with a master key that is derived from a passphrase; the configuration file, and the passphrase's.
fn installed_with(directory: &Directory, passphrase: &str) -> (String, String) {
    let passphrase = directory.write("passphrase", &format!("{passphrase}\n"));
    let mut init = ringfence(&["init", "--dir", directory.path().to_str().unwrap()]);
    let output = init.env("RINGFENCE__SECRETS__PASSPHRASE_FILE", &passphrase).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    (directory.file("ringfence.toml"), passphrase)
}
