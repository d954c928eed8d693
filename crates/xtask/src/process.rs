//! Runs other programs. Each gets a process group of its own, so that whatever it starts in turn (a driver, a browser) can
//! be ended with it: on ctrl-c, when a job is cancelled, and when it takes longer than it was given.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::progress;

/// Set when ctrl-c was pressed or we were told to end.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How often a waiting command looks whether its program has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a program that was asked to end may take before it is killed.
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
    succeeded(command, status)
}

/// As [`run`], for a program that could hang: it is ended, with all that it started, when the time is up.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> anyhow::Result<()> {
    let status = status_within(limit, command)?;
    succeeded(command, status)
}

/// Runs a program whose output the reader should see, and gives how it ended.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    Program::start(command)?.wait(None)
}

/// As [`status`], with a limit as [`run_within`] has it.
pub(crate) fn status_within(limit: Duration, command: &mut Command) -> anyhow::Result<ExitStatus> {
    Program::start(command)?.wait(Some(limit))
}

/// How a program ended that had to show a sign of life first.
pub(crate) enum Watched {
    /// It showed the sign and ended within its time.
    Ended(ExitStatus),
    /// It did not show the sign in time, or ended without.
    NeverBegan,
}

/// Runs a program and passes its output on, line by line. It has `to_begin` to print a line for which `is_sign` holds, and
/// `limit` to end; past either it is ended, with all that it started.
pub(crate) fn watch(
    command: &mut Command,
    is_sign: impl Fn(&str) -> bool,
    to_begin: Duration,
    limit: Duration,
) -> anyhow::Result<Watched> {
    let mut program = Program::start(command.stdout(Stdio::piped()))?;
    let lines = program.lines()?;
    let started = Instant::now();
    loop {
        match lines.recv_timeout(to_begin.saturating_sub(started.elapsed()).min(POLL_INTERVAL)) {
            Ok(line) => {
                println!("{line}");
                if is_sign(&line) {
                    break;
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) if interrupted() => bail!("interrupted"),
            Err(mpsc::RecvTimeoutError::Timeout) if started.elapsed() < to_begin => {}
            Err(_) => return Ok(Watched::NeverBegan),
        }
    }
    let printer = std::thread::spawn(move || lines.iter().for_each(|line| println!("{line}")));
    let status = program.wait(Some(limit.saturating_sub(started.elapsed())))?;
    // It ends with the last of those that hold the pipe, and after the wait nobody does.
    drop(program);
    let _ = printer.join();
    Ok(Watched::Ended(status))
}

/// Runs a program for what it prints on stdout; its stderr stays visible.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let mut program = Program::start(command.stdout(Stdio::piped()))?;
    let lines = program.lines()?;
    succeeded(command, program.wait(None)?)?;
    drop(program);
    Ok(lines.iter().collect::<Vec<_>>().join("\n").trim().to_owned())
}

/// What a program prints on stdout, or nothing where it is not there or fails: for looking whether it is there.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A running program and all that it started, ended when this goes out of scope.
pub(crate) struct Program {
    child: Child,
    /// For messages.
    line: String,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        if interrupted() {
            bail!("interrupted");
        }
        // Without stdin: a program outside of the terminal's foreground group is stopped when it reads from it.
        command.stdin(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let line = line(command);
        let child = command.spawn().with_context(|| format!("cannot run `{line}`"))?;
        Ok(Program { child, line })
    }

    /// Of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the program ended, if it has.
    pub(crate) fn try_wait(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The lines that it prints, where its stdout is piped. They are taken from it whether or not anybody looks at them: a
    /// program stops at a full pipe.
    pub(crate) fn lines(&mut self) -> anyhow::Result<mpsc::Receiver<String>> {
        let output = self.child.stdout.take().context("the program's output is not connected")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Ok(receiver)
    }

    fn wait(&mut self, limit: Option<Duration>) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if interrupted() {
                bail!("interrupted");
            }
            if let Some(limit) = limit.filter(|limit| started.elapsed() >= *limit) {
                bail!("`{}` did not end within {} and was stopped", self.line, progress::duration(limit));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Asks the group to end, and kills what is left of it after a while.
    fn stop(&mut self) -> anyhow::Result<()> {
        if self.try_wait()?.is_none() {
            self.signal_group(Signal::Terminate);
            let asked = Instant::now();
            while self.try_wait()?.is_none() && asked.elapsed() < GRACE {
                std::thread::sleep(POLL_INTERVAL);
            }
        }
        self.signal_group(Signal::Kill);
        self.child.wait()?;
        Ok(())
    }

    /// A group that has no process left is none to complain about.
    #[cfg(unix)]
    fn signal_group(&mut self, signal: Signal) {
        use nix::sys::signal::{self, killpg};
        let signal = match signal {
            Signal::Terminate => signal::Signal::SIGTERM,
            Signal::Kill => signal::Signal::SIGKILL,
        };
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(nix::unistd::Pid::from_raw(group), signal);
        }
    }

    #[cfg(not(unix))]
    fn signal_group(&mut self, _: Signal) {
        let _ = self.child.kill();
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("error: `{}` could not be stopped: {error:#}", self.line);
        }
    }
}

fn succeeded(command: &Command, status: ExitStatus) -> anyhow::Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// A command as one would type it, for messages.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_ends_in_time_gives_its_status() {
        assert_eq!(status_within(Duration::from_secs(60), &mut shell("exit 3")).unwrap().code(), Some(3));
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        // The inner shell holds the pipe and does not end when asked to.
        let mut command = shell("sh -c 'trap \"\" TERM; echo started; sleep 600; sleep 600' & wait");
        let mut program = Program::start(command.stdout(Stdio::piped())).unwrap();
        let lines = program.lines().unwrap();
        assert_eq!(lines.recv().unwrap(), "started");
        let error = program.wait(Some(Duration::from_millis(1))).unwrap_err();
        assert!(error.to_string().contains("did not end within"), "{error}");
        assert_eq!(lines.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(program);
        let closed = Err(mpsc::RecvTimeoutError::Disconnected);
        assert_eq!(lines.recv_timeout(Duration::from_secs(10)), closed, "what it started goes on");
    }

    #[test]
    fn a_program_without_a_sign_of_life_never_began() {
        let (begin, limit) = (Duration::from_millis(300), Duration::from_secs(60));
        let watched = |script: &str| watch(&mut shell(script), |line| line == "begun", begin, limit).unwrap();
        assert!(matches!(watched("echo waiting; sleep 600"), Watched::NeverBegan));
        assert!(matches!(watched("echo waiting"), Watched::NeverBegan));
    }

    #[test]
    fn a_program_with_a_sign_of_life_has_until_the_limit() {
        let (begin, limit) = (Duration::from_secs(60), Duration::from_millis(500));
        let watched = |script: &str| watch(&mut shell(script), |line| line == "begun", begin, limit);
        assert!(matches!(watched("echo begun; exit 3").unwrap(), Watched::Ended(status) if status.code() == Some(3)));
        assert!(watched("echo begun; sleep 600").is_err());
    }
}
