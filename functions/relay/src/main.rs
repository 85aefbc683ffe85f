//! The function `relay`.

fn main() {}
