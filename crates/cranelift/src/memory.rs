//! Executable memory for functions of any size, freed one function at a time.
//!
//! Memory comes from the system in chunks that hold many functions, so that a function of 500 bytes does not take a
//! page. A chunk is mapped once, private and anonymous, and is never writable and executable at a time; how code gets
//! into it is [`Writing`]'s concern. Where the system lets a process write to its own read-only pages, functions are
//! packed closely, next to others that are running; elsewhere a page changes from writable to executable, which must
//! not happen to a page in use, so there each function has pages of its own.
//!
//! # Fork
//!
//! Chunks are private mappings, so after a fork parent and child each have their own copy: either may go on
//! compiling, freeing and reusing memory, and neither is seen by the other. The allocator's lock is taken around
//! `fork`, so that a child never inherits it locked by a thread that it does not have.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cache;
use crate::system::{self, Writing};

/// Chunks grow from the first size to the last, so that little code takes little address space.
const FIRST_CHUNK: usize = 64 << 10;
const LARGEST_CHUNK: usize = 1 << 20;

/// Executable memory of one function. Not freed by dropping: see [`release`].
pub(crate) struct Region {
    start: usize,
    size: usize,
}

impl Region {
    pub fn start(&self) -> *const u8 {
        std::ptr::with_exposed_provenance(self.start)
    }

    /// Size with rounding.
    pub fn size(&self) -> usize {
        self.size
    }
}

static MEMORY: Mutex<Memory> = Mutex::new(Memory::new());

fn lock() -> MutexGuard<'static, Memory> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes `code` followed by `trailer` (at a multiple of 8 bytes) executable.
pub(crate) fn publish(code: &[u8], trailer: &[u8], alignment: usize) -> io::Result<Region> {
    #[cfg(unix)]
    fork::install()?;
    if trailer.is_empty() {
        return lock().publish(code, alignment);
    }
    let mut bytes = code.to_vec();
    bytes.resize(code.len().next_multiple_of(8), 0);
    bytes.extend_from_slice(trailer);
    lock().publish(&bytes, alignment)
}

/// Gives the region's memory back. Its code must not run any more.
pub(crate) fn release(region: &Region) {
    lock().release(region);
}

/// Address space reserved for code in this process.
pub(crate) fn mapped_bytes() -> usize {
    lock().chunks.values().map(|chunk| chunk.size).sum()
}

/// A mapping that holds the code of several functions.
struct Chunk {
    size: usize,
    writing: Writing,
    /// Free ranges by offset, never touching each other.
    free: BTreeMap<usize, usize>,
    free_bytes: usize,
    /// No free range is larger than this.
    largest: usize,
}

impl Chunk {
    fn new(size: usize, writing: Writing) -> Chunk {
        Chunk {
            size,
            writing,
            free: BTreeMap::from([(0, size)]),
            free_bytes: size,
            largest: size,
        }
    }

    fn is_empty(&self) -> bool {
        self.free_bytes == self.size
    }

    /// Takes the first free range that is large enough.
    fn take(&mut self, size: usize) -> Option<usize> {
        if size > self.largest {
            return None;
        }
        let Some((&offset, &length)) = self.free.iter().find(|&(_, &length)| length >= size) else {
            self.largest = self.free.values().copied().max().unwrap_or(0);
            return None;
        };
        self.free.remove(&offset);
        if length > size {
            self.free.insert(offset + size, length - size);
        }
        self.free_bytes -= size;
        Some(offset)
    }

    /// Gives a range back and returns the whole free range around it.
    fn give_back(&mut self, offset: usize, size: usize) -> (usize, usize) {
        let (mut start, mut end) = (offset, offset + size);
        if let Some((&before, &length)) = self.free.range(..offset).next_back() {
            debug_assert!(before + length <= offset, "a range is free already");
            if before + length == offset {
                start = before;
            }
        }
        if let Some(length) = self.free.remove(&end) {
            end += length;
        }
        self.free.insert(start, end - start);
        self.free_bytes += size;
        self.largest = self.largest.max(end - start);
        (start, end)
    }
}

/// All executable memory of the process.
struct Memory {
    /// By address.
    chunks: BTreeMap<usize, Chunk>,
    /// How new code is written; the first way that works on this system.
    writing: Writing,
    next_chunk: usize,
}

impl Memory {
    const fn new() -> Memory {
        Memory {
            chunks: BTreeMap::new(),
            writing: Writing::PREFERRED,
            next_chunk: FIRST_CHUNK,
        }
    }

