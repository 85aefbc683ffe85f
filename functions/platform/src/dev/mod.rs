//! Pages of the local gateway alone: `GET /dev`, a page that plays every flow of the service, and
//! `GET /dev/inbox`, the codes that were "sent". In any stage but `local` they answer 404.

mod inbox;
mod page;

use axum::Router;
use axum::routing::get;

use crate::state::PlatformState;

/// The routes that only the local gateway serves.
pub fn dev_router() -> Router<PlatformState> {
    Router::new()
        .route("/dev", get(page::show_page))
        .route("/dev/app.css", get(page::show_style))
        .route("/dev/app.js", get(page::show_script))
        .route("/dev/inbox", get(inbox::show_inbox))
}
