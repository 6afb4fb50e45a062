//! Signed roots.
