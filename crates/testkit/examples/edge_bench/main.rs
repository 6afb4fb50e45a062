//! What the edge agent costs as users run it: the real `backoffice-edge` release binary as a process of its own on
//! real sockets, its processor time and memory read from `/proc`. Load and devices live in this process and do not count.
//!
//! `cargo xtask bench --only edge`; wants `mosquitto`, the drivers' components and the built binary. Run by itself it can
//! be given parts: `edge_bench [--quick] [rule] [kinds] [start] [meters] [rest]`.

mod edge;
mod mqtt;
mod peers;
mod rules;
mod scale;
mod start;

use bo_testkit::measure::Figures;

fn main() -> anyhow::Result<()> {
    let mut figures = Figures::new("edge");
    let parts: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|word| word == part);
    if wanted("rule") {
        rules::measure(&mut figures)?;
    }
    if wanted("kinds") {
        rules::kinds(&mut figures)?;
    }
    if wanted("start") {
        start::measure(&mut figures)?;
    }
    if wanted("meters") {
        scale::polling(&mut figures)?;
    }
    if wanted("rest") {
        scale::memory(&mut figures)?;
    }
    figures.print();
    Ok(())
}
