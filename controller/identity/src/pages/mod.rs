//! Pages and API of identity.

use crate::Identity;
use bo_web::Routes;
use std::sync::Arc;

pub fn routes(_identity: &Arc<Identity>) -> Routes {
    Routes::new("identity")
}
