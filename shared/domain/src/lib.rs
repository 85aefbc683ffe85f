//! The rules of phone-number authentication, pure: no async, no clock, no I/O.
//! Time (`Timestamp`) and chance (random bytes) are handed in; wire strings become
//! these types at the door and nothing else is passed on.
//!
//! | module | what it decides |
//! |---|---|
//! | [`time`] | milliseconds since the Unix epoch, handed in everywhere |
//! | [`ids`] | typed identifiers |
//! | [`hex`] | hexadecimal digits |
//! | [`text`] | lengths and characters of free text |
//! | [`phone`] | which strings are phone numbers |
//! | [`verification`] | codes, purposes, lives and waits |
//! | [`second_factor`] | TOTP steps, backup codes, when wrong codes lock |
//! | [`recovery_code`] | the code that opens a registration lock |
//! | [`session`] | which refresh token may be exchanged |
//! | [`access`] | what a device in a given state may do to an account in a given state |
//! | [`principal`] | who a verified token speaks for |
//! | [`device`] | what a client says of its device |
//! | [`qr`] | QR log-in: what the two devices show each other, and for how long |
//! | [`prekey`] | Signal's keys: which are taken, whose signatures hold, how long they serve |

pub mod access;
pub mod device;
pub mod hex;
pub mod ids;
pub mod phone;
pub mod prekey;
pub mod principal;
pub mod qr;
pub mod recovery_code;
pub mod second_factor;
pub mod session;
pub mod text;
pub mod time;
pub mod verification;
