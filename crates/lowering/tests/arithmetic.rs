//! Operations on numbers, against what Rust and the definitions say.

mod common;

use common::*;
use justjit_builder::half;
use justjit_ir::State;

/// What is expected: a word, or that the code is left.
type Expected = Option<u64>;

/// A program that does one operation on two ints.
fn int_program(operation: &str, result: &str, constant: Option<i64>) -> String {
    let (width, exit) = match result {
        "bool" => ("bool.u8", ""),
        "float" => ("float.f64", ""),
        _ if operation.ends_with("checked") => ("int.i64", " ! s0"),
        _ => ("int.i64", ""),
    };
    let second = match constant {
        Some(constant) => format!("int {constant}"),
        None => "load.int.i64.data+136 v0".into(),
    };
    format!(
        "function test\n@f = code\nb0(v0: pointer, v1: pointer, v2: int):\n    v3: int = load.int.i64.data+128 v0\n    \
         v4: int = {second}\n    v5: {result} = {operation} v3, v4{exit}\n    store.{width}.data+384 v0, v5\n    \
         v6: object = null\n    return v6\n\ns0 = resume overflow [@f 0 locals(int v3, int v4) stack()]\n"
    )
}

/// Checks an operation on all pairs that `expected` gives something for, the second operand a constant, too.
fn check_ints(operation: &str, result: &str, values: &[i64], expected: impl Fn(i64, i64) -> Option<Expected>) {
    let mut engines = engines();
    let symbols = Symbols::default();
    let check = |program: &Program, a: i64, b: i64| {
        let Some(wanted) = expected(a, b) else { return };
        let got = program.run(&[a as u64, b as u64]);
        let wanted = wanted.ok_or((State(0), vec![a as u64, b as u64]));
        // The same value twice is passed once.
        let engine = &program.engine;
        assert_eq!(got, wanted, "{operation} {a} {b}: {engine}");
    };
    for program in programs(&mut engines, &int_program(operation, result, None), &symbols) {
        for &a in values {
            for &b in values {
                check(&program, a, b);
            }
        }
    }
    for &b in values {
        if values.iter().all(|&a| expected(a, b).is_none()) {
            continue;
        }
        for program in programs(&mut engines, &int_program(operation, result, Some(b)), &symbols) {
            for &a in values {
                check(&program, a, b);
            }
        }
    }
}

fn floor_div(a: i128, b: i128) -> i128 {
    let quotient = a / b;
    if a % b != 0 && (a < 0) != (b < 0) {
        quotient - 1
    } else {
        quotient
    }
}

/// The edges, and a small grid with all combinations of signs.
fn grid() -> Vec<i64> {
    let mut values: Vec<i64> = INTS.into();
    values.extend(-9..=9);
    values.extend([16, -16, 1 << 62, -(1 << 62), i64::MAX - 1, i64::MIN + 1, 1000, -1000]);
    values.sort_unstable();
    values.dedup();
    values
}

#[test]
fn sums_differences_products() {
    type Exact = fn(i128, i128) -> i128;
    let operations: [(&str, Exact); 3] = [("add", |a, b| a + b), ("sub", |a, b| a - b), ("mul", |a, b| a * b)];
    for (name, exact) in operations {
        let fitting = |a: i64, b: i64| i64::try_from(exact(a.into(), b.into())).ok().map(|value| value as u64);
        check_ints(&format!("int_{name}"), "int", &INTS, |a, b| fitting(a, b).map(Some));
        check_ints(&format!("int_{name}_checked"), "int", &INTS, |a, b| Some(fitting(a, b)));
    }
}

#[test]
fn floor_division() {
    check_ints("int_floor_div", "int", &grid(), |a, b| {
        let quotient = (b != 0).then(|| floor_div(a.into(), b.into()))?;
        i64::try_from(quotient).ok().map(|value| Some(value as u64))
    });
    check_ints("int_mod", "int", &grid(), |a, b| {
        let (a, b) = (i128::from(a), i128::from(b));
        (b != 0).then(|| Some((a - floor_div(a, b) * b) as i64 as u64))
    });
}

#[test]
fn bits() {
    check_ints("int_and", "int", &INTS, |a, b| Some(Some((a & b) as u64)));
    check_ints("int_or", "int", &INTS, |a, b| Some(Some((a | b) as u64)));
    check_ints("int_xor", "int", &INTS, |a, b| Some(Some((a ^ b) as u64)));
}

#[test]
fn shifts() {
    let mut values: Vec<i64> = INTS.into();
    values.extend(0..=66);
    values.extend([i64::MAX >> 1, i64::MIN >> 1, -1 << 20]);
    let left = |a: i64, b: i64| {
        let fits = (0..=63).contains(&b).then(|| i128::from(a) << b);
        fits.and_then(|shifted| i64::try_from(shifted).ok())
            .map(|shifted| shifted as u64)
    };
    check_ints("int_shl", "int", &values, |a, b| left(a, b).map(Some));
    check_ints("int_shl_checked", "int", &values, |a, b| Some(left(a, b)));
    check_ints("int_shr", "int", &values, |a, b| {
        (b >= 0).then(|| Some((a >> b.min(63)) as u64))
    });
}

