//! How much memory there is and how much was used, from what the Linux kernel tells.

use std::fs;

/// Bytes that this process can still take: the smaller of the system's available memory and what its control group
/// leaves. `None` where the kernel does not say.
pub fn available() -> Option<u64> {
    let system = field(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:");
    match (system, group_headroom()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Bytes that this process holds in memory now.
pub fn resident() -> Option<u64> {
    field(&status()?, "VmRSS:")
}

/// The most bytes that this process has held since it began, or since [`reset_peak`].
pub fn peak() -> Option<u64> {
    field(&status()?, "VmHWM:")
}

/// Sets the peak back to what the process holds now. Returns whether the kernel allowed it.
pub fn reset_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn status() -> Option<String> {
    fs::read_to_string("/proc/self/status").ok()
}

/// The value of a line `NAME   123 kB`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// What the process's control group, or any above it, leaves. Page cache counts as free: the kernel gives it up first.
fn group_headroom() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::"))?
        .trim()
        .trim_start_matches('/')
        .to_owned();
    let mut least: Option<u64> = None;
    let mut at = std::path::Path::new("/sys/fs/cgroup").join(path);
    while at.starts_with("/sys/fs/cgroup") {
        let read = |name: &str| fs::read_to_string(at.join(name)).ok();
        let limit = read("memory.max").and_then(|text| text.trim().parse::<u64>().ok());
        let used = read("memory.current").and_then(|text| text.trim().parse::<u64>().ok());
        if let (Some(limit), Some(used)) = (limit, used) {
            let cache = read("memory.stat")
                .and_then(|text| {
                    text.lines()
                        .find_map(|l| l.strip_prefix("inactive_file ")?.trim().parse::<u64>().ok())
                })
                .unwrap_or(0);
            let left = limit.saturating_sub(used.saturating_sub(cache));
            least = Some(least.map_or(left, |least| least.min(left)));
        }
        if !at.pop() {
            break;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    // POSITIVE

    #[test]
    fn the_kernels_lines_are_read() {
        let text = "Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t 100 kB\n";
        assert_eq!(field(text, "VmHWM:"), Some(1234 * 1024));
        assert_eq!(field(text, "VmRSS:"), Some(100 * 1024));
    }

    #[test]
    fn an_allocation_raises_the_peak() {
        let Some(before) = peak() else { return };
        let block = vec![1u8; 64 << 20];
        assert!(
            std::hint::black_box(&block)
                .iter()
                .map(|b| u64::from(*b))
                .sum::<u64>()
                == 64 << 20
        );
        assert!(peak().unwrap() >= before.max(64 << 20));
        assert!(available().is_some_and(|bytes| bytes > 0));
    }

    // NEGATIVE

    #[test]
    fn nonsense_is_nothing() {
        assert_eq!(field("VmHWM: many kB", "VmHWM:"), None);
        assert_eq!(field("", "VmHWM:"), None);
        assert_eq!(field("VmHWM: 99999999999999999999 kB", "VmHWM:"), None);
    }
}
