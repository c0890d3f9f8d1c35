"""The modules of the interpreter's own ``test`` package that are run."""

MODULES = """
test_grammar test_exceptions test_except_star test_exception_group test_exception_variations test_raise test_baseexception test_with
test_scope test_global test_named_expressions test_patma test_class test_descr test_super test_decorators test_metaclass test_property
test_funcattrs test_keywordonlyarg test_positional_only_arg test_extcall test_call test_unpack test_unpack_ex test_augassign test_binop
test_bool test_compare test_contains test_complex test_float test_int test_long test_list test_tuple test_dict test_dictviews
test_dictcomps test_listcomps test_setcomps test_set test_range test_slice test_str test_bytes test_iter test_itertools test_enumerate
test_builtin test_operator test_functools test_collections test_dataclasses test_enum test_typing test_types test_type_params
test_isinstance test_copy test_pickle test_json test_re test_decimal test_fractions test_statistics test_math test_cmath test_heapq
test_bisect test_deque test_traceback test_fstring test_richcmp test_sort test_pow test_index test_dynamic test_opcache test_gc
test_weakref test_threading test_signal
""".split()
