//! `backoffice audit`: proof that the log is whole, without trusting the server.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::{Context, Result, bail};
use bo_db::audit::verify::{Finding, Report, verify};
use bo_db::audit::{PublicKey, export};
use bo_db::{Db, DbError};
use bo_model::SystemClock;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What to do with the log.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Check a database or an export; names every record that was removed, changed, reordered or inserted.
    Verify(Verify),
    /// Write the whole log as JSON lines with its signed checkpoints.
    Export(Export),
    /// Print the public key that checkpoints are verified with.
    Key(ConfigFlag),
}

/// What to check, and with which key.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    backoffice audit verify --config controller.toml                       the database of this installation\n  \
    backoffice audit verify log.jsonl --key audit.pub                      an export, with a key you kept\n  \
    backoffice audit verify sqlite:copy.db --key audit.pub --trusted note  a copy, against a checkpoint you kept\n\n\
    Exit status:\n  \
    0  the log is whole, and signed\n  \
    1  it is not whole (each finding is a line), or could not be read\n  \
    3  it is consistent and nothing was signed: that proves nothing")]
pub struct Verify {
    /// An export's file, or a database's address; the configured database when absent.
    what: Option<String>,
    /// The public key, PEM; this installation's when absent.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Signed checkpoints you kept yourself: with one of those even a log rewritten by whoever holds the key is found out.
    #[arg(long, value_name = "FILE")]
    trusted: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFlag,
}

/// Where to write.
#[derive(clap::Args)]
pub struct Export {
    #[command(flatten)]
    config: ConfigFlag,
    /// The file; standard output when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Exit status of a log that nothing is wrong with and nobody has signed. 2 is what a wrong command line gives.
const NOT_SIGNED: u8 = 3;

/// Does it; gives the process's exit status.
pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Verify(options) => return check(options),
        Command::Export(options) => write(options)?,
        Command::Key(flag) => print!("{}", open::open(&flag.load()?)?.audit_key.public().pem()),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(options: &Verify) -> Result<ExitCode> {
    let key = match &options.key {
        Some(path) => {
            let pem =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            PublicKey::from_pem(&pem).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?
        }
        None => {
            let config = options.config.load();
            let hint = "without --key it is this installation's, which --config names";
            open::open(&config.context(hint)?)?.audit_key.public()
        }
    };
    let (lines, notes) = match &options.what {
        Some(url) if url.starts_with("sqlite:") || url.starts_with("postgres") => stored(url)?,
        Some(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {path}"))?;
            export::read(BufReader::new(file))?
        }
        None => stored(&options.config.load()?.database_url()?)?,
    };
    let trusted: Vec<String> = options
        .trusted
        .iter()
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())))
        .collect::<Result<_>>()?;
    let Report { records, signed, mut findings } = verify(&lines, &notes, &trusted, &key);
    // Consistent, but anybody could have written it: no fault of the log, and something to know.
    let unsigned = records == 0 || findings.contains(&Finding::NotSigned);
    findings.retain(|finding| *finding != Finding::NotSigned);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        let word = if findings.len() == 1 { "finding" } else { "findings" };
        bail!("the log is not whole: {} {word} in {records} records", findings.len());
    }
    match (unsigned, records) {
        (false, _) => {
            println!("The log is whole: {records} records, {signed} of them covered by a signed checkpoint.");
            return Ok(ExitCode::SUCCESS);
        }
        (true, 0) => {
            println!("The log is empty: there is nothing to prove, and nothing proves that it was always so.")
        }
        (true, _) => println!(
            "The log is consistent: {records} records. None is signed, so that alone proves nothing: whoever can write to it could have written it anew."
        ),
    }
    println!("`backoffice serve` signs within a minute, `backoffice audit export` at once.");
    Ok(ExitCode::from(NOT_SIGNED))
}

type Copy = (Vec<bo_db::audit::verify::Line>, Vec<String>);

fn stored(url: &str) -> Result<Copy> {
    let db = Db::open(url, Arc::new(SystemClock))?;
    Ok(db.read(|tx| -> Result<_, DbError> { export::stored(tx) })?)
}

fn write(options: &Export) -> Result<()> {
    let opened = open::open(&options.config.load()?)?;
    opened.db.checkpoint_blocking(opened.audit_key.clone())?;
    let mut to: Box<dyn Write + Send> = match &options.out {
        Some(path) => Box::new(BufWriter::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        )),
        None => Box::new(std::io::stdout()),
    };
    let count = opened.db.read(|tx| export::export(tx, &mut to))?;
    to.flush()?;
    if let Some(path) = &options.out {
        println!("{count} records written to {}", path.display());
    }
    Ok(())
}
