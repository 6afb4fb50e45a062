//! A device of a profile and a component: the profile is read, decoded and written natively, the component handles what data
//! cannot say. What the profile reads reaches the component as inputs under the device's own address.

use super::{COMMANDS_WAITING, CommandError, CommandQueue, DeviceCommand, DeviceContext};
use crate::board::SlotIx;
use bo_link::mailbox;
use bo_model::driver::Manifest;
use bo_runtime::Shutdown;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The part of a device's variables each side answers for.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Fed by the profile: name and place.
    pub profile: Vec<(String, SlotIx)>,
    /// Everything else.
    pub component: Vec<SlotIx>,
}

impl Parts {
    /// Of a device.
    pub fn of(context: &DeviceContext) -> Parts {
        let fed = fed(&context.manifest);
        let mut parts = Parts::default();
        for (name, slot) in context.slots.iter() {
            if slot == context.slots.online() {
                continue;
            }
            match fed.contains(&**name) {
                true => parts.profile.push((name.to_string(), slot)),
                false => parts.component.push(slot),
            }
        }
        parts
    }
}

/// Names of the variables a profile feeds.
fn fed(manifest: &Manifest) -> BTreeSet<&str> {
    let modbus = manifest.modbus.iter().flat_map(|profile| &profile.points);
    let modbus = modbus.map(|(name, point)| point.status.as_deref().unwrap_or(name));
    let mqtt = manifest.mqtt.iter().flat_map(|profile| &profile.points);
    modbus.chain(mqtt.map(|(name, point)| point.status.as_deref().unwrap_or(name))).collect()
}

/// Runs both until the end is signalled, or one has failed. Commands that the manifest describes go to the profile.
pub async fn run<P, C>(
    manifest: Arc<Manifest>,
    queue: CommandQueue,
    shutdown: Shutdown,
    profile: impl FnOnce(CommandQueue, Shutdown) -> P,
    component: impl FnOnce(CommandQueue, Shutdown) -> C,
) -> Result<(), String>
where
    P: Future<Output = Result<(), String>>,
    C: Future<Output = Result<(), String>>,
{
    let mut queue = queue.lock().await;
    let lane = || mailbox::<DeviceCommand>(COMMANDS_WAITING);
    let ((to_profile, for_profile), (to_component, for_component)) = (lane(), lane());
    let both = async {
        tokio::try_join!(
            profile(Arc::new(Mutex::new(for_profile)), shutdown.clone()),
            component(Arc::new(Mutex::new(for_component)), shutdown.clone()),
        )
    };
    tokio::pin!(both);
    loop {
        tokio::select! {
            ended = &mut both => return ended.map(|_| ()),
            Some(command) = queue.recv() => {
                let described = manifest.commands.get(&command.name);
                let natively = described.is_some_and(|known| !known.write.is_empty() || !known.publish.is_empty());
                let lane = if natively { &to_profile } else { &to_component };
                if lane.free() == 0 {
                    let why = format!("{COMMANDS_WAITING} commands already wait for this device");
                    let _ = command.reply.send(Err(CommandError::Failed(why)));
                } else {
                    let _ = lane.try_send(command);
                }
            }
        }
    }
}
