//! `sessions`: liveness, refresh rotation, ends. Each is one guarded statement: of any number
//! of concurrent requests exactly as many succeed as may.
//!
//! | file | what it does |
//! |---|---|
//! | `find` | whether a session is alive |
//! | `refresh` | exchanges a refresh token |
//! | `end` | ends one session, those of a device, or all |

pub(super) mod end;
pub(super) mod find;
pub(super) mod refresh;

pub(super) use end::RECENTLY_ENDED;
pub use refresh::RotatedSession;
