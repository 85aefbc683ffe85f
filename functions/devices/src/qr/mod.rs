//! What both directions of a QR log-in share: what a new device says of itself, the decision of the
//! logged-in device, and the delivery of the tokens.

pub mod approval;
pub mod delivery;
pub mod new_device;
pub mod wire;
