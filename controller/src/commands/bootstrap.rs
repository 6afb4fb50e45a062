//! `backoffice bootstrap`: the first organisation and its owner, without a browser.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::{Context, Result, bail};
use bo_identity::workspace::{First, NewWorkspace, bootstrap, is_empty};
use bo_identity::{IdentityError, password};
use bo_model::command::Actor;
use std::path::PathBuf;

/// Who and what.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  backoffice bootstrap --workspace Acme --email noor@acme.example --name \"Noor Haddad\" --password-file password\n\n\
    The password comes from a file or a variable, never from the command line, where others can read it."
)]
pub struct Options {
    #[command(flatten)]
    config: ConfigFlag,
    /// Name of the organisation.
    #[arg(long)]
    workspace: String,
    /// The owner's mail address, to sign in with.
    #[arg(long)]
    email: String,
    /// The owner's name.
    #[arg(long)]
    name: String,
    /// A file that holds the password.
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Option<PathBuf>,
    /// A variable that holds the password.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// Do nothing, successfully, when it was done before.
    #[arg(long)]
    if_empty: bool,
}

/// Does it.
pub fn run(options: &Options) -> Result<()> {
    let opened = open::open(&options.config.load()?)?;
    if options.if_empty && !opened.db.read(is_empty)? {
        println!("This installation was set up before.");
        return Ok(());
    }
    let secret = match (&options.password_file, &options.password_env) {
        (Some(file), _) => bo_runtime::config::secret("--password-file", file)?,
        (None, Some(name)) => std::env::var(name).with_context(|| format!("there is no variable {name}"))?,
        (None, None) => bail!("give the password with --password-file or --password-env"),
    };
    if let Err(sentence) = password::check(&secret, &options.email, &options.name) {
        bail!("the password {sentence}");
    }
    let first = First {
        workspace: NewWorkspace::ids(&opened.ids),
        owner: opened.ids.make(),
        name: options.workspace.clone(),
        owner_name: options.name.clone(),
        owner_email: options.email.clone(),
        password_hash: password::hash(&secret, password::Cost::default())?,
    };
    opened.db.write_blocking(move |tx| {
        tx.act_as(Actor::Operator);
        bootstrap(tx, &first).map(|_| ())?;
        Ok::<_, IdentityError>(())
    })?;
    opened.db.checkpoint_blocking(opened.audit_key.clone())?;
    println!("{} belongs to {}, who can sign in now.", options.workspace, options.email);
    Ok(())
}
