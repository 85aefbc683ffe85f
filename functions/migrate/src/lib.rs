//! Runs the migrations before new code takes traffic.
