//! Accesses to memory, and whether they keep to the classes that they name.

use std::collections::HashMap;

use justjit_builder::{Region, Type};

use crate::run::Trap;

/// Which bytes were used as what, since the last call that may have changed that.
#[derive(Default)]
pub(crate) struct Memory {
    loaded: HashMap<usize, Vec<Region>>,
    stored: HashMap<usize, Vec<Region>>,
}

impl Memory {
    /// From here on, memory may be of other classes.
    pub fn forget(&mut self) {
        self.loaded.clear();
        self.stored.clear();
    }

    /// # Safety
    /// The address is one to read a `ty` from, unless it is unaligned or near 0.
    pub unsafe fn load(&mut self, region: Region, ty: Type, address: u64) -> Result<u64, Trap> {
        let address = checked(ty, address)?;
        for byte in address..address + ty.size() as usize {
            conflict(self.stored.get(&byte), region, byte)?;
            note(&mut self.loaded, region, byte);
        }
        // SAFETY: promised by the caller; the alignment was checked.
        unsafe {
            Ok(match ty.size() {
                1 => pointer::<u8>(address).read().into(),
                2 => pointer::<u16>(address).read().into(),
                4 => pointer::<u32>(address).read().into(),
                _ => pointer::<u64>(address).read(),
            })
        }
    }

    /// # Safety
    /// The address is one to write a `ty` to, unless it is unaligned or near 0.
    pub unsafe fn store(&mut self, region: Region, ty: Type, value: u64, address: u64) -> Result<(), Trap> {
        let address = checked(ty, address)?;
        for byte in address..address + ty.size() as usize {
            conflict(self.stored.get(&byte), region, byte)?;
            conflict(self.loaded.get(&byte), region, byte)?;
            note(&mut self.stored, region, byte);
        }
        // SAFETY: promised by the caller; the alignment was checked.
        unsafe {
            match ty.size() {
                1 => pointer::<u8>(address).write(value as u8),
                2 => pointer::<u16>(address).write(value as u16),
                4 => pointer::<u32>(address).write(value as u32),
                _ => pointer::<u64>(address).write(value),
            }
        }
        Ok(())
    }
}

fn pointer<T>(address: usize) -> *mut T {
    std::ptr::with_exposed_provenance_mut(address)
}

fn checked(ty: Type, address: u64) -> Result<usize, Trap> {
    if address < 4096 {
        Err(Trap::BadAddress(address))
    } else if !address.is_multiple_of(u64::from(ty.size())) {
        Err(Trap::Unaligned(address))
    } else {
        Ok(address as usize)
    }
}

/// Two accesses of a byte, at least one of which is a store, must not be of different classes.
fn conflict(before: Option<&Vec<Region>>, region: Region, byte: usize) -> Result<(), Trap> {
    let clash = |&&other: &&Region| region != Region::Any && other != Region::Any && other != region;
    match before.into_iter().flatten().find(clash) {
        Some(&other) => Err(Trap::TwoRegions(byte, other, region)),
        None => Ok(()),
    }
}

fn note(map: &mut HashMap<usize, Vec<Region>>, region: Region, byte: usize) {
    let regions = map.entry(byte).or_default();
    if !regions.contains(&region) {
        regions.push(region);
    }
}
