//! The four steps of a rotation in Secrets Manager.
