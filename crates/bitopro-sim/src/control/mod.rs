//! JSON over HTTP, by which a program in any language controls a running simulator.

mod commands;
mod problem;
mod routes;
mod server;
mod state;

pub use server::ControlServer;

#[cfg(test)]
mod tests;
