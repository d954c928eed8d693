//! Runs a program with `VAULTSHARE_DATABASE_URL` set to a PostgreSQL database of its own, which ends with it.
//!
//! `with_postgres target/debug/vaultshare-server --listen 127.0.0.1:0`

use std::{
    env,
    error::Error,
    process::{Command, ExitCode},
};

use vaultshare_server::testing::Database;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().ok_or("usage: with_postgres PROGRAM [ARGUMENT]…")?;
    let database = tokio::runtime::Runtime::new()?.block_on(Database::new())?;
    let status = Command::new(program).args(arguments).env("VAULTSHARE_DATABASE_URL", database.url()).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
