//! How a Rust function becomes one that compiled code can call by name.

use justjit_builder::Type;

/// A type that crosses the boundary between compiled code and the runtime.
pub trait Abi {
    const TYPE: Type;
}

macro_rules! abi {
    ($($ty:ty => $machine:ident),* $(,)?) => { $(impl Abi for $ty { const TYPE: Type = Type::$machine; })* };
}

abi!(i8 => I8, u8 => I8, i16 => I16, u16 => I16, i32 => I32, u32 => I32, i64 => I64, u64 => I64, isize => I64, usize => I64, f64 => F64);

impl<T> Abi for *mut T {
    const TYPE: Type = Type::I64;
}

impl<T> Abi for *const T {
    const TYPE: Type = Type::I64;
}

/// The result of a runtime function: a type of [`Abi`], or nothing.
pub trait AbiResult {
    const TYPE: Option<Type>;
}

impl<T: Abi> AbiResult for T {
    const TYPE: Option<Type> = Some(T::TYPE);
}

impl AbiResult for () {
    const TYPE: Option<Type> = None;
}

/// Where parameters stand among all: a bit for each.
pub const fn places(all: &[&str], some: &[&str]) -> u32 {
    let mut bits = 0;
    let mut at = 0;
    while at < some.len() {
        let mut place = 0;
        while !equal(all[place].as_bytes(), some[at].as_bytes()) {
            place += 1;
        }
        bits |= 1 << place;
        at += 1;
    }
    bits
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// Defines functions with the platform's C calling convention, each with the [`justjit_builder::RuntimeFn`] by which
/// compiled code calls it:
///
/// ```ignore
/// runtime_fns! {
///     /// What it does, which references it takes over, what it gives back.
///     BUILD_LIST = fn build_list(items: *mut *mut PyObject, count: isize) -> *mut PyObject { … }
/// }
/// ```
///
/// `pure fn` makes it one that is [`pure`](justjit_builder::RuntimeFn::pure); `takes(items) fn` names the parameters whose
/// references it [`takes`](justjit_builder::RuntimeFn::takes) over. All others are borrowed. (What a pointer to memory leads to is
/// handed over where it is written there.)
///
/// The body is an unsafe context: every function here relies on its caller, compiled code, to hold the GIL and to
/// pass live objects of the kinds its documentation names.
#[macro_export]
macro_rules! runtime_fns {
    ($($(#[$meta:meta])* $constant:ident = $(pure $pure:vis)? $(takes($($taken:ident),+))? fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {
        $(
            $(#[$meta])*
            ///
            /// # Safety
            /// The GIL is held; pointers are live objects (or NULL where the text above says so).
            pub unsafe extern "C" fn $name($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: the function's own contract, see above.
                #[allow(unused_unsafe, clippy::macro_metavars_in_unsafe)]
                unsafe { $body }
            }
            $(#[$meta])*
            pub static $constant: ::justjit_builder::RuntimeFn = ::justjit_builder::RuntimeFn {
                name: concat!("justjit_", stringify!($name)),
                address: $name as *const (),
                signature: ::justjit_builder::Signature {
                    params: &[$(<$ty as $crate::function_table::Abi>::TYPE),*],
                    result: $crate::runtime_fns!(@result $($ret)?),
                },
                pure: $crate::runtime_fns!(@pure $(pure $pure)?),
                takes: $crate::function_table::places(&[$(stringify!($arg)),*], &[$($(stringify!($taken)),+)?]),
            };
        )*
    };
    (@result $ret:ty) => { <$ret as $crate::function_table::AbiResult>::TYPE };
    (@result) => { None };
    // The visibility is always empty: it is there to repeat over.
    (@pure pure $pure:vis) => { true };
    (@pure) => { false };
}

#[cfg(test)]
mod tests {
    crate::runtime_fns! {
        /// Not pure.
        READ = fn read(at: *const i64) -> i64 { *at }
        /// Pure.
        HALF = pure fn half(x: f64) -> f64 { x / 2.0 }
    }

    #[test]
    fn only_functions_that_say_so_are_pure() {
        assert!(!READ.pure);
        assert!(HALF.pure);
        assert_eq!(HALF.name, "justjit_half");
    }
}
