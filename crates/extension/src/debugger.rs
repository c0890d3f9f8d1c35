//! Telling gdb about compiled functions, by its interface for just-in-time compilers.
//!
//! gdb does not see what is registered with the system's unwinder. It wants an object file for each function: one is made in
//! memory, with the function's name and how to unwind it. All code keeps frame pointers, whoever generated it, so that one
//! description does for all functions.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use imp::Registration;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod imp {
    use std::ptr::null_mut;
    use std::sync::{Mutex, PoisonError};

    /// An entry of gdb's list (`jit_code_entry`).
    #[repr(C)]
    struct Entry {
        next: *mut Entry,
        previous: *mut Entry,
        object: *const u8,
        size: u64,
    }

    /// What gdb reads (`jit_descriptor`).
    #[repr(C)]
    struct Descriptor {
        version: u32,
        action: u32,
        relevant: *mut Entry,
        first: *mut Entry,
    }

    const REGISTERED: u32 = 1;
    const UNREGISTERED: u32 = 2;

    // The names are gdb's.
    #[unsafe(no_mangle)]
    static mut __jit_debug_descriptor: Descriptor = Descriptor {
        version: 1,
        action: 0,
        relevant: null_mut(),
        first: null_mut(),
    };

    /// gdb has a breakpoint here.
    #[unsafe(no_mangle)]
    #[inline(never)]
    extern "C" fn __jit_debug_register_code() {
        // SAFETY: does nothing; keeps calls from being left out.
        unsafe { std::arch::asm!("") };
    }

    /// The list is one for all threads.
    static LIST: Mutex<()> = Mutex::new(());

    /// A function that gdb knows; it is forgotten when dropped.
    pub struct Registration {
        entry: *mut Entry,
        /// What the entry points to.
        _object: Box<[u8]>,
    }

    impl Registration {
        /// Code that stays where it is until this is dropped.
        pub fn new(start: *const (), size: usize, name: &str) -> Registration {
            let object = object_file(start.addr() as u64, size as u64, name).into_boxed_slice();
            let entry = Box::into_raw(Box::new(Entry {
                next: null_mut(),
                previous: null_mut(),
                object: object.as_ptr(),
                size: object.len() as u64,
            }));
            let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: the list's entries live as long as they are in it, and its lock is held.
            unsafe {
                let list = &raw mut __jit_debug_descriptor;
                (*entry).next = (*list).first;
                if !(*entry).next.is_null() {
                    (*(*entry).next).previous = entry;
                }
                (*list).first = entry;
                tell(entry, REGISTERED);
            }
            Registration { entry, _object: object }
        }
    }

    impl Drop for Registration {
        fn drop(&mut self) {
            let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: as in `new`; the entry is in the list, and in it no more when it is freed.
            unsafe {
                let (next, previous) = ((*self.entry).next, (*self.entry).previous);
                match previous.is_null() {
                    true => __jit_debug_descriptor.first = next,
                    false => (*previous).next = next,
                }
                if !next.is_null() {
                    (*next).previous = previous;
                }
                tell(self.entry, UNREGISTERED);
                drop(Box::from_raw(self.entry));
            }
        }
    }

    /// # Safety
    /// The list's lock is held.
    unsafe fn tell(entry: *mut Entry, action: u32) {
        // SAFETY: see the contract.
        unsafe {
            let list = &raw mut __jit_debug_descriptor;
            (*list).relevant = entry;
            (*list).action = action;
            __jit_debug_register_code();
            (*list).relevant = null_mut();
            (*list).action = 0;
        }
    }

    const HEADER: usize = 64;
    const SECTION: usize = 64;
    const SYMBOL: usize = 24;
    const NAMES: &[u8] = b"\0.text\0.eh_frame\0.symtab\0.strtab\0.shstrtab\0";

    const ALLOCATED: u64 = 2;
    const EXECUTABLE: u64 = 4;

    /// A section of an ELF file. `size` is that of the content, but where there is none in the file.
    #[derive(Default)]
    struct Section<'a> {
        name: &'a [u8],
        kind: u32,
        flags: u64,
        address: u64,
        content: &'a [u8],
        size: usize,
        link: u32,
        info: u32,
    }

    /// An ELF file that says where the function is, what it is called, and how it is unwound.
    fn object_file(start: u64, size: u64, name: &str) -> Vec<u8> {
        const NO_BITS: u32 = 8;
        const BITS: u32 = 1;
        const SYMBOLS: u32 = 2;
        const STRINGS: u32 = 3;
        let mut symbols = vec![0; SYMBOL];
        // A global function of section 1, at its start.
        symbols.extend(1u32.to_le_bytes());
        symbols.extend([0x12, 0]);
        symbols.extend(1u16.to_le_bytes());
        symbols.extend(0u64.to_le_bytes());
        symbols.extend(size.to_le_bytes());
        let mut strings = vec![0];
        strings.extend(name.bytes().filter(|&byte| byte != 0));
        strings.push(0);

        let unwinding = unwinding(start, size);
        let section = |name, kind, content| Section {
            name,
            kind,
            content,
            size: content.len(),
            ..Section::default()
        };
        let sections = [
            Section::default(),
            Section {
                flags: ALLOCATED | EXECUTABLE,
                address: start,
                size: size as usize,
                ..section(b".text", NO_BITS, &[])
            },
            section(b".eh_frame", BITS, &unwinding),
            Section {
                // Its names are in the section behind it, and all but the first are global.
                link: 4,
                info: 1,
                ..section(b".symtab", SYMBOLS, &symbols)
            },
            section(b".strtab", STRINGS, &strings),
            section(b".shstrtab", STRINGS, NAMES),
        ];

        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file.extend(1u16.to_le_bytes()); // relocatable: symbols are relative to their section
        file.extend(62u16.to_le_bytes()); // x86-64
        file.extend(1u32.to_le_bytes());
        file.extend([0; 16]);
        file.extend((HEADER as u64).to_le_bytes()); // where the section headers are
        file.extend(0u32.to_le_bytes());
        file.extend((HEADER as u16).to_le_bytes());
        file.extend([0; 4]);
        file.extend((SECTION as u16).to_le_bytes());
        file.extend((sections.len() as u16).to_le_bytes());
        file.extend((sections.len() as u16 - 1).to_le_bytes()); // the one with the sections' names
        let mut offset = (HEADER + SECTION * sections.len()) as u64;
        for section in &sections {
            let starts = |at: &[u8]| at.ends_with(b"\0") && at.starts_with(section.name);
            let name = NAMES.windows(section.name.len() + 1).position(starts);
            file.extend((name.expect("it is there") as u32).to_le_bytes());
            file.extend(section.kind.to_le_bytes());
            for number in [section.flags, section.address, offset, section.size as u64] {
                file.extend(number.to_le_bytes());
            }
            file.extend(section.link.to_le_bytes());
            file.extend(section.info.to_le_bytes());
            file.extend(8u64.to_le_bytes()); // alignment
            file.extend(if section.kind == SYMBOLS { SYMBOL as u64 } else { 0 }.to_le_bytes());
            offset += (section.content.len() as u64).next_multiple_of(8);
        }
        for section in sections {
            file.extend(section.content);
            file.resize(file.len().next_multiple_of(8), 0);
        }
        file
    }

    /// DWARF's description of `push rbp; mov rbp, rsp`, with which all functions begin.
    fn unwinding(start: u64, size: u64) -> Vec<u8> {
        const RBP: u8 = 6;
        const RSP: u8 = 7;
        const RETURN_ADDRESS: u8 = 16;
        const DEFINE_CFA: u8 = 0x0c;
        const DEFINE_CFA_REGISTER: u8 = 0x0d;
        const DEFINE_CFA_OFFSET: u8 = 0x0e;
        const ADVANCE: u8 = 0x40;
        const OFFSET: u8 = 0x80;

        let mut section = Vec::new();
        let mut entry = |content: &[u8]| {
            // The length comes first, and leaves itself out.
            let length = (4 + content.len()).next_multiple_of(8) - 4;
            section.extend((length as u32).to_le_bytes());
            section.extend(content);
            section.resize(section.len() + length - content.len(), 0);
            section.len()
        };
        // No other entry, version 1, no augmentation, factors of 1 and -8.
        let common = [
            &[0, 0, 0, 0, 1, 0, 1, 0x78, RETURN_ADDRESS][..],
            &[DEFINE_CFA, RSP, 8, OFFSET | RETURN_ADDRESS, 1],
        ];
        let end = entry(&common.concat());
        let way = [
            &[ADVANCE | 1, DEFINE_CFA_OFFSET, 16, OFFSET | RBP, 2][..],
            &[ADVANCE | 3, DEFINE_CFA_REGISTER, RBP],
        ];
        // How far back the common entry is from here, and the range.
        let head = [
            &(end as u32 + 4).to_le_bytes()[..],
            &start.to_le_bytes(),
            &size.to_le_bytes(),
        ];
        entry(&[head.concat(), way.concat()].concat());
        section.extend([0; 4]);
        section
    }
}

/// Elsewhere nobody is told.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub struct Registration;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
impl Registration {
    pub fn new(_: *const (), _: usize, _: &str) -> Registration {
        Registration
    }
}
