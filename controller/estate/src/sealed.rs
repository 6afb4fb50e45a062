//! What the estate keeps sealed in the database: settings (passwords and PINs of devices are among them), releases (they hold
//! the settings of a whole gateway), keys of webhooks. Whoever has a copy of the database alone has none of them.

use crate::{devices, notify, releases, systems, zones};
use bo_db::{DbError, SealedColumn, Vault};
use bo_model::settings::Values;

/// All columns that are sealed.
pub const SEALED: [SealedColumn; 5] = [
    zones::queries::SETTINGS,
    systems::queries::SETTINGS,
    devices::queries::SETTINGS,
    releases::queries::SITES,
    notify::queries::SECRETS,
];

/// Opens settings.
pub(crate) fn json(
    column: &SealedColumn,
    vault: &Vault,
    key: impl std::fmt::Display,
    stored: &str,
) -> Result<Values, DbError> {
    let text = column.open(vault, key, stored)?;
    serde_json::from_str(&text).map_err(|source| DbError::Json { what: "stored settings", source })
}
