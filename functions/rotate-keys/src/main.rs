//! The function `rotate-keys`.

fn main() {}
