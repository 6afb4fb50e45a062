//! `hash-password`: what goes into `local_page.operator_password_hash`.

use anyhow::{Context, bail};
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use std::io::{BufRead, IsTerminal};

const SHORTEST: usize = 10;

pub fn run() -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        eprintln!("Type the operator's password (it is shown as you type) and press Enter:");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.chars().count() < SHORTEST {
        bail!("a password has at least {SHORTEST} characters");
    }
    let hash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
    println!("{hash}");
    Ok(())
}
