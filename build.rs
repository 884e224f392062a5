//! Has the compiler look again when a file is added to what is embedded.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=policies");
}
