//! What Linux tells of a process: memory and CPU time.

use std::fs;

use crate::Result;

/// The kernel counts CPU time for /proc in hundredths of a second, whatever its own tick.
const TICKS_A_SECOND: f64 = 100.0;

/// The most memory this process has had resident since its start, or since [`forget_peak`], in bytes.
pub(crate) fn peak_memory() -> Result<u64> {
    status("VmHWM:")
}

/// The memory this process has resident, in bytes.
pub(crate) fn resident_memory() -> Result<u64> {
    status("VmRSS:")
}

/// Starts [`peak_memory`] anew.
pub(crate) fn forget_peak() -> Result<()> {
    Ok(fs::write("/proc/self/clear_refs", "5")?)
}

fn status(field: &str) -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)).ok_or("/proc/self/status lacks a field")?;
    let kib: u64 = value.trim().trim_end_matches("kB").trim_end().parse()?;
    Ok(kib * 1024)
}

/// The CPU time of a process (`self` or a number) until now, in seconds, user and system together.
pub(crate) fn cpu_seconds(process: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in parentheses, which may contain anything.
    let (_, rest) = text.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
    let ticks = |n: usize| rest.split_ascii_whitespace().nth(n).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).ok_or("/proc/PID/stat has too few fields")?;
    Ok((user + system) as f64 / TICKS_A_SECOND)
}
