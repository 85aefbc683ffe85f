//! A Lambda authorizer: other services' APIs accept these tokens.