#[test]
fn comparisons() {
    type Test = fn(i64, i64) -> bool;
    let conditions: [(&str, Test); 10] = [
        ("eq", |a, b| a == b),
        ("ne", |a, b| a != b),
        ("lt", |a, b| a < b),
        ("le", |a, b| a <= b),
        ("gt", |a, b| a > b),
        ("ge", |a, b| a >= b),
        ("ult", |a, b| (a as u64) < b as u64),
        ("ule", |a, b| a as u64 <= b as u64),
        ("ugt", |a, b| a as u64 > b as u64),
        ("uge", |a, b| a as u64 >= b as u64),
    ];
    for (name, test) in conditions {
        let operation = format!("int_compare.{name}");
        check_ints(&operation, "bool", &INTS, |a, b| Some(Some(test(a, b).into())));
    }
}

/// A program that does one operation on inputs of one type.
fn program_of(ty: &str, count: usize, operation: &str, result: &str) -> String {
    let kind = |ty| match ty {
        "int" => "int.i64",
        "float" => "float.f64",
        _ => "bool.u8",
    };
    let mut text = String::from("function test\nb0(v0: pointer, v1: pointer, v2: int):\n");
    for index in 0..count {
        let (value, offset, kind) = (3 + index, 128 + 8 * index, kind(ty));
        text += &format!("    v{value}: {ty} = load.{kind}.data+{offset} v0\n");
    }
    let (args, kind) = (["v3", "v3, v4"][count - 1], kind(result));
    text + &format!(
        "    v9: {result} = {operation} {args}\n    store.{kind}.data+384 v0, v9\n    v10: object = null\n    return v10\n"
    )
}

