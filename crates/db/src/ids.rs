//! Ids in statements and rows: stored as their text.

/// Lets id types made with `bo_model::ids!` be bound and read: `bo_db::id_columns!(PageId, SpaceId);`
#[macro_export]
macro_rules! id_columns {
    ($($id:ty),* $(,)?) => {$(
        impl From<$id> for $crate::Param<'_> {
            fn from(id: $id) -> Self { $crate::Param::Text(id.to_string().into()) }
        }
        impl From<&$id> for $crate::Param<'_> {
            fn from(id: &$id) -> Self { $crate::Param::Text(id.to_string().into()) }
        }
        impl $crate::Column for $id {
            const NAME: &'static str = stringify!($id);
            fn read(cell: $crate::Cell<'_>) -> Option<Self> {
                match cell { $crate::Cell::Text(text) => text.parse().ok(), _ => None }
            }
        }
    )*};
}

id_columns!(
    bo_model::WorkspaceId,
    bo_model::AccountId,
    bo_model::GroupId,
    bo_model::EdgeId,
    bo_model::ZoneId,
    bo_model::SystemId,
    bo_model::DeviceId,
    bo_model::TriggerId,
    bo_model::AlarmId,
    bo_model::CommandId,
    bo_model::SessionId,
    bo_model::ProviderId,
);
