//! Telling the system's unwinder about compiled functions.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::isa::TargetIsa;

pub(crate) use imp::{Frames, Registration};

#[cfg(unix)]
mod imp {
    use cranelift_codegen::isa::unwind::UnwindInfo;
    use gimli::RunTimeEndian;
    use gimli::write::{Address, CommonInformationEntry, EhFrame, EndianVec, FrameTable};

    use super::{CompiledCode, TargetIsa};
    use crate::memory::Region;

    /// libunwind takes one entry at a time, libgcc a whole section.
    const ONE_ENTRY_AT_A_TIME: bool = cfg!(any(target_vendor = "apple", target_env = "musl"));

    unsafe extern "C" {
        fn __register_frame(begin: *const u8);
        fn __deregister_frame(begin: *const u8);
    }

    /// What is common to all functions' unwind information.
    pub(crate) struct Frames {
        common: Option<CommonInformationEntry>,
    }

    impl Frames {
        pub fn new(isa: &dyn TargetIsa) -> Frames {
            Frames {
                common: isa.create_systemv_cie(),
            }
        }

        /// The function's unwind information, which does not know the function's address yet.
        pub fn prepare(&self, compiled: &CompiledCode, isa: &dyn TargetIsa) -> Result<Option<Prepared>, String> {
            let info = compiled.create_unwind_info(isa).map_err(|error| error.to_string())?;
            Ok(match (info, &self.common) {
                (Some(UnwindInfo::SystemV(info)), Some(common)) => Some(Prepared {
                    common: common.clone(),
                    info,
                }),
                _ => None,
            })
        }
    }

    pub(crate) struct Prepared {
        common: CommonInformationEntry,
        info: cranelift_codegen::isa::unwind::systemv::UnwindInfo,
    }

    impl Prepared {
        /// What has to lie behind the code: nothing.
        pub fn trailer(&self) -> &[u8] {
            &[]
        }

        pub fn register(self, region: &Region, _: usize) -> Registration {
            let mut table = FrameTable::default();
            let common = table.add_cie(self.common);
            table.add_fde(
                common,
                self.info.to_fde(Address::Constant(region.start().addr() as u64)),
            );
            let mut section = EhFrame(EndianVec::new(RunTimeEndian::default()));
            table
                .write_eh_frame(&mut section)
                .expect("writing to memory does not fail");
            let mut bytes = section.0.into_vec();
            // libgcc ends at an entry of length zero.
            bytes.extend_from_slice(&[0; 4]);

            let section = bytes.into_boxed_slice();
            let entry = if ONE_ENTRY_AT_A_TIME {
                first_length(&section) + 4
            } else {
                0
            };
            // SAFETY: the section holds one common entry, one function entry and the end, and lives until it is
            // deregistered.
            unsafe { __register_frame(section[entry..].as_ptr()) };
            Registration { section, entry }
        }
    }

    fn first_length(section: &[u8]) -> usize {
        u32::from_ne_bytes(section[..4].try_into().expect("four bytes")) as usize
    }

    /// Unwind information that the system knows; it is forgotten when dropped.
    pub(crate) struct Registration {
        section: Box<[u8]>,
        entry: usize,
    }

    impl Drop for Registration {
        fn drop(&mut self) {
            // SAFETY: registered at this address, and not yet deregistered.
            unsafe { __deregister_frame(self.section[self.entry..].as_ptr()) };
        }
    }
}

#[cfg(all(windows, target_arch = "x86_64"))]
mod imp {
    use cranelift_codegen::isa::unwind::UnwindInfo;
    use windows_sys::Win32::System::Diagnostics::Debug::{
        IMAGE_RUNTIME_FUNCTION_ENTRY, IMAGE_RUNTIME_FUNCTION_ENTRY_0, RtlAddFunctionTable, RtlDeleteFunctionTable,
    };

    use super::{CompiledCode, TargetIsa};
    use crate::memory::Region;

    /// Windows has no common part.
    pub(crate) struct Frames;

    impl Frames {
        pub fn new(_: &dyn TargetIsa) -> Frames {
            Frames
        }

        /// The function's unwind information, which has to lie behind the code.
        pub fn prepare(&self, compiled: &CompiledCode, isa: &dyn TargetIsa) -> Result<Option<Prepared>, String> {
            match compiled.create_unwind_info(isa).map_err(|error| error.to_string())? {
                Some(UnwindInfo::WindowsX64(info)) => {
                    let mut bytes = vec![0; info.emit_size()];
                    info.emit(&mut bytes);
                    Ok(Some(Prepared { bytes }))
                }
                _ => Ok(None),
            }
        }
    }

    pub(crate) struct Prepared {
        bytes: Vec<u8>,
    }

    impl Prepared {
        /// What has to lie behind the code, at a multiple of eight bytes.
        pub fn trailer(&self) -> &[u8] {
            &self.bytes
        }

        pub fn register(self, region: &Region, code_size: usize) -> Registration {
            let table = Box::new(IMAGE_RUNTIME_FUNCTION_ENTRY {
                BeginAddress: 0,
                EndAddress: code_size as u32,
                Anonymous: IMAGE_RUNTIME_FUNCTION_ENTRY_0 {
                    UnwindInfoAddress: code_size.next_multiple_of(8) as u32,
                },
            });
            // SAFETY: one entry, relative to the start of the code, which lives until it is deleted.
            unsafe { RtlAddFunctionTable(&*table, 1, region.start().addr() as u64) };
            Registration { table }
        }
    }

    /// Unwind information that the system knows; it is forgotten when dropped.
    pub(crate) struct Registration {
        table: Box<IMAGE_RUNTIME_FUNCTION_ENTRY>,
    }

    // SAFETY: the table is only read, and the system's functions can be called from any thread.
    unsafe impl Send for Registration {}
    // SAFETY: as for Send.
    unsafe impl Sync for Registration {}

    impl Drop for Registration {
        fn drop(&mut self) {
            // SAFETY: added at this address, and not yet deleted.
            unsafe { RtlDeleteFunctionTable(&*self.table) };
        }
    }
}

#[cfg(all(windows, not(target_arch = "x86_64")))]
mod imp {
    use super::{CompiledCode, TargetIsa};
    use crate::memory::Region;

    /// Unwinding on this machine goes by frame pointers alone.
    pub(crate) struct Frames;

    impl Frames {
        pub fn new(_: &dyn TargetIsa) -> Frames {
            Frames
        }

        pub fn prepare(&self, _: &CompiledCode, _: &dyn TargetIsa) -> Result<Option<Prepared>, String> {
            Ok(None)
        }
    }

    /// There is none.
    pub(crate) enum Prepared {}

    impl Prepared {
        pub fn trailer(&self) -> &[u8] {
            match *self {}
        }

        pub fn register(self, _: &Region, _: usize) -> Registration {
            match self {}
        }
    }

    /// There is none.
    pub(crate) enum Registration {}
}
