//! Cleans up and measures, on a schedule.
