//! Who a verified token speaks for.

use crate::ids::{DeviceId, SessionId, UserId};

/// A user, with the session and the device that act for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    pub user: UserId,
    pub session: SessionId,
    pub device: DeviceId,
}
