//! The one wrapper of the C library: what a child is bound to before it runs, and its end.
//!
//! Each function below is a plain system call on values that it owns; none keeps a pointer.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::limits::Limits;

/// Bytes of a child's output that the kernel keeps while we are busy: about one 720p frame.
const PIPE_BYTES: libc::c_int = 1 << 20;

/// Binds the child that this command will start: its own process group, memory, CPU time and no
/// core dumps; and it dies with the thread that starts it.
pub(super) fn bind(command: &mut tokio::process::Command, limits: &Limits) {
    let (memory, file) = (limits.memory, limits.output);
    let cpu = limits.cpu.as_secs().max(1);
    command.process_group(0).kill_on_drop(true);
    // SAFETY: the closure runs between fork and exec; it only makes system calls that are
    // async-signal-safe, on values that were computed before the fork, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_AS, memory)?;
            limit(libc::RLIMIT_CPU, cpu)?;
            limit(libc::RLIMIT_FSIZE, file)?;
            limit(libc::RLIMIT_CORE, 0)?;
            die_with_parent()
        });
    }
}

/// Lowers a limit to `value`; one that is lower already stays, since it may not be raised.
fn limit(resource: libc::__rlimit_resource_t, value: u64) -> std::io::Result<()> {
    let mut both = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `both` outlives the call, which only writes it.
    done(unsafe { libc::getrlimit(resource, &raw mut both) })?;
    both.rlim_cur = value.min(both.rlim_max);
    both.rlim_max = both.rlim_cur;
    // SAFETY: `both` outlives the call, which only reads it.
    done(unsafe { libc::setrlimit(resource, &raw const both) })
}

fn die_with_parent() -> std::io::Result<()> {
    // SAFETY: takes two integers and changes only this process.
    done(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })
}

/// Kills a child's whole group. The caller still holds the child unreaped, so that the number
/// cannot have passed to another process.
pub(super) fn kill_group(leader: u32) {
    let Ok(leader) = libc::pid_t::try_from(leader) else { return };
    // SAFETY: takes two integers; a group that is gone is an error that does not matter.
    unsafe { libc::kill(-leader, libc::SIGKILL) };
}

/// Asks for a large pipe, so that the child seldom waits for us. A refusal only costs speed.
pub(super) fn widen(pipe: BorrowedFd<'_>) {
    // SAFETY: the descriptor is borrowed, so it is open; the call takes integers.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES) };
}

fn done(result: libc::c_int) -> std::io::Result<()> {
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