/// All NaNs as one: which one an operation gives is open.
fn bits_of(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

#[test]
fn int_conversions() {
    for program in programs(
        &mut engines(),
        &program_of("int", 1, "int_to_float", "float"),
        &Symbols::default(),
    ) {
        for a in INTS.into_iter().chain([(1 << 53) + 1, -(1 << 53) - 1, (1 << 54) + 3]) {
            assert_eq!(
                program.run(&[a as u64]),
                Ok((a as f64).to_bits()),
                "{a}: {}",
                program.engine
            );
        }
    }
    for program in programs(
        &mut engines(),
        &program_of("float", 1, "float_to_int", "int"),
        &Symbols::default(),
    ) {
        for a in FLOATS {
            if a.is_finite() && a.abs() < 9.2e18 {
                assert_eq!(
                    program.run(&[a.to_bits()]),
                    Ok(a as i64 as u64),
                    "{a}: {}",
                    program.engine
                );
            }
        }
    }
    for width in [8, 16, 32] {
        for program in programs(
            &mut engines(),
            &int_program("int_wrap", "int", Some(width)),
            &Symbols::default(),
        ) {
            for a in INTS.into_iter().chain([128, 32768, 1 << 31, -129, -32769]) {
                let wanted = match width {
                    8 => i64::from(a as i8),
                    16 => i64::from(a as i16),
                    _ => i64::from(a as i32),
                };
                assert_eq!(
                    program.run(&[a as u64]),
                    Ok(wanted as u64),
                    "{a} {width}: {}",
                    program.engine
                );
            }
        }
    }
}

#[test]
fn half_precision() {
    let mut engines = engines();
    for program in programs(
        &mut engines,
        &program_of("int", 1, "half_float", "float"),
        &Symbols::default(),
    ) {
        for bits in 0..=u16::MAX {
            let got = program.run(&[bits.into()]).unwrap();
            let wanted = half::from_half(bits);
            assert_eq!(got, wanted.to_bits(), "{bits}: {}", program.engine);
        }
    }
    for program in programs(
        &mut engines,
        &program_of("float", 1, "float_half", "int"),
        &Symbols::default(),
    ) {
        let check = |value: f64| {
            let got = program.run(&[value.to_bits()]).unwrap();
            assert_eq!(got, half::to_half(value).into(), "{value}: {}", program.engine);
        };
        for bits in 0..0x7c00_u16 {
            let (low, high) = (half::from_half(bits), half::from_half(bits + 1));
            let middle = low + (high - low) / 2.0;
            for value in [low, middle, middle.next_down(), middle.next_up(), low.next_up()] {
                check(value);
                check(-value);
            }
        }
        let payloads = [0x7ff0_0000_0000_0001, 0xfff8_0000_dead_beef, 0x7ff1_2340_0000_0000].map(f64::from_bits);
        for value in FLOATS.into_iter().chain(payloads).chain([65519.99, 65520.0, 1e-9]) {
            check(value);
        }
    }
}

#[test]
fn float_operations() {
    type Two = fn(f64, f64) -> f64;
    let operations: [(&str, Two); 4] = [
        ("float_add", |a, b| a + b),
        ("float_sub", |a, b| a - b),
        ("float_mul", |a, b| a * b),
        ("float_div", |a, b| a / b),
    ];
    for (operation, exact) in operations {
        for program in programs(
            &mut engines(),
            &program_of("float", 2, operation, "float"),
            &Symbols::default(),
        ) {
            for (a, b) in FLOATS.into_iter().flat_map(|a| FLOATS.map(|b| (a, b))) {
                let got = program.run(&[a.to_bits(), b.to_bits()]).unwrap();
                assert_eq!(
                    bits_of(f64::from_bits(got)),
                    bits_of(exact(a, b)),
                    "{operation} {a} {b}: {}",
                    program.engine
                );
            }
        }
    }
    type One = fn(f64) -> f64;
    let operations: [(&str, One); 8] = [
        ("float_neg", |a| -a),
        ("float_abs", f64::abs),
        ("float_sqrt", f64::sqrt),
        ("float_floor", f64::floor),
        ("float_ceil", f64::ceil),
        ("float_trunc", f64::trunc),
        ("float_nearest", f64::round_ties_even),
        ("float_single", |a| f64::from(a as f32)),
    ];
    for (operation, exact) in operations {
        for program in programs(
            &mut engines(),
            &program_of("float", 1, operation, "float"),
            &Symbols::default(),
        ) {
            for a in FLOATS.into_iter().chain([1.5, 3.5, -0.5, -2.5, 4503599627370495.5]) {
                let got = program.run(&[a.to_bits()]).unwrap();
                assert_eq!(
                    bits_of(f64::from_bits(got)),
                    bits_of(exact(a)),
                    "{operation} {a}: {}",
                    program.engine
                );
            }
            let payload = 0xfff8_0000_dead_beef_u64;
            if operation == "float_neg" {
                assert_eq!(program.run(&[payload]), Ok(payload ^ 1 << 63), "{}", program.engine);
            } else if operation == "float_abs" {
                assert_eq!(program.run(&[payload]), Ok(payload & !(1 << 63)), "{}", program.engine);
            }
        }
    }
    type Test = fn(f64, f64) -> bool;
    let conditions: [(&str, Test); 6] = [
        ("eq", |a, b| a == b),
        ("ne", |a, b| a != b),
        ("lt", |a, b| a < b),
        ("le", |a, b| a <= b),
        ("gt", |a, b| a > b),
        ("ge", |a, b| a >= b),
    ];
    for (name, test) in conditions {
        let operation = format!("float_compare.{name}");
        for program in programs(
            &mut engines(),
            &program_of("float", 2, &operation, "bool"),
            &Symbols::default(),
        ) {
            for (a, b) in FLOATS.into_iter().flat_map(|a| FLOATS.map(|b| (a, b))) {
                let got = program.run(&[a.to_bits(), b.to_bits()]);
                assert_eq!(got, Ok(test(a, b).into()), "{operation} {a} {b}: {}", program.engine);
            }
        }
    }
}

#[test]
fn float_constants() {
    for bits in FLOATS
        .map(f64::to_bits)
        .into_iter()
        .chain([0x7ff8_0000_dead_beef, 0xfff8_0000_0000_0001])
    {
        let value = f64::from_bits(bits);
        let constant = if value.is_nan() {
            format!("{bits:#018x}")
        } else {
            format!("{value:?}")
        };
        let text = format!(
            "function test\nb0(v0: pointer, v1: pointer, v2: int):\n    v3: float = float {constant}\n    \
             store.float.f64.data+384 v0, v3\n    v4: object = null\n    return v4\n"
        );
        for program in programs(&mut engines(), &text, &Symbols::default()) {
            assert_eq!(program.run(&[]), Ok(bits), "{constant}: {}", program.engine);
        }
    }
}

#[test]
fn bools() {
    type Two = fn(bool, bool) -> bool;
    let operations: [(&str, Two); 3] = [
        ("bool_and", |a, b| a && b),
        ("bool_or", |a, b| a || b),
        ("bool_xor", |a, b| a != b),
    ];
    for (operation, exact) in operations {
        for program in programs(
            &mut engines(),
            &program_of("bool", 2, operation, "bool"),
            &Symbols::default(),
        ) {
            for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
                assert_eq!(
                    program.run(&[a.into(), b.into()]),
                    Ok(exact(a, b).into()),
                    "{operation}: {}",
                    program.engine
                );
            }
        }
    }
    for (operation, result) in [("bool_not", "bool"), ("bool_to_int", "int")] {
        for program in programs(
            &mut engines(),
            &program_of("bool", 1, operation, result),
            &Symbols::default(),
        ) {
            for a in [false, true] {
                let wanted = u64::from(a == (operation == "bool_to_int"));
                assert_eq!(
                    program.run(&[a.into()]),
                    Ok(wanted),
                    "{operation} {a}: {}",
                    program.engine
                );
            }
        }
    }
}
