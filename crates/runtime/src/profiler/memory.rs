//! Reading this process's memory while other threads change it, give it back and unmap it.

use std::io;
use std::mem::MaybeUninit;

/// Memory that is read through the operating system, which fails where nothing is mapped instead of raising a signal.
pub struct Memory {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    file: std::fs::File,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Memory {
    pub fn new() -> io::Result<Memory> {
        Ok(Memory {
            file: std::fs::File::open("/proc/self/mem")?,
        })
    }

    fn copy(&self, address: usize, to: &mut [u8]) -> bool {
        use std::os::unix::fs::FileExt;
        self.file.read_exact_at(to, address as u64).is_ok()
    }
}

#[cfg(target_os = "macos")]
impl Memory {
    #[allow(clippy::unnecessary_wraps, reason = "as on other systems")]
    pub fn new() -> io::Result<Memory> {
        Ok(Memory {})
    }

    fn copy(&self, address: usize, to: &mut [u8]) -> bool {
        unsafe extern "C" {
            static mach_task_self_: u32;
            fn mach_vm_read_overwrite(task: u32, from: u64, size: u64, to: u64, read: *mut u64) -> i32;
        }
        let mut read = 0;
        let wanted = to.len() as u64;
        // SAFETY: the target is as large as it is said to be; the source may be anything.
        let status = unsafe {
            mach_vm_read_overwrite(
                mach_task_self_,
                address as u64,
                wanted,
                to.as_mut_ptr() as u64,
                &mut read,
            )
        };
        status == 0 && read == wanted
    }
}

#[cfg(windows)]
impl Memory {
    #[allow(clippy::unnecessary_wraps, reason = "as on other systems")]
    pub fn new() -> io::Result<Memory> {
        Ok(Memory {})
    }

    fn copy(&self, address: usize, to: &mut [u8]) -> bool {
        #[link(name = "kernel32")]
        unsafe extern "system" {
            fn GetCurrentProcess() -> isize;
            fn ReadProcessMemory(process: isize, from: usize, to: *mut u8, size: usize, read: *mut usize) -> i32;
        }
        let mut read = 0;
        // SAFETY: the target is as large as it is said to be; the source may be anything.
        let done = unsafe { ReadProcessMemory(GetCurrentProcess(), address, to.as_mut_ptr(), to.len(), &mut read) };
        done != 0 && read == to.len()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", windows)))]
impl Memory {
    pub fn new() -> io::Result<Memory> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn copy(&self, _address: usize, _to: &mut [u8]) -> bool {
        false
    }
}

impl Memory {
    /// What lies at an address, which may be any; `None` if nothing does. Another thread may be writing it, so it may be
    /// in part the old and in part the new.
    ///
    /// # Safety
    /// Any bits are a value of the type.
    pub unsafe fn read<T>(&self, address: usize) -> Option<T> {
        let mut value = MaybeUninit::<T>::zeroed();
        // SAFETY: the value's own bytes, all of them set.
        let bytes = unsafe { std::slice::from_raw_parts_mut(value.as_mut_ptr().cast::<u8>(), size_of::<T>()) };
        if !self.copy(address, bytes) {
            return None;
        }
        // SAFETY: see the contract.
        Some(unsafe { value.assume_init() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_nothing_where_nothing_is() {
        let memory = Memory::new().unwrap();
        let values = [1_u64, 2, 3];
        // SAFETY: any bits are a word.
        unsafe {
            assert_eq!(memory.read::<[u64; 3]>(values.as_ptr() as usize), Some(values));
            assert_eq!(memory.read::<u64>(8), None);
            assert_eq!(memory.read::<u64>(usize::MAX - 100), None);
        }
    }
}
