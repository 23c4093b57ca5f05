//! The catalogue of faults, each row a test whose name begins with its number. `docs/failures.md` is the table.

mod proxy;
mod trades;
