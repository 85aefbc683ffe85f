//! The function `migrate`.

fn main() {}
