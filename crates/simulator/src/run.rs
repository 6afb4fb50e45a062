//! tmp
/// x
pub struct SimulateArgs;
/// x
pub fn run() {}
