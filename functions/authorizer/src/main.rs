//! The function `authorizer`.

fn main() {}
