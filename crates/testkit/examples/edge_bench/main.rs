//! What the edge agent costs as users run it: the real `backoffice-edge` release binary as a process of its own on
//! real sockets, its processor time and memory read from `/proc`. Load and devices live in this process and do not count.
//!
//! `cargo xtask bench --only edge`; wants `mosquitto`, the drivers' components and the built binary.

mod edge;
mod mqtt;
mod peers;
mod rules;
mod scale;
mod start;

use bo_testkit::measure::Figures;

fn main() -> anyhow::Result<()> {
    let mut figures = Figures::new("edge");
    rules::measure(&mut figures)?;
    start::measure(&mut figures)?;
    scale::polling(&mut figures)?;
    scale::memory(&mut figures)?;
    figures.print();
    Ok(())
}
