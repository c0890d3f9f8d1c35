//! `check_refcounts` finds references that are given away too often, or never.

use justjit_ir::{parse, verify};
use justjit_passes::check_refcounts;

const HEADER: &str = "function f\n@f = code\n@none = object immortal\n@o = object\n\
    @take = function(consumed object) any\n@give = function() -> owned object any\n\
    b0(v0: object, v1: bool, v2: pointer):\n";

const STATES: &str = "\ns0 = resume type [@f 0 locals() stack()]\ns1 = resume type [@f 0 locals(owned v0) stack()]\n\
    s2 = resume type [@f 0 locals(owned v0, owned v0) stack()]\ns3 = resume type [@f 0 locals(borrowed v0) stack()] release(v0)\n";

fn check(body: &str) -> Result<(), String> {
    let text = format!("{HEADER}{body}{STATES}");
    let function = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(&function).unwrap_or_else(|error| panic!("{error}\n{text}"));
    check_refcounts(&function).map_err(|errors| errors.join("\n"))
}

#[test]
fn right() {
    let cases = [
        "incref v0\n return v0",
        "v9: object = null\n return v9",
        "v9: object = object @none\n return v9",
        "v9: object = object @o\n incref v9\n return v9",
        "v9: object = call @give\n return v9",
        "incref v0\n call @take v0\n incref v0\n return v0",
        "incref v0\n guard v1 ! s1\n return v0",
        "incref v0\n guard v1 ! s3\n return v0",
        "guard v1 ! s0\n incref v0\n incref v0\n guard v1 ! s2\n decref v0 ! s1\n return v0",
        "incref v0\n branch v1, b1, b2(v0)\nb1:\n return v0\nb2(v9: object):\n return v9",
        // A reference goes round a loop.
        "incref v0\n jump b1(v0)\nb1(v9: object):\n branch v1, b2, b3\nb2:\n v10: object = call @give\n decref_number v9\n jump b1(v10)\nb3:\n return v9",
        // What is stored belongs to memory, what was there to the code.
        "v9: object = load.object.i64.items v2\n incref v0\n store.object.i64.items v2, v0\n hand_over v0\n take_over v9\n return v9",
        "branch v1, b1, b2\nb1:\n v9: object = call @give\n jump b3(v9)\nb2:\n v10: object = null\n jump b3(v10)\nb3(v11: object):\n return v11",
    ];
    for body in cases {
        assert_eq!(check(body), Ok(()), "{body}");
    }
}

#[test]
fn wrong() {
    let cases = [
        ("return v0", "1 references of v0 are needed at the start"),
        (
            "v9: object = object @o\n return v9",
            "1 references of v9 (object) are needed at the start",
        ),
        (
            "v9: object = call @give\n v10: object = null\n return v10",
            "it gives 1 references of v9, 0 are needed",
        ),
        (
            "v9: object = call @give\n decref_number v9\n return v9",
            "it gives 1 references of v9, 2 are needed",
        ),
        (
            "incref v0\n incref v0\n return v0",
            "1 references of v0 are never given away",
        ),
        ("incref v0\n guard v1 ! s0\n return v0", "`guard v1 ! s0`: behind are needed 1 references of v0, s0 gives 0"),
        ("guard v1 ! s1\n incref v0\n return v0", "`guard v1 ! s1`: behind are needed 0 references of v0, s1 gives 1"),
        (
            "incref v0\n branch v1, b1, b2\nb1:\n return v0\nb2:\n v9: object = null\n return v9",
            "one way needs",
        ),
        (
            "incref v0\n decref v0 ! s1\n v9: object = null\n return v9",
            "`decref v0 ! s1`: behind are needed 0 references of v0, s1 gives 1",
        ),
        (
            "incref v0\n jump b1(v0)\nb1(v9: object):\n branch v1, b2, b3\nb2:\n v10: object = call @give\n jump b1(v10)\nb3:\n return v9",
            "b1: `branch v1, b2, b3`: one way needs 0 references of v9, the other 1",
        ),
        (
            "incref v0\n jump b1(v0)\nb1(v9: object) entry s0:\n branch v1, b1(v9), b3\nb3:\n return v9",
            "its entry state gives {}",
        ),
    ];
    for (body, message) in cases {
        let error = check(body).expect_err(body);
        assert!(error.contains(message), "{body}: {error}");
    }
}
