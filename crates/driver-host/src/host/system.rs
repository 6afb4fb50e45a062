//! Imports of logic devices: the other devices of the system.

use super::HostState;
use super::publish::to_wit;
use crate::bindings::backoffice::driver as wit;
use crate::error::CommandError;
use bo_model::settings::Values;
use wit::types::Error;

impl wit::system::Host for HostState {
    fn devices(&mut self) -> Vec<wit::system::Neighbour> {
        let system = self.outside.links.system.as_ref();
        let devices = system.map(|system| system.devices()).unwrap_or_default();
        devices
            .into_iter()
            .map(|one| wit::system::Neighbour { address: one.address, module: one.module })
            .collect()
    }

    fn status(&mut self, device: String, name: String) -> Option<wit::system::Reading> {
        let reading = self.outside.links.system.as_ref()?.status(&device, &name)?;
        Some(wit::system::Reading {
            value: to_wit(&reading.value.data),
            good: reading.value.quality.is_good(),
        })
    }

    fn watch(&mut self, device: String, name: String) -> Result<(), Error> {
        let system = self.outside.links.system.as_ref().ok_or_else(nothing)?;
        system.watch(self.outside.device, &device, &name).map_err(Error::Invalid)
    }

    async fn command(
        &mut self,
        device: String,
        name: String,
        params: String,
        timeout_ms: u32,
    ) -> Result<(), Error> {
        let system = self.outside.links.system.clone().ok_or_else(nothing)?;
        let params: Values = serde_json::from_str(&params)
            .map_err(|error| Error::Invalid(format!("parameters of {device}.{name}: {error}")))?;
        self.waited = true;
        let within = Self::within(timeout_ms);
        let done = system.command(self.outside.device, &device, &name, params, within);
        let outcome = tokio::time::timeout(within, done).await;
        self.waited = true;
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(CommandError::Refused(why))) => Err(Error::Refused(why)),
            Ok(Err(CommandError::Failed(why))) => Err(Error::Failed(why)),
            Ok(Err(CommandError::TimedOut(_))) | Err(_) => Err(Error::Timeout),
        }
    }
}

fn nothing() -> Error {
    Error::Offline("this device belongs to no system".into())
}
