//! The function `internal`.

fn main() {}
