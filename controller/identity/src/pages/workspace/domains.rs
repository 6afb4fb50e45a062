//! Placeholder replaced below.
use bo_web::Routes;
pub fn routes() -> Routes {
    Routes::new("identity")
}
