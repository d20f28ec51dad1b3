//! Rebuilds the crate when a migration is added: `sqlx::migrate!` alone only notices edits.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
