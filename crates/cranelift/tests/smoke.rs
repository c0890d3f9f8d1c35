use justjit_builder::*;
use justjit_cranelift::*;
extern "C" fn helper(a: i64, b: i64) -> i64 { a * 100 + b }
#[test]
fn smoke() {
    static H: RuntimeFn = RuntimeFn { name: "helper", address: helper as *const (), signature: Signature { params: &[Type::I64, Type::I64], result: Some(Type::I64) } };
    let mut be = Backend::new(Options { unwind_info: true, verify: true, ..Default::default() }).unwrap();
    let code = be.compile("f", &Signature { params: &[Type::I64, Type::I64], result: Some(Type::I64) }, true, &mut |b| {
        b.set_position(4);
        let (x, y) = (b.param(0), b.param(1));
        b.set_position(0x1c);
        let r = b.call_value(&H, &[x, y]);
        b.set_position(0x20);
        let r = b.int_op_const(IntOp::Add, r, 1);
        b.ret(r);
    }).unwrap();
    println!("{}", code.clif().unwrap());
    for (o, t) in disassemble(&code) { println!("{o:04x} {t}"); }
    println!("{:?} {:?} use {} mapped {}", code, code.positions(), be.code_bytes_in_use(), be.mapped_bytes());
    print!("{}", std::fs::read_to_string("/proc/self/maps").unwrap().lines().filter(|l| l.contains("r-xp")||l.contains("rwx")).map(|l| format!("{l}\n")).collect::<String>());
    let f: extern "C" fn(i64, i64) -> i64 = unsafe { std::mem::transmute(code.address()) };
    assert_eq!(f(3, 4), 305);
    drop(be);
    drop(code);
}
