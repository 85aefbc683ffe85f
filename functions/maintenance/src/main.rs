//! The function `maintenance`.

fn main() {}
