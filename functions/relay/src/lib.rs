//! Delivers the events of the outbox.