    fn publish(&mut self, code: &[u8], alignment: usize) -> io::Result<Region> {
        if alignment > self.writing.unit() || code.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "code with an impossible size or alignment",
            ));
        }
        let mut writing = self.writing;
        loop {
            let error = match self.try_publish(writing, code) {
                Ok(region) => return Ok(region),
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Err(error),
                Err(error) => error,
            };
            let transient = system::is_transient(&error);
            writing = writing.fallback().ok_or(error)?;
            if !transient {
                // What there is stays executable, but no new code goes into chunks of the way that failed.
                self.writing = writing;
            }
        }
    }

    fn try_publish(&mut self, writing: Writing, code: &[u8]) -> io::Result<Region> {
        let region = self.reserve(writing, code.len().next_multiple_of(writing.unit()))?;
        // SAFETY: the region was free, so nothing runs in it, and in whole units, as this way of writing wants it.
        if let Err(error) = unsafe { system::write(writing, region.start, region.size, code) } {
            self.release(&region);
            return Err(error);
        }
        cache::publish(region.start(), code.len());
        Ok(region)
    }

    fn reserve(&mut self, writing: Writing, size: usize) -> io::Result<Region> {
        for (&base, chunk) in self
            .chunks
            .iter_mut()
            .rev()
            .filter(|(_, chunk)| chunk.writing == writing)
        {
            if let Some(offset) = chunk.take(size) {
                return Ok(Region {
                    start: base + offset,
                    size,
                });
            }
        }
        let chunk_size = size.next_multiple_of(FIRST_CHUNK).max(self.next_chunk);
        let base = system::map(writing, chunk_size)?;
        self.next_chunk = (self.next_chunk * 2).min(LARGEST_CHUNK);
        let mut chunk = Chunk::new(chunk_size, writing);
        let offset = chunk.take(size).expect("a new chunk is large enough");
        self.chunks.insert(base, chunk);
        Ok(Region {
            start: base + offset,
            size,
        })
    }

    fn release(&mut self, region: &Region) {
        let (&base, chunk) = self
            .chunks
            .range_mut(..=region.start)
            .next_back()
            .expect("a region lies in one of the chunks");
        let offset = region.start - base;
        let (free_start, free_end) = chunk.give_back(offset, region.size);

        if chunk.is_empty() {
            // One empty chunk stays, so that compiling and freeing in turn does not map and unmap each time.
            let (size, current) = (chunk.size, chunk.writing == self.writing);
            let another = self
                .chunks
                .iter()
                .any(|(&other, chunk)| other != base && chunk.is_empty());
            if another || !current || size > LARGEST_CHUNK {
                self.chunks.remove(&base);
                // SAFETY: the mapping was made by `map` with this size, and no code is left in it.
                unsafe { system::unmap(base, size) };
                return;
            }
        }
        // Pages that became free with this region go back to the system.
        let page = system::page_size();
        let start = free_start.max(offset / page * page).next_multiple_of(page);
        let end = free_end.min((offset + region.size).next_multiple_of(page)) / page * page;
        if start < end {
            // SAFETY: these pages hold nothing but free ranges.
            unsafe { system::discard(base + start, end - start) };
        }
    }
}

/// Keeps the allocator's lock consistent in forked children.
#[cfg(unix)]
mod fork {
    use std::cell::UnsafeCell;
    use std::io;
    use std::sync::{MutexGuard, OnceLock};

    use super::{Memory, lock};

    /// The guard held from before a fork until after it, in both processes.
    struct Held(UnsafeCell<Option<MutexGuard<'static, Memory>>>);

    // SAFETY: only the thread that holds the lock touches the cell.
    unsafe impl Sync for Held {}

    static HELD: Held = Held(UnsafeCell::new(None));

    extern "C" fn before() {
        let guard = lock();
        // SAFETY: this thread holds the lock.
        unsafe { *HELD.0.get() = Some(guard) };
    }

    extern "C" fn after() {
        // SAFETY: this thread took the lock in `before`; in the child it is the copy of that thread.
        drop(unsafe { (*HELD.0.get()).take() });
    }

    /// Installs the handlers, once in a process.
    pub fn install() -> io::Result<()> {
        static INSTALLED: OnceLock<i32> = OnceLock::new();
        let code = *INSTALLED.get_or_init(|| {
            // SAFETY: the handlers live as long as the process and only take and release a lock.
            unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) }
        });
        if code == 0 {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(code))
        }
    }
}

#[cfg(test)]
mod tests;
