//! Runs other programs: waits for them, and when this command is interrupted stops them before it ends itself, so that
//! neither ctrl-c nor a cancelled job leaves a server or a browser behind.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Set when ctrl-c was pressed or we were told to end.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How often a waiting command looks whether its program has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long a program that was asked to end may take before it is ended by force.
const GRACE: Duration = Duration::from_secs(10);

/// From now on an interruption is noticed by whoever waits, instead of ending this process on the spot.
pub(crate) fn catch_interruptions() -> anyhow::Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context("cannot listen for ctrl-c")
}

/// Whether this command was told to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Runs a program whose output the reader should see; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a program whose output the reader should see, and gives how it ended.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    if interrupted() {
        bail!("interrupted");
    }
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", line(command)))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupted() {
            stop(&mut child)?;
            bail!("interrupted");
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Runs a program for what it prints on stdout; its stderr stays visible.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run `{}`", line(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", line(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a program prints on stdout, or nothing where it is not there or fails: for looking whether it is there.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Asks a program to end, and ends it by force if it does not.
pub(crate) fn stop(child: &mut Child) -> anyhow::Result<ExitStatus> {
    ask_to_end(child)?;
    let asked = Instant::now();
    while asked.elapsed() < GRACE {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    child.kill().context("cannot end a program that does not stop by itself")?;
    Ok(child.wait()?)
}

#[cfg(unix)]
fn ask_to_end(child: &mut Child) -> anyhow::Result<()> {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    if child.try_wait()?.is_none() {
        let process = Pid::from_raw(i32::try_from(child.id())?);
        kill(process, Signal::SIGTERM).context("cannot signal a program")?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn ask_to_end(child: &mut Child) -> anyhow::Result<()> {
    child.kill().context("cannot end a program")
}

/// A command as one would type it, for messages.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
