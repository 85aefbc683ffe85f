//! The trail, by file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`entries`] | every operation that changes something leaves an entry |

mod entries;
